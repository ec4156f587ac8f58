package agent_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/git"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// A farm is an agent that follows a branch on a server as people run them: git's
// own server behind HTTP, a mirror on disk, SQLite.
type farm struct {
	*testing.T
	work, bare, state, live string
	trouble                 atomic.Pointer[http.HandlerFunc] // answers in place of the server
	agent                   *agent.Agent
}

func newFarm(t *testing.T) *farm {
	dir := t.TempDir()
	f := &farm{T: t, work: filepath.Join(dir, "work"), bare: filepath.Join(dir, "served", "org.git"), state: filepath.Join(dir, "state"), live: filepath.Join(dir, "live.db")}
	if err := os.MkdirAll(f.work, 0o755); err != nil {
		t.Fatal(err)
	}
	f.git("init", "-q", "-b", "main")
	f.push("mailops.yaml", organization("drift: {default: heal, fights: 100}\n"), "ana.yaml", base["ana.yaml"], "bruno.yaml", base["bruno.yaml"])
	f.git("clone", "-q", "--bare", ".", f.bare)
	f.git("remote", "add", "origin", f.bare)
	f.follow(f.serve().URL + "/org.git")
	return f
}

// git runs git in the work tree, where nobody's settings count.
func (f *farm) git(args ...string) string {
	f.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(f.Context()), "git", args...)
	cmd.Dir = f.work
	cmd.Env = environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example"}
}

// push commits files and brings them to the server once there is one.
func (f *farm) push(files ...string) string {
	f.Helper()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(f.work, files[i]), []byte(files[i+1]), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	f.git("add", "-A")
	f.git("commit", "-q", "--allow-empty", "-m", "change")
	if f.agent != nil {
		f.git("push", "-q", "origin", "main")
	}
	return "git:" + f.git("rev-parse", "HEAD")
}

// serve serves the bare repository.
func (f *farm) serve() *httptest.Server {
	f.Helper()
	files := f.backend(filepath.Dir(f.bare))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := f.trouble.Load(); answer != nil {
			(*answer)(w, r)
			return
		}
		files.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Cleanup(server.Close)
	return server
}

// follow starts the agent, and waits until its first commit is in force.
func (f *farm) follow(url string) {
	f.Helper()
	child, err := git.ChildCommand()
	if err != nil {
		f.Fatal(err)
	}
	repo, err := git.Open(f.Context(), git.Options{URL: url, Dir: f.state, Child: child})
	if err != nil {
		f.Fatal(err)
	}
	source := &agent.Git{Repo: repo}
	f.agent = agent.New(agent.Options{Source: source, Name: "live", Holder: "farm", Interval: 2 * time.Second, Open: func(ctx context.Context) (agent.Store, error) { return f.open(ctx) }})
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.agent.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Errorf("the agent ended with %v", err)
		}
		if err := source.Close(); err != nil {
			f.Error(err)
		}
	})
	f.await(f.head())
}

func (f *farm) head() string { return "git:" + f.git("rev-parse", "HEAD") }

func (f *farm) open(ctx context.Context) (*sqlite.Store, error) {
	return sqlite.Open(ctx, f.live, sqlite.Options{})
}

// await waits until a commit is in force and nothing is wrong, by itself.
func (f *farm) await(id string) {
	f.Helper()
	f.until("has "+id+" in force", func(s agent.Status) bool {
		return s.InForce != nil && s.InForce.ID == id && s.Error == "" && s.Verdict == nil
	})
}

