package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A daemon is an agent that a script has started.
type daemon struct {
	cmd   *exec.Cmd
	ended chan error
}

type daemonKey struct{}

// cmdAgent starts the program as an agent, waits until it serves its page, and
// puts the page's URL into $AGENT; its log goes to agent.log:
// agent ARG...
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: agent ARG...")
	}
	d := ts.Value(daemonKey{}).(*daemon)
	program, err := exec.LookPath("mailops")
	ts.Check(err)
	d.cmd = exec.Command(program, append([]string{"agent", "--listen", "127.0.0.1:0"}, args...)...)
	d.cmd.Dir = ts.MkAbs(".")
	d.cmd.Env = append(os.Environ(), "MAILOPS_STORE="+ts.Getenv("MAILOPS_STORE"), "USER=ana", "GORACE=atexit_sleep_ms=0")
	log, err := os.OpenFile(ts.MkAbs("agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	stderr, err := d.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	serves := make(chan string, 1)
	d.ended = make(chan error, 1)
	go func() {
		defer log.Close()
		lines := bufio.NewScanner(io.TeeReader(stderr, log))
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var line struct{ Msg, At string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "agent: serves" {
				serves <- line.At
			}
		}
		d.ended <- d.cmd.Wait()
	}()
	ts.Defer(func() { _ = d.cmd.Process.Kill() })
	select {
	case at := <-serves:
		ts.Setenv("AGENT", at)
	case err := <-d.ended:
		ts.Fatalf("the agent ended: %v\n%s", err, ts.ReadFile("agent.log"))
	case <-time.After(time.Minute):
		ts.Fatalf("the agent does not serve")
	}
}

// cmdStop stops the agent, and demands that it ends in peace within ten seconds.
func cmdStop(ts *testscript.TestScript, neg bool, args []string) {
	d := ts.Value(daemonKey{}).(*daemon)
	if neg || len(args) > 0 || d.cmd == nil {
		ts.Fatalf("usage: stop, after agent")
	}
	ts.Check(d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-d.ended:
		ts.Check(err)
	case <-time.After(10 * time.Second):
		ts.Fatalf("the agent did not stop within 10 s")
	}
}
