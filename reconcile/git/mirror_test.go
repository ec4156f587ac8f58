package git_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// TestManyFetches: packs do not pile up, and a mirror may have been fetched into
// by a process that is gone.
func TestManyFetches(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	o.Child = nil // as many processes would take long
	mirror := open(t, o)
	for n := range 55 {
		r.commit("more", "team/users.yaml", strings.Repeat("users\n", n), fmt.Sprintf("team/f%d.yaml", n), "x\n")
		r.push("main")
		fetch(t, mirror, nil)
	}
	packs, err := filepath.Glob(filepath.Join(o.Dir, "*/mirror/objects/pack/*.pack"))
	if err != nil || len(packs) > 45 {
		t.Errorf("%d packs, %v", len(packs), err)
	}
	if got := contents(t, mirror, head(t, mirror), "."); len(got) != 57 {
		t.Errorf("%d files", len(got))
	}
	for n := range 6 {
		rev := fmt.Sprintf("HEAD~%d", n*9)
		if got := resolve(t, mirror, rev); len(contents(t, mirror, got, ".")) == 0 {
			t.Errorf("%s is empty", rev)
		}
	}
	bare := &repo{t: t, dir: mirrorOf(t, o)}
	bare.git("fsck", "--full")
}

// TestOtherURL: the mirror of one remote is never taken for that of another.
func TestOtherURL(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	fetch(t, open(t, o), nil)
	o.URL = strings.Replace(o.URL, "org.git", "other.git", 1)
	other := open(t, o)
	fetch(t, other, git.ErrUnreachable)
	if rev, err := other.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
		t.Errorf("the other is at %v, %v", rev, err)
	}
}

// TestManyRefs: a remote with very many branches, some of names that are none.
func TestManyRefs(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	tip := r.git("rev-parse", "HEAD")
	var b strings.Builder
	b.WriteString("# pack-refs with: peeled fully-peeled sorted \n")
	for n := range 20_000 {
		fmt.Fprintf(&b, "%s refs/heads/b%05d\n", tip, n)
	}
	fmt.Fprintf(&b, "%s refs/heads/main\n", tip)
	must(t, os.WriteFile(filepath.Join(r.bare.dir, "packed-refs"), []byte(b.String()), 0o644))
	must(t, os.RemoveAll(filepath.Join(r.bare.dir, "refs/heads/main")))
	for _, all := range []bool{false, true} {
		o := r.options(t)
		o.All = all
		mirror := open(t, o)
		fetch(t, mirror, nil)
		if _, err := mirror.Resolve(t.Context(), "b19999"); (err == nil) != all || head(t, mirror).Commit != tip {
			t.Errorf("all %v: %v", all, err)
		}
	}
	if local := open(t, git.Options{URL: r.bare.dir, Branch: "b10000"}); head(t, local).Commit != tip {
		t.Error("a packed branch is elsewhere")
	}
}

// TestLocked: two processes do not work on a mirror at once.
func TestLocked(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	mirror := open(t, o)
	fetch(t, mirror, nil)
	lock, err := os.Open(filepath.Join(filepath.Dir(mirrorOf(t, o)), "lock"))
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	if err := mirror.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("locked: %v", err)
	}
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_UN))
	lock.Close()
	fetch(t, mirror, nil)
}

// TestNoLeaks: what was opened is closed again, and what was started has ended.
func TestNoLeaks(t *testing.T) {
	r := newRemote(t)
	o := r.options(t)
	o.Child = nil
	round := func() {
		mirror := open(t, o)
		fetch(t, mirror, nil)
		contents(t, mirror, head(t, mirror), ".")
		ctx, cancel := context.WithCancel(t.Context())
		local := open(t, git.Options{URL: r.repo.dir})
		moves, err := local.Watch(ctx)
		must(t, err)
		r.commit("more", "a.yaml", strings.Repeat("a", r.now))
		r.push("main")
		hear(t, moves, "a commit")
		fetch(t, mirror, nil)
		cancel()
		for range moves { // until it is closed
		}
		must(t, errors.Join(mirror.Close(), local.Close()))
		r.server.CloseClientConnections()
	}
	round()
	files, routines := count(t), runtime.NumGoroutine()
	for range 10 {
		round()
	}
	for deadline := time.Now().Add(20 * time.Second); count(t) > files+2 || runtime.NumGoroutine() > routines+2; {
		if time.Now().After(deadline) {
			t.Fatalf("files: %d, then %d; goroutines: %d, then %d", files, count(t), routines, runtime.NumGoroutine())
		}
		runtime.Gosched()
	}
}

// count is how many files this process has open.
func count(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}
