package git_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailops/reconcile/git"
)

// TestMain is the fetching child when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == git.ChildArg {
		os.Exit(git.FetchChild(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// A repo is a repository that the git binary works on.
type repo struct {
	t   testing.TB
	dir string
	now int // seconds that the next commit is after the first
}

// environment is one in which nobody's settings count.
func environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ana Silva", "GIT_AUTHOR_EMAIL=ana@acme.example",
		"GIT_COMMITTER_NAME=Bruno", "GIT_COMMITTER_EMAIL=bruno@acme.example", "GIT_TERMINAL_PROMPT=0"}, extra...)
}

// newRepo makes a repository with a work tree.
func newRepo(t testing.TB) *repo {
	t.Helper()
	r := &repo{t: t, dir: t.TempDir()}
	r.git("init", "-q", "-b", "main", ".")
	return r
}

// git runs the binary and returns what it says.
func (r *repo) git(args ...string) string {
	r.t.Helper()
	return r.input(nil, args...)
}

func (r *repo) input(in []byte, args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.dir, "-c", "gc.auto=0", "-c", "protocol.file.allow=always"}, args...)...)
	date := fmt.Sprintf("%d +0100", 1767225600+r.now)
	cmd.Env = environment("GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimRight(string(out), "\n")
}

// write puts files into the work tree: path, text, path, text...
func (r *repo) write(files ...string) {
	r.t.Helper()
	for n := 0; n < len(files); n += 2 {
		path := filepath.Join(r.dir, filepath.FromSlash(files[n]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[n+1]), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// commit commits files and returns the commit's name.
func (r *repo) commit(message string, files ...string) string {
	r.t.Helper()
	r.write(files...)
	r.now += 60
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", message)
	return r.git("rev-parse", "HEAD")
}

// open opens a repository that is closed when the test ends.
func open(t testing.TB, o git.Options) *git.Repository {
	t.Helper()
	r, err := git.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func head(t testing.TB, r *git.Repository) git.Revision {
	t.Helper()
	rev, err := r.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func resolve(t testing.TB, r *git.Repository, text string) git.Revision {
	t.Helper()
	rev, err := r.Resolve(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// contents reads all files of a revision.
func contents(t testing.TB, r *git.Repository, rev git.Revision, folder string) map[string]string {
	t.Helper()
	fsys, err := r.FS(rev, folder)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	err = fs.WalkDir(fsys, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		out[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
