package policy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"mailops/schema"
)

// A unit is a resource as policies see it.
type unit struct {
	Kind     schema.Kind     `json:"kind"`
	Resource json.RawMessage `json:"resource"`
}

// An outcome is what one child told before it ended.
type outcome struct {
	compiling string // what it was parsing last
	survey    survey
	at        at // what it was judging last
	found     []found
	next      int    // how many units it is done with
	death     string // what it did to be ended; "" when it ended by itself
}

// The exit codes by which a child tells why it ended.
const (
	exitOrder  = 10 // it could not read its order, or not take on its limits
	exitMemory = 11
	exitPanic  = 12
)

// maxLine bounds one report, and maxReports all of a child's, so that a child
// gone wrong costs the parent little.
const (
	maxLine    = 1 << 20
	maxReports = 64 << 20
)

// inChild is all of a child's environment.
const inChild = "MAILOPS_POLICY_CHILD"

// run starts a child and waits for its end. The child gets three pipes, and no
// environment but a mark: a program that does not answer to ChildArg would start
// itself without end.
func (c *checker) run(ctx context.Context, policies []schema.Source, units []unit) (outcome, error) {
	if os.Getenv(inChild) != "" {
		return outcome{}, errors.New("this program does not answer to " + ChildArg)
	}
	self, err := executable()
	if err != nil {
		return outcome{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, c.limits.Wall)
	defer cancel()
	input, err := c.input(policies, units)
	if err != nil {
		return outcome{}, err
	}
	stderr := &head{room: 4096}
	cmd := exec.CommandContext(bounded, self, ChildArg)
	cmd.Env, cmd.Stdin, cmd.Stderr, cmd.WaitDelay = []string{inChild + "=1"}, input, stderr, time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := cmd.Start(); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return outcome{death: c.limits.late()}, nil
	} else if err != nil {
		return outcome{}, err
	}
	out, complete := read(stdout)
	if complete {
		cancel() // it has nothing more to say
	} else {
		stdout.Close() // if it lives, its next word is its last
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return outcome{}, ctx.Err()
	case complete:
		return out, nil
	case cmd.ProcessState == nil:
		return outcome{}, err
	case cmd.ProcessState.ExitCode() == exitOrder:
		return outcome{}, fmt.Errorf("the child could not start: %s", strings.TrimSpace(stderr.String()))
	}
	out.death = c.limits.death(cmd.ProcessState, stderr.String(), errors.Is(bounded.Err(), context.DeadlineExceeded))
	return out, nil
}

// executable is this program, also after its file was replaced by an upgrade.
func executable() (string, error) {
	if runtime.GOOS == "linux" {
		if _, err := os.Stat("/proc/self/exe"); err == nil {
			return "/proc/self/exe", nil
		}
	}
	return os.Executable()
}

func (c *checker) input(policies []schema.Source, units []unit) (io.Reader, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	if err := e.Encode(order{Memory: c.limits.Memory, CPU: c.limits.CPU, Policies: policies}); err != nil {
		return nil, err
	}
	for _, u := range units {
		if err := e.Encode(u); err != nil {
			return nil, err
		}
	}
	return &b, nil
}

// read gathers reports up to the last; complete is false when there is none.
func read(stdout io.Reader) (out outcome, complete bool) {
	lines := bufio.NewScanner(io.LimitReader(stdout, maxReports))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			return out, false
		}
		switch {
		case r.Compiling != nil:
			out.compiling = *r.Compiling
		case r.Survey != nil:
			out.survey = *r.Survey
		case r.At != nil:
			out.at = *r.At
		case r.Found != nil:
			out.found = append(out.found, *r.Found)
		case r.Next != nil:
			out.next = *r.Next
			return out, true
		}
	}
	return out, false
}

// death says in words why a child had to be ended.
func (l Limits) death(state *os.ProcessState, stderr string, late bool) string {
	used := state.UserTime() + state.SystemTime()
	killed := state.ExitCode() == -1
	says := func(text string) bool { return strings.Contains(stderr, text) }
	switch {
	case late:
		return l.late()
	case killed && used > l.CPU-500*time.Millisecond:
		return fmt.Sprintf("takes more than %s of CPU time", l.CPU)
	case says("stack exceeds"):
		return "recurses too deeply"
	case state.ExitCode() == exitMemory, says("out of memory"), says("cannot allocate memory"), says("SIGSEGV"):
		// Without memory, Go's own runtime crashes; a fault of CUE's would be a panic.
		return fmt.Sprintf("takes more than %s of memory", schema.Bytes(l.Memory))
	case state.ExitCode() == exitPanic:
		return "makes CUE panic"
	case killed:
		return fmt.Sprintf("takes more than %s of CPU time or %s of memory", l.CPU, schema.Bytes(l.Memory))
	}
	return fmt.Sprintf("makes CUE crash (%s)", state)
}

func (l Limits) late() string { return fmt.Sprintf("takes longer than %s", l.Wall) }

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	room int
}

func (h *head) Write(p []byte) (int, error) {
	keep := min(len(p), h.room)
	h.room -= keep
	h.Buffer.Write(p[:keep])
	return len(p), nil
}
