package publish_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/agent/publish"
	"mailops/reconcile/git"
	"mailops/reconcile/mem"
	"mailops/reconcile/snapshot"
	"mailops/schema"
)

// now is when snapshots of these tests are taken.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func options(minutes int) snapshot.Options {
	return snapshot.Options{At: now.Add(time.Duration(minutes) * time.Minute), Store: "mem:", Organization: "Acme"}
}

func store() *mem.Store {
	s := mem.New()
	s.Put(&schema.Domain{Name: "acme.example"})
	s.Put(&schema.User{Address: "ana@acme.example", Name: "Ana"})
	return s
}

// A hub is a bare repository, and where it is reached.
type hub struct {
	*testing.T
	bare   string
	server *httptest.Server
}

func newHub(t *testing.T) *hub {
	t.Helper()
	root := t.TempDir()
	h := &hub{T: t, bare: filepath.Join(root, "org.git")}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", "--bare", "-b", "main", h.bare).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.git("config", "http.receivepack", "true")
	tree := h.git("mktree", "--missing")
	h.git("update-ref", "refs/heads/main", h.git("commit-tree", "-m", "first", tree))
	h.server = httptest.NewServer(&cgi.Handler{Path: filepath.Join(h.git("--exec-path"), "git-http-backend"),
		Env: append(environment(), "GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=x")})
	t.Cleanup(h.server.Close)
	return h
}

func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example", "GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example"}
}

func (h *hub) git(args ...string) string {
	h.Helper()
	cmd := exec.CommandContext(h.Context(), "git", args...)
	cmd.Dir, cmd.Env = h.bare, environment()
	out, err := cmd.Output()
	if err != nil {
		h.Fatalf("git %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// branches are the ways to the same branch of a hub.
func (h *hub) branches(name string) map[string]*publish.Branch {
	return map[string]*publish.Branch{
		"local":  {Repo: git.Options{URL: h.bare, Branch: name, Dir: h.TempDir()}},
		"remote": {Repo: git.Options{URL: h.server.URL + "/org.git", Branch: name, Dir: filepath.Join(h.TempDir(), "mirror")}},
	}
}

// TestBranch: the branch always holds the last snapshot alone, and neither the
// repository nor the mirror of it grows by those before.
func TestBranch(t *testing.T) {
	h := newHub(t)
	for name, b := range h.branches("mailops-snapshot") {
		for i := range 4 {
			if _, err := b.Publish(t.Context(), store(), options(i)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			file := h.git("show", "mailops-snapshot:live.snapshot")
			s, err := snapshot.Read(strings.NewReader(file), snapshot.Demand{Organization: "Acme", Now: now.Add(time.Hour)})
			if err != nil || !s.At.Equal(options(i).At) || len(s.Live.State) != 2 {
				t.Errorf("%s: published %+v, %v", name, s, err)
			}
		}
		if got := h.git("log", "--format=%s|%an|%P", "mailops-snapshot"); got != "what was live at 2026-11-22 12:03 UTC|mailops agent|" {
			t.Errorf("%s: the branch:\n%s", name, got)
		}
		if got := h.git("ls-tree", "-r", "--name-only", "mailops-snapshot"); got != "live.snapshot" {
			t.Errorf("%s: it holds %s", name, got)
		}
		if n := objects(t, b.Repo.Dir); n > 8 { // this one and the one before
			t.Errorf("%s: the mirror holds %d objects", name, n)
		}
	}
	h.git("gc", "-q", "--prune=now")
	if got := h.git("rev-list", "--all", "--objects"); strings.Count(got, "live.snapshot") != 1 {
		t.Errorf("objects:\n%s", got)
	}
}

func objects(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.Contains(path, "/objects/") {
			n++
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a local repository has no mirror
		t.Fatal(err)
	}
	return n
}

// TestForeign: a branch of anything else is never replaced.
func TestForeign(t *testing.T) {
	h := newHub(t)
	blob := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(blob, []byte("kind: User\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.git("read-tree", "--empty")
	h.git("update-index", "--add", "--cacheinfo", "100644,"+h.git("hash-object", "-w", blob)+",users.yaml")
	work := h.git("commit-tree", "-m", "work", h.git("write-tree"))
	h.git("update-ref", "refs/heads/main", work)
	for name, b := range h.branches("main") {
		_, err := b.Publish(t.Context(), store(), options(0))
		if !errors.Is(err, publish.ErrForeign) || !strings.Contains(err.Error(), "it holds users.yaml") || h.git("rev-parse", "main") != work {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A slow store lets somebody else do something while it is read.
type slow struct {
	*mem.Store
	meanwhile func()
}

func (s slow) Since(ctx context.Context, t time.Time) ([]reconcile.Run, error) {
	s.meanwhile()
	return s.Store.Since(ctx, t)
}

// TestOvertaken: who was overtaken by another agent while it read the store does
// not put the older snapshot in the place of the newer one.
func TestOvertaken(t *testing.T) {
	h := newHub(t)
	for name, b := range h.branches("mailops-snapshot") {
		newer := publish.Branch{Repo: git.Options{URL: h.bare, Branch: "mailops-snapshot"}}
		late := slow{store(), func() {
			if _, err := newer.Publish(t.Context(), store(), options(5)); err != nil {
				t.Fatal(err)
			}
		}}
		if _, err := b.Publish(t.Context(), late, options(1)); !errors.Is(err, git.ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
		if got := h.git("log", "--format=%s", "mailops-snapshot"); got != "what was live at 2026-11-22 12:05 UTC" {
			t.Errorf("%s: %s", name, got)
		}
		h.git("update-ref", "-d", "refs/heads/mailops-snapshot")
	}
}

// TestNoServer: a remote that is away, or lets nobody in, is said so.
func TestNoServer(t *testing.T) {
	h := newHub(t)
	b := h.branches("mailops-snapshot")["remote"]
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	if _, err := b.Publish(t.Context(), store(), options(0)); !errors.Is(err, git.ErrAuth) {
		t.Errorf("let in nobody: %v", err)
	}
	h.server.Close()
	if _, err := b.Publish(t.Context(), store(), options(0)); !errors.Is(err, git.ErrUnreachable) {
		t.Errorf("away: %v", err)
	}
}

// TestFile: the file is always a whole snapshot; who may not write any more leaves
// the last one, and nothing beside it.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	var p agent.Publisher = &publish.File{Name: filepath.Join(dir, "live.snapshot")}
	for i := range 3 {
		if _, err := p.Publish(t.Context(), store(), options(i)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(p.Where())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	led := slow{store(), cancel} // another agent leads meanwhile
	if _, err := p.Publish(ctx, led, options(4)); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not lead any more: %v", err)
	}
	if after, err := os.ReadFile(p.Where()); err != nil || !bytes.Equal(text, after) {
		t.Errorf("it published: %v", err)
	}
	if s, err := snapshot.Read(bytes.NewReader(text), snapshot.Demand{Organization: "Acme", Now: now.Add(time.Hour)}); err != nil || !s.At.Equal(options(2).At) {
		t.Errorf("%+v, %v", s, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), store(), options(5)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
