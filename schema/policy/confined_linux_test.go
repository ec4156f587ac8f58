package policy_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailops/schema/policy"
)

// TestConfined: while a child waits for what to judge, it can open nothing, has
// no environment, and has let go of files that were left open for it.
func TestConfined(t *testing.T) {
	t.Parallel()
	left, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", policy.ChildArg)
	cmd.Env, cmd.ExtraFiles, cmd.WaitDelay = []string{}, []*os.File{left}, time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdin.Write([]byte(`{"memory": 536870912, "cpu": 5000000000, "policies": [{"File": "a.cue", "Text": ""}]}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 1)); err != nil { // it speaks, so it is confined
		t.Fatal(err)
	}
	proc := "/proc/" + strconv.Itoa(cmd.Process.Pid)
	if env, err := os.ReadFile(proc + "/environ"); err != nil || len(env) > 0 {
		t.Errorf("environment %q, %v", env, err)
	}
	if to, err := os.Readlink(proc + "/fd/3"); to == "/dev/null" {
		t.Errorf("file 3 is still %s, %v", to, err)
	}
	limits, err := os.ReadFile(proc + "/limits")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Max cpu time 5 5 seconds", "Max file size 0 0 bytes", "Max core file size 0 0 bytes", "Max open files 3 3 files"} {
		if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), want) {
			t.Errorf("no %q in\n%s", want, limits)
		}
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
