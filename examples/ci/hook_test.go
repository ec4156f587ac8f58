package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPreCommit: the hook judges what is committed, and not what lies in the
// files.
func TestPreCommit(t *testing.T) {
	w := newWorld(t, "github")
	hook := filepath.Join(w.work, ".git/hooks/pre-commit")
	if err := os.WriteFile(hook, read(t, "pre-commit"), 0o700); err != nil {
		t.Fatal(err)
	}
	// commit tries to, and returns whether there is one, and what was said.
	commit := func(args ...string) (bool, string) {
		t.Helper()
		before := w.git("rev-parse", "HEAD")
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"commit", "-q", "-m", "x"}, args...)...)
		cmd.Dir = w.work
		cmd.Env = []string{"PATH=" + filepath.Dir(w.program) + ":/usr/bin:/bin", "HOME=" + t.TempDir(),
			"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example"}
		out, err := cmd.CombinedOutput()
		made := w.git("rev-parse", "HEAD") != before
		if made != (err == nil) {
			t.Errorf("error %v, but a commit: %v", err, made)
		}
		return made, string(out)
	}
	demand := func(what string, want bool, text string, args ...string) {
		t.Helper()
		if made, out := commit(args...); made != want || !strings.Contains(out, text) {
			t.Errorf("%s: made %v, want %v:\n%s", what, made, want, out)
		}
	}
	const user = "users/bruno.yaml"
	wrong, right := slip[user], fewer[user]

	w.write(user, wrong)
	w.git("add", "-A")
	demand("a slip", false, "users/bruno.yaml:3:1: ")
	w.write(user, right)
	demand("a slip that is staged, and mended in the file", false, "nothing was committed")
	w.git("add", "-A")
	w.write(user, wrong)
	demand("a slip in the file alone", true, "")
	demand("all of it", false, "users/bruno.yaml:3:1: ", "-a")
	demand("one file of it", false, "users/bruno.yaml:3:1: ", user)
	demand("past the hook", true, "", "-a", "--no-verify")
	w.write(user, right)
	demand("mended", true, "", "-a")

	w.git("config", "mailops.dir", "users")
	w.write("note.txt", "x\n")
	w.git("add", "-A")
	demand("no declarations there", false, "there is no mailops.yaml")
	w.git("config", "--unset", "mailops.dir")
	w.program = filepath.Join(t.TempDir(), "mailops")
	demand("no program", false, "mailops is not on the PATH")
	if out := w.git("status", "--short"); out != "A  note.txt" {
		t.Errorf("it left something: %s", out)
	}
}
