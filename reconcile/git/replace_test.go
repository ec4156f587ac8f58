package git_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// alone is a commit that is all that a branch holds.
func alone(replaces, text string) git.Commit {
	return git.Commit{Branch: "state", Replaces: replaces, Files: map[string][]byte{"state": []byte(text)},
		Author: "mailops", Email: "mailops@localhost", When: time.Unix(1767230000, 0).UTC(), Message: text}
}

// TestReplace: a branch that is replaced again and again holds one commit, in the
// repository and in what a clone of it gets; who looked at another one replaces
// nothing.
func TestReplace(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	for name, o := range map[string]git.Options{"remote": r.options(t), "local": {URL: r.bare.dir}} {
		o.Branch = "state"
		repository := open(t, o)
		fetch(t, repository, nil)
		if _, err := repository.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
			t.Errorf("%s: before the first: %v", name, err)
		}
		last := ""
		for _, text := range []string{"one", "two", "three"} {
			rev, err := repository.Replace(t.Context(), alone(last, text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got := contents(t, repository, head(t, repository), "."); len(got) != 1 || got["state"] != text || head(t, repository) != rev {
				t.Errorf("%s: it holds %v", name, got)
			}
			for _, seen := range []string{"", strings.Repeat("1", 40), last} {
				if _, err := repository.Replace(t.Context(), alone(seen, "late")); !errors.Is(err, git.ErrMoved) {
					t.Errorf("%s: who saw %q: %v", name, seen, err)
				}
			}
			last = rev.Commit
		}
		r.bare.git("fsck", "--strict")
		if got := r.bare.git("log", "--format=%P%s", "state"); got != "three" {
			t.Errorf("%s: the branch has grown:\n%s", name, got)
		}
		r.bare.git("gc", "-q", "--prune=now")
		if got := r.bare.git("rev-list", "--all", "--objects"); strings.Count(got, "state") != 1 {
			t.Errorf("%s: objects:\n%s", name, got)
		}
		r.bare.git("update-ref", "-d", "refs/heads/state")
	}
}

// TestReplaceDenied: a remote that protects a branch, or lets branches grow only,
// says so; the branch is where it was.
func TestReplaceDenied(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	o.Branch = "state"
	repository := open(t, o)
	fetch(t, repository, nil)
	first, err := repository.Replace(t.Context(), alone("", "one"))
	if err != nil {
		t.Fatal(err)
	}
	denied := func(what, says string) {
		t.Helper()
		_, err := repository.Replace(t.Context(), alone(first.Commit, "two"))
		if !errors.Is(err, git.ErrDenied) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", what, err)
		}
		if got := r.bare.git("rev-parse", "state"); got != first.Commit {
			t.Errorf("%s: the branch is at %s", what, got)
		}
	}
	r.bare.git("config", "receive.denyNonFastForwards", "true")
	denied("no force push", "lets branches grow only")
	r.bare.git("config", "receive.denyNonFastForwards", "false")
	must(t, os.WriteFile(filepath.Join(r.bare.dir, "hooks/update"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
	denied("a hook", "hook declined")
	r.password.Store("another")
	if _, err := repository.Replace(t.Context(), alone(first.Commit, "two")); !errors.Is(err, git.ErrAuth) {
		t.Errorf("no credentials: %v", err)
	}
	r.server.Close()
	if _, err := repository.Replace(t.Context(), alone(first.Commit, "two")); !errors.Is(err, git.ErrUnreachable) {
		t.Errorf("no server: %v", err)
	}
}
