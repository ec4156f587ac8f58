package git_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"mailops/reconcile/git"
)

// TestHistories: ancestors, rewritten branches, merge bases, and clones in which
// this cannot be known.
func TestHistories(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("root", "a", "0")
	base := r.commit("base", "a", "1")
	r.git("checkout", "-q", "-b", "side")
	side := r.commit("side", "b", "1")
	r.git("checkout", "-q", "main")
	tip := r.commit("tip", "a", "2")
	r.git("checkout", "-q", "--orphan", "alone")
	alone := r.commit("alone", "z", "1")
	repository := open(t, git.Options{URL: r.dir})
	rev := func(commit string) git.Revision { return resolve(t, repository, commit) }
	for _, c := range []struct {
		old, new string
		want     git.Relation
	}{{base, tip, git.Ancestor}, {tip, tip, git.Ancestor}, {tip, base, git.Rewritten}, {side, tip, git.Rewritten}, {alone, tip, git.Rewritten}} {
		if got, err := repository.Follows(t.Context(), rev(c.old), rev(c.new)); err != nil || got != c.want {
			t.Errorf("%s to %s: %v, %v", c.old, c.new, got, err)
		}
	}
	gone := git.Revision{Commit: strings.Repeat("1", 40)}
	if got, err := repository.Follows(t.Context(), gone, rev(tip)); err != nil || got != git.Rewritten {
		t.Errorf("from what is gone: %v, %v", got, err)
	}
	if got, err := repository.MergeBase(t.Context(), rev(side), rev(tip)); err != nil || got.Commit != base {
		t.Errorf("merge base %v, %v", got, err)
	}
	if _, err := repository.MergeBase(t.Context(), rev(alone), rev(tip)); !errors.Is(err, git.ErrUnrelated) {
		t.Errorf("unrelated: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "shallow")
	r.git("clone", "-q", "--depth=1", "--no-single-branch", "file://"+r.dir, dir)
	shallow := open(t, git.Options{URL: dir, Branch: "alone"})
	if got, err := shallow.Follows(t.Context(), git.Revision{Commit: base}, resolve(t, shallow, "origin/main")); err != nil || got != git.Unknown {
		t.Errorf("in a shallow clone: %v, %v", got, err)
	}
	if got, err := shallow.Follows(t.Context(), resolve(t, shallow, "origin/side"), resolve(t, shallow, "origin/main")); err != nil || got != git.Unknown {
		t.Errorf("in a shallow clone: %v, %v", got, err)
	}
	if _, err := shallow.MergeBase(t.Context(), resolve(t, shallow, "origin/side"), resolve(t, shallow, "origin/main")); !errors.Is(err, git.ErrShallow) {
		t.Errorf("in a shallow clone: %v", err)
	}
	if _, err := shallow.Resolve(t.Context(), "origin/main~1"); !errors.Is(err, git.ErrShallow) {
		t.Errorf("in a shallow clone: %v", err)
	}
}

// TestResolve: the ways in which people name revisions.
func TestResolve(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("first", "a", "1")
	second := r.commit("second", "a", "2")
	r.git("tag", "light", first)
	r.git("tag", "-a", "-m", "heavy", "v1.0", second)
	r.git("checkout", "-q", "-b", "side/branch", first)
	side := r.commit("side", "b", "1")
	r.git("checkout", "-q", "main")
	r.now += 60
	r.git("merge", "-q", "--no-ff", "-m", "merge", "side/branch")
	merge := r.git("rev-parse", "HEAD")
	r.git("update-ref", "refs/remotes/origin/main", second)
	r.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	repository := open(t, git.Options{URL: r.dir})
	for text, want := range map[string]string{
		"HEAD": merge, "@": merge, "main": merge, "refs/heads/main": merge, "heads/main": merge, merge: merge, strings.ToUpper(merge): merge,
		merge[:8]: merge, "HEAD^": second, "HEAD~1": second, "HEAD^2": side, "HEAD^2~": first, "HEAD~2": first, "HEAD^0": merge, "HEAD^^": first,
		"light": first, "v1.0": second, "tags/v1.0": second, "v1.0~1": first, "v1.0^0": second, "side/branch": side, "origin/main": second, "origin": second,
	} {
		if got := resolve(t, repository, text); got.Commit != want {
			t.Errorf("%s is %s, not %s", text, got.Commit, want)
		}
	}
	for _, text := range []string{"", "no", "HEAD~9", "HEAD^3", "abcd", "HEAD~999999999", "HEAD~-1", "HEAD@{1}", "../../HEAD", "-x", "a b", "HEAD~1x", strings.Repeat("f", 40), r.git("rev-parse", "HEAD^{tree}")} {
		if text == "" {
			continue // is HEAD
		}
		if rev, err := repository.Resolve(t.Context(), text); !errors.Is(err, git.ErrNoRevision) {
			t.Errorf("%q is %v, %v", text, rev, err)
		}
	}
}
