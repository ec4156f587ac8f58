package git_test

import (
	"encoding/pem"
	"errors"
	"fmt"
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

	"mailops/reconcile/git"
)

// The credentials that are planted, and must be in no error.
const (
	user     = "deploy-canary-user"
	password = "canary:pa/ss word%41"
)

// backend serves the repositories below a folder, as git's own server does.
func backend(t testing.TB, root string) http.Handler {
	t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	return &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"),
		Env: environment("GIT_PROJECT_ROOT="+root, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=x"), Stderr: io.Discard}
}

// A remote is a server that asks for credentials.
type remote struct {
	*repo    // pushes to the served repository
	bare     *repo
	server   *httptest.Server
	caFile   string
	password atomic.Value
}

func newRemote(t *testing.T) *remote {
	t.Helper()
	r := &remote{repo: newRepo(t)}
	root := t.TempDir()
	r.bare = &repo{t: t, dir: filepath.Join(root, "org.git")}
	r.commit("first", "mailops.yaml", "name: acme\n", "team/users.yaml", "users\n")
	r.git("clone", "-q", "--bare", r.repo.dir, r.bare.dir)
	r.bare.git("config", "http.receivepack", "true")
	r.git("remote", "add", "origin", r.bare.dir)
	r.password.Store(password)
	files := backend(t, root)
	r.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if u, p, _ := req.BasicAuth(); u != user || p != r.password.Load() {
			w.Header().Set("WWW-Authenticate", "Basic")
			http.Error(w, "not with "+p+" and "+req.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, req)
	}))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(r.server.Close)
	r.caFile = certificate(t, r.server)
	return r
}

func certificate(t *testing.T, s *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// push brings the work tree's branch to the server.
func (r *remote) push(args ...string) {
	r.t.Helper()
	r.git(append([]string{"push", "-q", "origin"}, args...)...)
}

// options open the remote; the password lies in a file.
func (r *remote) options(t *testing.T) git.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	child, err := git.ChildCommand()
	if err != nil {
		t.Fatal(err)
	}
	return git.Options{URL: r.server.URL + "/org.git", Dir: filepath.Join(t.TempDir(), "state"), CAFile: r.caFile, Child: child,
		Auth: git.Auth{Username: user, PasswordFile: file}}
}

