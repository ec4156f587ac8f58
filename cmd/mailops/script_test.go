package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mailops/reconcile/git"
	"mailops/schema/policy"
)

// TestMain makes the test binary the program itself: for the scripts, which run
// it as mailops, and for the policy child, which main starts by no name.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && (os.Args[1] == policy.ChildArg || os.Args[1] == git.ChildArg) {
		main()
	}
	testscript.Main(stopping{m}, map[string]func(){"mailops": main})
}

// stopping stops what scripts share when all of them are done.
type stopping struct{ *testing.M }

func (s stopping) Run() int {
	code := s.M.Run()
	if started {
		if server, err := launched(); err == nil {
			_ = server.Close()
		}
	}
	return code
}

// TestScripts runs the real main on the stories in testdata. UPDATE=1 rewrites
// what they expect.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		Setup:               setup,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agent":     cmdAgent,
			"await":     cmdAwait,
			"crash":     cmdCrash,
			"edit":      cmdEdit,
			"exit":      cmdExit,
			"fake":      cmdFake,
			"fault":     cmdFault,
			"halt":      cmdHalt,
			"hold":      cmdHold,
			"json":      cmdJSON,
			"keep":      cmdKeep,
			"mask":      cmdMask,
			"misbehave": cmdMisbehave,
			"observed":  cmdObserved,
			"pop3":      cmdPOP3,
			"postgres":  cmdPostgres,
			"psql":      cmdPSQL,
			"release":   cmdRelease,
			"quirks":    cmdQuirks,
			"simulate":  cmdSimulate,
			"simulated": cmdSimulated,
			"sql":       cmdSQL,
			"unsaid":    cmdUnsaid,
			"until":     cmdUntil,
			"verifies":  cmdVerifies,
		},
	})
}

// A transcript is what a script's runs of the program printed, all of it.
type transcript struct{ bytes.Buffer }

type transcriptKey struct{}

func setup(env *testscript.Env) error {
	env.Values[transcriptKey{}] = new(transcript)
	env.Values[heldKey{}] = new(held)
	env.Values[mailKey{}] = new(mail)
	env.Values[daemonKey{}] = make(daemons)
	env.Values[fakeKey{}] = make(fakes)
	env.Setenv("USER", "ana")
	// The race detector sleeps for a second at the end of every process, so that
	// goroutines left behind can be caught; there are hundreds of processes.
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	return nil
}

// cmdExit runs a program and demands an exit code: exit CODE PROGRAM ARG... What
// no run of the program may print is refused here, for all scripts.
func cmdExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	ts.Value(transcriptKey{}).(*transcript).WriteString(out)
	for _, never := range []string{"panic:", "goroutine ", "DATA RACE", "\x1b", "%!", "<nil>"} {
		if strings.Contains(out, never) {
			ts.Fatalf("the output holds %q", never)
		}
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// cmdUnsaid demands that no run of the script so far printed any of the texts,
// nor any file named after --: unsaid TEXT... -- FILE...
func cmdUnsaid(ts *testscript.TestScript, neg bool, args []string) {
	texts, files := args, []string(nil)
	if i := slices.Index(args, "--"); i >= 0 {
		texts, files = args[:i], args[i+1:]
	}
	if neg || len(texts) == 0 {
		ts.Fatalf("usage: unsaid TEXT... [-- FILE...]")
	}
	places := map[string]string{"the output": ts.Value(transcriptKey{}).(*transcript).String()}
	for _, file := range files {
		places[file] = ts.ReadFile(file)
	}
	for place, text := range places {
		for _, secret := range texts {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s holds %q", place, secret)
			}
		}
	}
}

// cmdJSON demands that the last run printed one JSON document of that format:
// json FORMAT.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json FORMAT")
	}
	var document struct{ Format string }
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &document); err != nil {
		ts.Fatalf("stdout is not one JSON document: %v", err)
	}
	if document.Format != args[0] {
		ts.Fatalf("format %q, want %q", document.Format, args[0])
	}
}

// cmdEdit replaces a text that a file holds exactly once: edit FILE OLD NEW,
// with \n for a new line.
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	lines := strings.NewReplacer(`\n`, "\n")
	before, old, new := ts.ReadFile(args[0]), lines.Replace(args[1]), lines.Replace(args[2])
	if n := strings.Count(before, old); n != 1 {
		ts.Fatalf("%s holds the text %d times", args[0], n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(before, old, new, 1)), 0o600))
}

// masks are the parts of an output that differ from run to run.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?`), "YYYY-MM-DD hh:mm:ss UTC"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "(digest)"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "(digest)"},
}

// cmdMask makes the last output the same in every run, for cmp.
func cmdMask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: mask")
	}
	for name, to := range map[string]func(string){
		"stdout": func(s string) { _, _ = ts.Stdout().Write([]byte(s)) },
		"stderr": func(s string) { _, _ = ts.Stderr().Write([]byte(s)) },
	} {
		text := strings.ReplaceAll(ts.ReadFile(name), ts.Getenv("WORK"), "$WORK")
		for _, m := range masks {
			text = m.what.ReplaceAllString(text, m.with)
		}
		to(text)
	}
}
