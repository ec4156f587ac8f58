package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// rawTree writes a tree as it is given: lines of mode, name and id.
func (r *repo) rawTree(entries ...[3]string) string {
	r.t.Helper()
	var b strings.Builder
	for _, e := range entries {
		b.WriteString(e[0] + " " + e[1] + "\x00")
		for n := 0; n < 40; n += 2 {
			var octet byte
			fmt.Sscanf(e[2][n:n+2], "%02x", &octet)
			b.WriteByte(octet)
		}
	}
	return r.input([]byte(b.String()), "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
}

// rawCommit commits a tree to main.
func (r *repo) rawCommit(tree string) string {
	r.t.Helper()
	commit := r.git("commit-tree", "-m", "raw", tree)
	r.git("update-ref", "refs/heads/main", commit)
	return commit
}

// walk lists a whole revision, and returns what stopped it.
func walk(t *testing.T, r *git.Repository, rev git.Revision) (files int, err error) {
	t.Helper()
	fsys, err := r.FS(rev, ".")
	if err != nil {
		return 0, err
	}
	err = fs.WalkDir(fsys, ".", func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
		}
		return err
	})
	return files, err
}

// TestHostileNames: names that would be something else on a disk, or beside
// another, are an error that names them.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.input([]byte("x\n"), "hash-object", "-w", "--stdin")
	honest := r.commit("honest", "a.yaml", "a\n")
	for _, names := range [][]string{
		{".."}, {"."}, {""}, {"a/b"}, {"/etc"}, {`a\b`}, {`..\x`}, {".git"}, {".GIT"}, {".gIt "}, {".git."}, {".git. ."}, {"git~1"}, {"GIT~1"},
		{".git::$INDEX_ALLOCATION"}, {".g\u200cit"}, {"\ufeff.git"}, {"a\x01"}, {"a\nb"}, {"a\x7f"}, {"\xff"}, {strings.Repeat("x", 300)},
		{"u.yaml", "u.yaml"}, {"U.yaml", "u.yaml"}, {"\u00e9.yaml", "e\u0301.yaml"}, {"stra\u00dfe", "STRASSE"},
	} {
		var entries [][3]string
		for _, name := range names {
			entries = append(entries, [3]string{"100644", name, blob})
		}
		inner := r.rawTree(entries...)
		commit := r.rawCommit(r.rawTree([3]string{"40000", "team", inner}))
		repository := open(t, git.Options{URL: r.dir})
		_, err := walk(t, repository, resolve(t, repository, commit))
		if !errors.Is(err, git.ErrHostile) || !strings.Contains(err.Error(), "team/") {
			t.Errorf("%q: %v", names, err)
		}
		if _, err := repository.Changed(t.Context(), resolve(t, repository, honest), resolve(t, repository, commit), "."); !errors.Is(err, git.ErrHostile) {
			t.Errorf("changed to %q: %v", names, err)
		}
	}
	both := r.rawTree([3]string{"100644", "team", blob}, [3]string{"40000", "team", r.git("rev-parse", honest+"^{tree}")})
	repository := open(t, git.Options{URL: r.dir})
	if _, err := walk(t, repository, resolve(t, repository, r.rawCommit(both))); !errors.Is(err, git.ErrHostile) {
		t.Errorf("a file and a folder of one name: %v", err)
	}
	odd := r.rawTree([3]string{"100600", "a.yaml", blob})
	if _, err := walk(t, repository, resolve(t, repository, r.rawCommit(odd))); !errors.Is(err, git.ErrDamaged) {
		t.Errorf("a mode that is none: %v", err)
	}
}