// mirrorOf is where a mirror lies.
func mirrorOf(t testing.TB, o git.Options) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(o.Dir, "*", "mirror"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// fetch fetches, and holds that no error shows a secret.
func fetch(t testing.TB, r *git.Repository, want error) error {
	t.Helper()
	err := r.Fetch(t.Context())
	if !errors.Is(err, want) {
		t.Errorf("fetch: %v, not %v", err, want)
	}
	noSecret(t, err)
	return err
}

func noSecret(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, secret := range []string{"canary:pa", "ss word", "ZGVwbG95LWNhbmFye", "pa%2Fss", "canary%3A"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// TestRemote is the life of a mirror: grown, rewritten, branch gone and back,
// pushed to, credentials replaced, server gone.
func TestRemote(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"child", "this process"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			o := r.options(t)
			if how != "child" {
				o.Child = nil
			}
			mirror := open(t, o)
			if _, err := mirror.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
				t.Errorf("before the first fetch: %v", err)
			}
			fetch(t, mirror, nil)
			first := head(t, mirror)
			if got := contents(t, mirror, first, "."); got["team/users.yaml"] != "users\n" || len(got) != 2 {
				t.Errorf("the mirror holds %v", got)
			}
			second := r.commit("second", "team/users.yaml", "users\nmore\n")
			r.push("main")
			fetch(t, mirror, nil)
			if got := head(t, mirror); got.Commit != second {
				t.Errorf("head is %s", got.Commit)
			}
			if got, err := mirror.Follows(t.Context(), first, head(t, mirror)); got != git.Ancestor || err != nil {
				t.Errorf("%v %v", got, err)
			}
			if changed, err := mirror.Changed(t.Context(), first, head(t, mirror), "team"); err != nil || strings.Join(changed, " ") != "users.yaml" {
				t.Errorf("changed: %v, %v", changed, err)
			}
			rewritten(t, r, mirror)
			branchGone(t, r, mirror)
			expired(t, r, o, mirror)
			r.server.Close()
			at := head(t, mirror)
			fetch(t, mirror, git.ErrUnreachable)
			if again := open(t, o); head(t, again) != at {
				t.Error("without its remote, the mirror is elsewhere")
			}
			info, err := os.Stat(o.Dir)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the mirror's folder has mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func rewritten(t *testing.T, r *remote, mirror *git.Repository) {
	t.Helper()
	before := head(t, mirror)
	r.git("reset", "-q", "--hard", "HEAD~1")
	r.commit("instead", "team/users.yaml", "others\n")
	r.push("-f", "main")
	fetch(t, mirror, nil)
	if got, err := mirror.Follows(t.Context(), before, head(t, mirror)); got != git.Rewritten || err != nil {
		t.Errorf("a force push: %v %v", got, err)
	}
	if base, err := mirror.MergeBase(t.Context(), before, head(t, mirror)); err != nil || base.Subject != "first" {
		t.Errorf("merge base: %v %v", base, err)
	}
}

func branchGone(t *testing.T, r *remote, mirror *git.Repository) {
	t.Helper()
	at := head(t, mirror)
	r.bare.git("update-ref", "-d", "refs/heads/main")
	fetch(t, mirror, nil)
	if _, err := mirror.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
		t.Errorf("deleted: %v", err)
	}
	if rev := resolve(t, mirror, at.Commit); rev != at {
		t.Errorf("what it was at is gone: %v", rev)
	}
	r.push("main")
	fetch(t, mirror, nil)
	if got := head(t, mirror); got != at {
		t.Errorf("back: %v", got)
	}
}

func expired(t *testing.T, r *remote, o git.Options, mirror *git.Repository) {
	t.Helper()
	const renewed = "canary:pa/ss word%42"
	r.password.Store(renewed)
	fetch(t, mirror, git.ErrAuth)
	if err := os.WriteFile(o.Auth.PasswordFile, []byte(renewed), 0o600); err != nil {
		t.Fatal(err)
	}
	fetch(t, mirror, nil)
	if err := os.Chmod(o.Auth.PasswordFile, 0o640); err != nil {
		t.Fatal(err)
	}
	err := mirror.Fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "others than its owner may read") {
		t.Errorf("a password that its group may read: %v", err)
	}
	noSecret(t, err)
	if err := os.Chmod(o.Auth.PasswordFile, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPush: what is committed into a mirror gets to its remote, and never over
// what somebody else has put there.
func TestPush(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	o.Branch = "main"
	mirror := open(t, o)
	fetch(t, mirror, nil)
	base := head(t, mirror)
	commit := git.Commit{Branch: "mailops/adopt", Base: base, Files: map[string][]byte{"team/users.yaml": []byte("adopted\n"), "new/file.yaml": []byte("x\n")},
		Author: "Somebody", Email: "somebody@acme.example", When: time.Unix(1767230000, 0).UTC(), Message: "Adopt what was changed by hand\n\nquota of ana"}
	rev, err := mirror.Commit(t.Context(), commit)
	if err != nil {
		t.Fatal(err)
	}
	r.commit("meanwhile", "mailops.yaml", "name: acme 2\n")
	r.push("main")
	fetch(t, mirror, nil)
	for range 2 { // the second has nothing to do
		if err := mirror.Push(t.Context(), "mailops/adopt"); err != nil {
			t.Fatal(err)
		}
	}
	r.bare.git("fsck", "--strict")
	if got := r.bare.git("log", "--format=%H %an %ae %s", "-1", "mailops/adopt"); got != rev.Commit+" Somebody somebody@acme.example Adopt what was changed by hand" {
		t.Errorf("the remote has %s", got)
	}
	if got := r.bare.git("diff", "--name-only", base.Commit, "mailops/adopt"); got != "new/file.yaml\nteam/users.yaml" {
		t.Errorf("the commit changes %s", got)
	}
	r.git("fetch", "-q", "origin")
	r.git("checkout", "-q", "-b", "theirs", "origin/mailops/adopt")
	theirs := r.commit("theirs", "a", "b")
	r.push("theirs:mailops/adopt")
	commit.Replaces, commit.Base = rev.Commit, rev
	commit.Files = map[string][]byte{"new/file.yaml": nil}
	if _, err = mirror.Commit(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
	if err := mirror.Push(t.Context(), "mailops/adopt"); !errors.Is(err, git.ErrMoved) {
		t.Errorf("over theirs: %v", err)
	}
	if got := r.bare.git("rev-parse", "mailops/adopt"); got != theirs {
		t.Errorf("theirs is now %s", got)
	}
	if err := mirror.Push(t.Context(), "none"); !errors.Is(err, git.ErrNoBranch) {
		t.Errorf("no branch: %v", err)
	}
}

// TestAll: every branch and tag is kept when that is asked for, and the others
// go when the remote's do.
func TestAll(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.git("tag", "-a", "-m", "tag", "v1")
	r.git("branch", "side")
	r.push("v1", "side")
	one := open(t, r.options(t))
	fetch(t, one, nil)
	if _, err := one.Resolve(t.Context(), "side"); !errors.Is(err, git.ErrNoRevision) {
		t.Errorf("a branch that was not asked for: %v", err)
	}
	o := r.options(t)
	o.All = true
	all := open(t, o)
	fetch(t, all, nil)
	for _, name := range []string{"side", "origin/side", "v1", "main", "HEAD"} {
		if rev := resolve(t, all, name); rev.Subject != "first" {
			t.Errorf("%s is %v", name, rev)
		}
	}
	r.bare.git("branch", "-D", "side")
	fetch(t, all, nil)
	if _, err := all.Resolve(t.Context(), "side"); !errors.Is(err, git.ErrNoRevision) {
		t.Errorf("a branch that is gone: %v", err)
	}
}

// TestRedirect: a host that redirects to another gets that one no credentials.
func TestRedirect(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	var seen atomic.Int64
	anonymous := backend(t, filepath.Dir(r.bare.dir))
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for name, values := range req.Header {
			if name == "Authorization" || strings.Contains(fmt.Sprint(values), "canary") {
				seen.Add(1)
			}
		}
		anonymous.ServeHTTP(w, req)
	}))
	t.Cleanup(elsewhere.Close)
	var asked atomic.Int64
	first := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, p, _ := req.BasicAuth(); p == password {
			asked.Add(1)
		}
		http.Redirect(w, req, elsewhere.URL+req.URL.RequestURI(), http.StatusFound)
	}))
	t.Cleanup(first.Close)
	o := r.options(t)
	o.URL = first.URL + "/org.git"
	mirror := open(t, o)
	err := mirror.Fetch(t.Context())
	noSecret(t, err)
	if seen.Load() != 0 || asked.Load() == 0 {
		t.Errorf("the credentials were seen %d times elsewhere, and %d times where they belong; %v", seen.Load(), asked.Load(), err)
	}
	plain := httptest.NewServer(anonymous)
	t.Cleanup(plain.Close)
	down := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/org.git/info/refs?service=git-upload-pack", http.StatusFound))
	t.Cleanup(down.Close)
	o.URL, o.Dir = down.URL+"/org.git", t.TempDir()
	fetch(t, open(t, o), git.ErrUnreachable)
}

// TestProxy: a proxy is used when one is named, and its password is in no error.
func TestProxy(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked.Store(req.Method + " " + req.Host)
		http.Error(w, "not with "+req.Header.Get("Proxy-Authorization"), http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	o := r.options(t)
	o.Auth.Proxy = strings.Replace(proxy.URL, "http://", "http://deploy-canary-user:canary%3Apa%2Fss%20word@", 1)
	fetch(t, open(t, o), git.ErrUnreachable)
	if got := asked.Load(); got != "CONNECT "+strings.TrimPrefix(r.server.URL, "https://") {
		t.Errorf("the proxy was asked %v", got)
	}
}

// TestUntrusted: a server whose certificate nobody vouches for is not spoken to.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	o.CAFile = ""
	if err := fetch(t, open(t, o), git.ErrUnreachable); !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}
