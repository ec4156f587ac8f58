package git_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// hear waits for a move to be told.
func hear(t *testing.T, moves <-chan struct{}, of string) {
	t.Helper()
	select {
	case <-moves:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s was not told", of)
	}
}

// TestWatch: every way in which a branch moves is seen at once.
func TestWatch(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("first", "a", "1")
	r.git("branch", "team/deep/x")
	tree := filepath.Join(t.TempDir(), "tree")
	r.git("worktree", "add", "-q", tree, "-b", "inTree")
	for _, c := range []struct {
		name, url, branch, ref string
	}{{"HEAD", r.dir, "", "refs/heads/main"}, {"nested", r.dir, "team/deep/x", "refs/heads/team/deep/x"}, {"worktree", tree, "", "refs/heads/inTree"}} {
		ctx, cancel := context.WithCancel(t.Context())
		repository := open(t, git.Options{URL: c.url, Branch: c.branch})
		moves, err := repository.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		second := r.git("commit-tree", "-m", "second", "-p", first, first+"^{tree}")
		r.git("update-ref", c.ref, second)
		hear(t, moves, c.name+": a commit")
		if got := head(t, repository).Commit; got != second {
			t.Errorf("%s: head is %s", c.name, got)
		}
		r.git("pack-refs", "--all", "--prune")
		r.git("update-ref", c.ref, first)
		hear(t, moves, c.name+": a commit after packing")
		r.git("pack-refs", "--all", "--prune")
		r.git("update-ref", "-d", c.ref)
		hear(t, moves, c.name+": its end")
		r.git("update-ref", c.ref, second)
		hear(t, moves, c.name+": its return")
		r.git("pack-refs", "--all", "--prune")
		r.git("update-ref", "refs/heads/unrelated", first)
		r.git("update-ref", "-d", "refs/heads/unrelated")
		r.git("update-ref", c.ref, first)
		hear(t, moves, c.name+": the last move")
		cancel()
		select {
		case <-moves: // may be told again, but then it is closed
		case <-time.After(20 * time.Second):
			t.Errorf("%s: the channel is not closed", c.name)
		}
	}
}

// TestWatchHead: the branch that HEAD names may become another.
func TestWatchHead(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", "a", "1")
	r.git("checkout", "-q", "-b", "other/side")
	second := r.commit("second", "a", "2")
	r.git("checkout", "-q", "main")
	repository := open(t, git.Options{URL: r.dir})
	moves, err := repository.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.git("checkout", "-q", "other/side")
	hear(t, moves, "the switch")
	if got := head(t, repository).Commit; got != second {
		t.Errorf("head is %s", got)
	}
	r.commit("third", "a", "3")
	hear(t, moves, "a commit to the new branch")
}

// TestWatchCost: many moves are few tellings, and the folders watched are let go.
func TestWatchCost(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("first", "a", "1")
	second := r.commit("second", "a", "2")
	repository := open(t, git.Options{URL: r.dir})
	for range 20 { // each one leaves nothing open
		ctx, cancel := context.WithCancel(t.Context())
		moves, err := repository.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		for range moves { // until it is closed
		}
	}
	moves, err := repository.Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, ".git/refs/heads/main")
	for n := range 2000 {
		to := []string{first, second}[n%2]
		if err := os.WriteFile(path+".lock", []byte(to+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".lock", path); err != nil {
			t.Fatal(err)
		}
	}
	hear(t, moves, "any of the moves")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	r.git("update-ref", "refs/heads/main", first)
	for deadline := time.Now().Add(20 * time.Second); head(t, repository).Commit != first; {
		if time.Now().After(deadline) {
			t.Fatal("the last move is not seen")
		}
	}
}