// TestBombs: trees that are small, and endless when one looks into them.
func TestBombs(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	blob := r.input([]byte("x\n"), "hash-object", "-w", "--stdin")
	deep := r.rawTree([3]string{"100644", "end.yaml", blob})
	for range 1500 {
		deep = r.rawTree([3]string{"40000", "d", deep})
	}
	wide := r.rawTree([3]string{"100644", "end.yaml", blob})
	for range 10 {
		var ten [][3]string
		for n := range 10 {
			ten = append(ten, [3]string{"40000", fmt.Sprintf("d%d", n), wide})
		}
		wide = r.rawTree(ten...)
	}
	honest := r.commit("honest", "a.yaml", "a\n")
	for name, tree := range map[string]string{"1,500 folders deep": deep, "10 billion files": wide} {
		repository := open(t, git.Options{URL: r.dir})
		rev := resolve(t, repository, r.rawCommit(tree))
		start := time.Now()
		if _, err := walk(t, repository, rev); !errors.Is(err, git.ErrLimit) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := repository.Changed(t.Context(), resolve(t, repository, honest), rev, "."); !errors.Is(err, git.ErrLimit) {
			t.Errorf("changed to %s: %v", name, err)
		}
		if took := time.Since(start); took > 30*time.Second { // 2 s without the race detector, alone on the machine
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s: refused in %s", name, took)
		}
	}
	repository := open(t, git.Options{URL: r.dir, Read: git.Budget{Bytes: 10}})
	r.git("reset", "-q", "--hard", honest)
	rev := resolve(t, repository, r.commit("large", "a.yaml", "12345678901"))
	fsys, err := repository.FS(rev, ".")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(fsys, "a.yaml"); err != nil || info.Size() != 11 {
		t.Errorf("the size is known: %v, %v", info, err)
	}
	if _, err := fs.ReadFile(fsys, "a.yaml"); !errors.Is(err, git.ErrLimit) {
		t.Errorf("over the budget: %v", err)
	}
}

// TestAmbiguous: a commit that git and others read in two ways is refused.
func TestAmbiguous(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", "a", "1")
	tree := r.git("rev-parse", "HEAD^{tree}")
	r.commit("second", "a", "2")
	other := r.git("rev-parse", "HEAD^{tree}")
	const by = "author A <a@acme.example> 1 +0000\ncommitter A <a@acme.example> 1 +0000\n"
	repository := open(t, git.Options{URL: r.dir})
	for name, text := range map[string]string{
		"two trees":     "tree " + tree + "\ntree " + other + "\n" + by + "\nx\n",
		"two authors":   "tree " + tree + "\nauthor B <b@acme.example> 1 +0000\n" + by + "\nx\n",
		"no tree":       by + "\nx\n",
		"late parent":   "tree " + tree + "\n" + by + "parent " + r.git("rev-parse", "HEAD") + "\n\nx\n",
		"malformed":     "tree xyz\n" + by + "\nx\n",
		"no committer":  "tree " + tree + "\nauthor A <a@acme.example> 1 +0000\n\nx\n",
		"not a word":    "\x00\x01\x02",
		"nothing":       "",
		"two gpgsigs":   "tree " + tree + "\n" + by + "gpgsig a\ngpgsig b\n\nx\n",
		"two encodings": "tree " + tree + "\n" + by + "encoding a\nencoding b\n\nx\n",
	} {
		commit := r.input([]byte(text), "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
		if rev, err := repository.Resolve(t.Context(), commit); !errors.Is(err, git.ErrDamaged) {
			t.Errorf("%s: %+v, %v", name, rev, err)
		}
	}
	sly := "tree " + tree + "\nauthor A\x1b[2J\u202e <a@acme.example> 9999999999999999999 +9999\ncommitter A <a@acme.example> 1 +0000\n\n\x1b]0;title\x07subject\u202e\n\nbody"
	rev := resolve(t, repository, r.input([]byte(sly), "hash-object", "-t", "commit", "-w", "--literally", "--stdin"))
	if rev.Author != "A[2J" || rev.Subject != "]0;titlesubject" {
		t.Errorf("what cannot be seen is shown: %+q", rev)
	}
}
