// Package faults is tests alone: stores of hosted services, over their simulators,
// meet everything that can go wrong with a service, a connection and a process. It
// is beside the services, since what is demanded of one is demanded of all.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// childEnv has the errand of a process that is this test binary again.
const childEnv = "MAILOPS_FAULTS_ERRAND"

// An errand is what another process does: an apply, or going on with one.
type errand struct {
	Site  site
	Run   *reconcile.Run // nil: go on with what was cut off
	Death death
}

// A death is when a process kills itself with -9, which no simulator sees.
type death struct {
	At  string // one of deaths; "" is never
	Nth int
}

// deaths are: an operation is in the journal and was not sent; it was answered and
// not marked; what was read was not looked at.
var deaths = []string{"before do", "after do", "after read"}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := child(context.Background(), text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child runs an errand.
func child(ctx context.Context, text string) error {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	service, err := e.Site.service()
	if err != nil {
		return err
	}
	store, err := e.Site.open(ctx, &mortal{Service: service, death: e.Death})
	if err != nil {
		return err
	}
	if e.Run != nil {
		_, err = store.Apply(ctx, reconcile.Batch{Run: *e.Run})
	} else {
		_, err = store.GoOn(ctx, nil)
	}
	return errors.Join(err, store.Close())
}

// A mortal service kills its process.
type mortal struct {
	piecemeal.Service
	death death
	seen  int
}

// Do implements [piecemeal.Service].
func (m *mortal) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	m.reaches("before do")
	answer := m.Service.Do(ctx, call, secrets)
	m.reaches("after do")
	return answer
}

// Read implements [piecemeal.Service].
func (m *mortal) Read(ctx context.Context, keys []schema.Key) (piecemeal.Reading, error) {
	reading, err := m.Service.Read(ctx, keys)
	m.reaches("after read")
	return reading, err
}

func (m *mortal) reaches(at string) {
	if m.death.At != at {
		return
	}
	if m.seen++; m.seen < m.death.Nth {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic(err)
	}
	select {} // the signal is on its way
}

// A process runs an errand.
type process struct {
	*exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	err   error // once ended
}

// send starts an errand.
func send(t *testing.T, e errand) *process {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.CommandContext(t.Context(), self), ended: make(chan struct{})}
	p.Env = append(os.Environ(), childEnv+"="+string(text))
	p.Stdout, p.Stderr = &p.out, &p.out
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Wait()
		close(p.ended)
	}()
	return p
}

// kill ends the process with -9, and comes back when it is gone.
func (p *process) kill() {
	_ = p.Process.Kill() // it may be gone
	<-p.ended
}

// wait reports whether the process came to its end, and did not die before.
func (p *process) wait(t *testing.T) bool {
	t.Helper()
	<-p.ended
	if p.err != nil && p.ProcessState.Exited() {
		t.Errorf("another process: %v: %s", p.err, p.out.String())
	}
	return p.ProcessState.Exited()
}

// A counting service tells how often it comes by where a process can die.
type counting struct {
	piecemeal.Service
	calls map[string]int
}

// Do implements [piecemeal.Service].
func (c *counting) Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer {
	c.calls["before do"]++
	c.calls["after do"]++
	return c.Service.Do(ctx, call, secrets)
}

// Read implements [piecemeal.Service].
func (c *counting) Read(ctx context.Context, keys []schema.Key) (piecemeal.Reading, error) {
	c.calls["after read"]++
	return c.Service.Read(ctx, keys)
}
