package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// A daemon is an agent that a script has started.
type daemon struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when err is how it ended
	err   error
}

type daemonKey struct{}

// daemons are the agents of a script, by name.
type daemons map[string]*daemon

// cmdAgent starts the program as an agent, waits until it serves its page, and
// puts the page's URL into $AGENT; its log goes to agent.log. With a name these
// are $NAME and NAME.log: agent [-name NAME] ARG...
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	name := "AGENT"
	if len(args) > 1 && args[0] == "-name" {
		name, args = args[1], args[2:]
	}
	log := logOf(name)
	if neg {
		ts.Fatalf("usage: agent [-name NAME] ARG...")
	}
	program, err := exec.LookPath("mailops")
	ts.Check(err)
	d := &daemon{cmd: exec.Command(program, append([]string{"agent", "--listen", "127.0.0.1:0"}, args...)...), ended: make(chan struct{})}
	d.cmd.Dir = ts.MkAbs(".")
	d.cmd.Env = append(os.Environ(), "USER=ana", "GORACE=atexit_sleep_ms=0")
	for _, variable := range []string{"MAILOPS_STORE", "PGPASSWORD", "MAILOPS_ZOHO_CLIENT_ID", "MAILOPS_ZOHO_CLIENT_SECRET", "MAILOPS_ZOHO_REFRESH_TOKEN"} {
		d.cmd.Env = append(d.cmd.Env, variable+"="+ts.Getenv(variable))
	}
	into, err := os.OpenFile(ts.MkAbs(log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	stderr, err := d.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	serves := make(chan string, 1)
	go d.follow(stderr, into, serves)
	ts.Defer(func() { _ = d.cmd.Process.Kill(); <-d.ended })
	ts.Value(daemonKey{}).(daemons)[name] = d
	select {
	case at := <-serves:
		ts.Setenv(name, at)
	case <-d.ended:
		ts.Fatalf("the agent ended: %v\n%s", d.err, ts.ReadFile(log))
	case <-time.After(time.Minute):
		ts.Fatalf("the agent does not serve")
	}
}

// logOf is the file of what an agent or a fake of that name tells.
func logOf(name string) string { return strings.ToLower(name) + ".log" }

// follow keeps an agent's log, and tells where it serves, until it has ended.
func (d *daemon) follow(stderr io.Reader, into io.WriteCloser, serves chan<- string) {
	defer close(d.ended)
	defer into.Close()
	lines := bufio.NewScanner(io.TeeReader(stderr, into))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line struct{ Msg, At string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "agent: serves" {
			serves <- line.At
		}
	}
	d.err = d.cmd.Wait()
}

// running is the agent that a command names, $AGENT when it names none.
func running(ts *testscript.TestScript, neg bool, args []string) (d *daemon, name string) {
	name = "AGENT"
	if len(args) == 1 {
		name, args = args[0], nil
	}
	d = ts.Value(daemonKey{}).(daemons)[name]
	if neg || len(args) > 0 || d == nil {
		ts.Fatalf("usage: halt [NAME], or crash [NAME], after agent")
	}
	return d, name
}

// end sends a signal to an agent and waits until it has ended, for ten seconds
// at most. What no agent may write is refused here, for all scripts.
func (d *daemon) end(ts *testscript.TestScript, name string, signal os.Signal) {
	ts.Check(d.cmd.Process.Signal(signal))
	select {
	case <-d.ended:
	case <-time.After(10 * time.Second):
		ts.Fatalf("the agent did not end within 10 s")
	}
	log := ts.ReadFile(logOf(name))
	for _, never := range []string{"panic:", "goroutine ", "DATA RACE", "%!"} {
		if strings.Contains(log, never) {
			ts.Fatalf("the log holds %q:\n%s", never, log)
		}
	}
}

// cmdHalt stops an agent, and demands that it ends in peace within ten seconds:
// halt [NAME]
func cmdHalt(ts *testscript.TestScript, neg bool, args []string) {
	d, name := running(ts, neg, args)
	d.end(ts, name, syscall.SIGTERM)
	ts.Check(d.err)
}

// cmdCrash ends an agent as a crash does: crash [NAME]
func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	d, name := running(ts, neg, args)
	d.end(ts, name, syscall.SIGKILL)
}

// cmdAwait waits until a file matches, for half a minute at most: await FILE
// REGEXP. A file that is not there yet does not match.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE REGEXP")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	deadline, pace := time.After(30*time.Second), time.NewTicker(20*time.Millisecond)
	defer pace.Stop()
	for {
		text, _ := os.ReadFile(ts.MkAbs(args[0]))
		if pattern.Match(text) {
			return
		}
		select {
		case <-pace.C:
		case <-deadline:
			ts.Fatalf("%s holds no %s:\n%s", args[0], args[1], text)
		}
	}
}

// cmdUntil runs a program again and again until it succeeds, for half a minute at
// most: until PROGRAM ARG...
func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until PROGRAM ARG...")
	}
	deadline, pace := time.After(30*time.Second), time.NewTicker(50*time.Millisecond)
	defer pace.Stop()
	for ts.Exec(args[0], args[1:]...) != nil {
		select {
		case <-pace.C:
		case <-deadline:
			ts.Fatalf("it never succeeds")
		}
	}
}

// cmdKeep puts what the last program printed into a variable: keep NAME
func cmdKeep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
