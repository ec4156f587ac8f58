package git_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile/git"
)

// adopt is a commit on top of a revision.
func adopt(base git.Revision, branch string, files map[string][]byte) git.Commit {
	return git.Commit{Branch: branch, Base: base, Files: files, Author: "Ana Silva", Email: "ana@acme.example",
		When: time.Unix(1767230000, 0).In(time.FixedZone("", -3*3600)), Committer: "mailops", CommEmail: "mailops@acme.example", Message: "Adopt\n\nwhy\n"}
}

// TestCommit: what is committed is what git would have committed.
func TestCommit(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a.yaml", "a\n", "team/b.yaml", "b\n", "team/sub/c.yaml", "c\n", "gone/d.yaml", "d\n", "team-x", "x\n", "run", "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(r.dir, "run"), 0o755))
	inner := newRepo(t)
	inner.commit("inner", "x", "x")
	r.git("submodule", "--quiet", "add", inner.dir, "module")
	first := r.commit("first")
	must(t, os.WriteFile(filepath.Join(r.dir, ".git/index.lock"), nil, 0o644)) // left behind by somebody
	repository := open(t, git.Options{URL: r.dir})
	base := head(t, repository)
	rev, err := repository.Commit(t.Context(), adopt(base, "mailops/adopt", map[string][]byte{
		"team/b.yaml": []byte("new b\n"), "team/sub/deep/e.yaml": []byte("e\n"), "gone/d.yaml": nil, "run": []byte("#!/bin/dash\n"), "never": nil, "empty": {}}))
	if err != nil {
		t.Fatal(err)
	}
	r.git("fsck", "--strict", "--full")
	if got := r.git("diff", "--no-renames", "--name-status", first, rev.Commit); got != "A\tempty\nD\tgone/d.yaml\nM\trun\nM\tteam/b.yaml\nA\tteam/sub/deep/e.yaml" {
		t.Errorf("changed:\n%s", got)
	}
	if got := r.git("ls-tree", rev.Commit, "run", "module"); !strings.Contains(got, "100755 blob") || !strings.Contains(got, "160000 commit") {
		t.Errorf("modes: %s", got)
	}
	if got := r.git("log", "-1", "--format=%P|%an|%ae|%ad|%cn|%ce|%B", "--date=raw", "mailops/adopt"); got != first+"|Ana Silva|ana@acme.example|1767230000 -0300|mailops|mailops@acme.example|Adopt\n\nwhy" {
		t.Errorf("log: %q", got)
	}
	if rev.Author != "Ana Silva" || rev.Subject != "Adopt" || head(t, repository) != base {
		t.Errorf("%+v", rev)
	}
	if got := contents(t, repository, rev, "team"); cmp.Diff(map[string]string{"b.yaml": "new b\n", "sub/c.yaml": "c\n", "sub/deep/e.yaml": "e\n"}, got) != "" {
		t.Errorf("%v", got)
	}
}

// TestCommitRefuses: what would lose somebody's work, or write what is not meant.
func TestCommitRefuses(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first := r.commit("first", "a.yaml", "a\n", "dir/b", "b\n")
	repository := open(t, git.Options{URL: r.dir})
	base := head(t, repository)
	x := map[string][]byte{"a.yaml": []byte("x\n")}
	for name, c := range map[string]git.Commit{
		"a branch that exists":   adopt(base, "main", x),
		"a branch that moved":    {Branch: "main", Replaces: strings.Repeat("1", 40), Base: base, Files: x, Author: "a", Email: "a", Message: "m"},
		"a branch that does not": {Branch: "none", Replaces: first, Base: base, Files: x, Author: "a", Email: "a", Message: "m"},
	} {
		if _, err := repository.Commit(t.Context(), c); !errors.Is(err, git.ErrMoved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]git.Commit{
		"path up":       adopt(base, "x", map[string][]byte{"../a": nil}),
		"path git":      adopt(base, "x", map[string][]byte{"dir/.GIT/config": {}}),
		"path control":  adopt(base, "x", map[string][]byte{"a\nb": {}}),
		"case":          adopt(base, "x", map[string][]byte{"A.yaml": {}}),
		"under a file":  adopt(base, "x", map[string][]byte{"a.yaml/b": {}}),
		"over a folder": adopt(base, "x", map[string][]byte{"dir": {}}),
		"branch up":     adopt(base, "../../config", x),
		"branch HEAD":   adopt(base, "HEAD", x),
		"author":        {Branch: "x", Base: base, Files: x, Author: "a\ncommitter b", Email: "a", Message: "m"},
		"message":       {Branch: "x", Base: base, Files: x, Author: "a", Email: "a", Message: " \n"},
		"base":          {Branch: "x", Base: git.Revision{Commit: strings.Repeat("1", 40)}, Files: x, Author: "a", Email: "a", Message: "m"},
	} {
		if rev, err := repository.Commit(t.Context(), c); err == nil {
			t.Errorf("%s: %v", name, rev)
		}
	}
	lock := filepath.Join(r.dir, ".git/refs/heads/x.lock")
	must(t, os.WriteFile(lock, nil, 0o644))
	if _, err := repository.Commit(t.Context(), adopt(base, "x", x)); err == nil || !strings.Contains(err.Error(), "x.lock") {
		t.Errorf("a lock that was left behind: %v", err)
	}
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("somebody's lock was removed: %v", err)
	}
	if got := r.git("for-each-ref", "--format=%(refname)"); got != "refs/heads/main" {
		t.Errorf("refs: %s", got)
	}
}

// TestCommitRace: of many who commit to a branch at once, each is on top of the
// one before, and nothing is lost; meanwhile others read.
func TestCommitRace(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", "a.yaml", "a\n")
	repository := open(t, git.Options{URL: r.dir, Branch: "shared"})
	r.git("branch", "shared")
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for {
				base := head(t, repository)
				c := adopt(base, "shared", map[string][]byte{fmt.Sprintf("f%d.yaml", n): []byte("x\n")})
				c.Replaces = base.Commit
				_, err := repository.Commit(t.Context(), c)
				if err == nil {
					return
				}
				if !errors.Is(err, git.ErrMoved) {
					t.Error(err)
					return
				}
			}
		})
		wait.Go(func() {
			for range 20 {
				contents(t, repository, head(t, repository), ".")
			}
		})
	}
	wait.Go(func() {
		for range 5 {
			r.git("repack", "-adq")
		}
	})
	wait.Wait()
	if got := contents(t, repository, head(t, repository), "."); len(got) != 9 {
		t.Errorf("%v", got)
	}
}