func (f *farm) until(what string, is func(agent.Status) bool) {
	f.Helper()
	for end := time.Now().Add(time.Minute); ; {
		s := f.agent.Status()
		if is(s) {
			return
		}
		if time.Now().After(end) {
			f.Fatalf("it never %s: %q, %+v, %+v", what, s.Error, s.InForce, s.Verdict)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// drift turns bruno's POP on, by hand.
func (f *farm) drift() {
	f.Helper()
	out, err := exec.CommandContext(f.Context(), "sqlite3", "-cmd", ".timeout 10000", f.live, "UPDATE mailuser SET pop = 1 WHERE local = 'bruno'").CombinedOutput()
	if err != nil {
		f.Fatalf("%v: %s", err, out)
	}
}

// healed waits until that is taken back.
func (f *farm) healed() {
	f.Helper()
	s, err := f.open(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close()
	f.until("heals", func(agent.Status) bool {
		live, err := reconcile.ReadLive(f.Context(), s)
		if err != nil {
			f.Fatal(err)
		}
		u, ok := live.State.Find(user("bruno")).(*schema.User)
		return ok && !u.MailboxActions.POP
	})
}

// answering is trouble that a server makes.
func (f *farm) answering(h http.HandlerFunc) (begin, end func()) {
	return func() { f.trouble.Store(&h) }, func() { f.trouble.Store(nil) }
}

// half answers with the first half of what git's server says to a fetch.
func (f *farm) half(root string) http.HandlerFunc {
	whole := f.backend(root)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			whole.ServeHTTP(w, r)
			return
		}
		said := httptest.NewRecorder()
		whole.ServeHTTP(said, r)
		w.Header().Set("Content-Type", said.Header().Get("Content-Type"))
		_, _ = w.Write(said.Body.Bytes()[:said.Body.Len()/2])
		panic(http.ErrAbortHandler)
	}
}

func (f *farm) backend(root string) http.Handler {
	path, err := exec.CommandContext(f.Context(), "git", "--exec-path").Output()
	if err != nil {
		f.Fatal(err)
	}
	return &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"), Stderr: io.Discard,
		Env: append(environment(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1")}
}

// TestRemoteFaults: whatever is wrong with the repository, the commit in force
// stays and is kept, the status says what is wrong, and when it is mended the
// agent goes on by itself.
func TestRemoteFaults(t *testing.T) {
	f := newFarm(t)
	gone, back := f.answering(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	locked, opened := f.answering(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", "Basic")
		http.Error(w, "expired", http.StatusUnauthorized)
	})
	cut, mended := f.answering(f.half(filepath.Dir(f.bare)))
	for _, c := range []struct {
		name       string
		begin, end func()
		says       string // what the status says of the source, in part
	}{
		{"it cannot be reached", gone, back, "cannot be reached"},
		{"the credentials have expired", locked, opened, "credentials"},
		{"packs arrive by half", cut, mended, "pack"},
		{"the branch is deleted",
			func() { f.git("--git-dir", f.bare, "update-ref", "-d", "refs/heads/main") },
			func() { f.git("push", "-q", "origin", "main") }, "no such branch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.T = t
			before := f.agent.Status().InForce.ID
			id := f.push("bruno.yaml", base["bruno.yaml"]+"name: "+c.name+"\n")
			c.begin()
			f.until("says what is wrong", func(s agent.Status) bool {
				return strings.Contains(s.SourceError, c.says) || s.InForce.ID == id && s.SourceError != ""
			})
			kept := f.agent.Status().InForce.ID
			if kept != before && kept != id {
				t.Errorf("%s is in force", kept)
			}
			f.drift()
			f.healed()
			if s := f.agent.Status(); s.Result != agent.ResultFailed {
				t.Errorf("it says %q", s.Result)
			}
			c.end()
			f.await(f.head())
		})
		f.T = t
	}
}

// TestDamagedMirror: an object that is broken on disk is noticed, and fetched
// again.
func TestDamagedMirror(t *testing.T) {
	f := newFarm(t)
	for i, damage := range []func([]byte) []byte{
		func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b },
		func(b []byte) []byte { return b[:len(b)/2] },
		func([]byte) []byte { return nil },
	} {
		f.spoil(damage)
		id := f.push("bruno.yaml", base["bruno.yaml"]+"name: "+strings.Repeat("B", i+1)+"\n")
		f.await(id)
		f.drift()
		f.healed()
	}
}

// spoil damages every file of objects that the mirror has.
func (f *farm) spoil(damage func([]byte) []byte) {
	f.Helper()
	n := 0
	err := filepath.WalkDir(f.state, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "objects") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, damage(text), 0o600))
	})
	if err != nil || n == 0 {
		f.Fatalf("%d files: %v", n, err)
	}
}
