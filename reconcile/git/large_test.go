package git_test

import (
	"fmt"
	"io/fs"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// large is a repository of folders of 100 files, as git packs it.
func large(t testing.TB, folders int) *repo {
	r := newRepo(t)
	var b strings.Builder
	b.WriteString("commit refs/heads/main\ncommitter Ana <ana@acme.example> 1767225600 +0000\ndata 5\nfirst\n")
	for n := range folders * 100 {
		text := fmt.Sprintf("kind: User\naddress: user%d@acme.example\nname: User %d\n", n, n)
		fmt.Fprintf(&b, "M 644 inline org/team%03d/user%05d.yaml\ndata %d\n%s\n", n/100, n, len(text), text)
	}
	r.input([]byte(b.String()), "fast-import", "--quiet")
	return r
}

// TestLarge: the cost of a commit is what it changes, and the cost of a walk is
// its folders, and none of it stays.
func TestLarge(t *testing.T) {
	r := large(t, 1000)
	repository := open(t, git.Options{URL: r.dir})
	base := head(t, repository)
	before := heap()
	files, took := walkAll(t, repository, base)
	if grown := int64(heap()) - int64(before); files != 100_000 || grown > 64<<20 {
		t.Errorf("%d files; %d MiB stay", files, grown>>20)
	}
	t.Logf("first walk: %s, %d objects, %d KiB stay", took, repository.Objects(), (int64(heap())-int64(before))>>10)
	for n := range 3 {
		name := fmt.Sprintf("org/team%03d/user%05d.yaml", 500+n, 50_000+100*n)
		c := adopt(base, fmt.Sprintf("b%d", n), map[string][]byte{name: []byte("kind: User\nchanged: true\n")})
		next, err := repository.Commit(t.Context(), c)
		must(t, err)
		fresh := open(t, git.Options{URL: r.dir, Branch: c.Branch})
		oneFile(t, fresh, base, next)
		oneFile(t, repository, base, next)
		start := repository.Objects()
		if files, took = walkAll(t, repository, next); files != 100_000 {
			t.Errorf("%d files", files)
		}
		if read := repository.Objects() - start; read > 1100 {
			t.Errorf("the second walk reads %d objects", read)
		}
		t.Logf("second walk: %s, %d objects", took, repository.Objects()-start)
		start = fresh.Objects()
		rev, err := fresh.Blame(t.Context(), next, name, 2)
		must(t, err)
		if rev != next || fresh.Objects()-start > 20 {
			t.Errorf("blame is %v, and reads %d objects", rev, fresh.Objects()-start)
		}
		base = next
	}
}

// TestFlat: many files in one folder cost no more than in many.
func TestFlat(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var b strings.Builder
	b.WriteString("commit refs/heads/main\ncommitter Ana <ana@acme.example> 1767225600 +0000\ndata 5\nfirst\n")
	for n := range 30_000 {
		fmt.Fprintf(&b, "M 644 inline org/user%05d.yaml\ndata 2\nx\n\n", n)
	}
	r.input([]byte(b.String()), "fast-import", "--quiet")
	repository := open(t, git.Options{URL: r.dir})
	files, took := walkAll(t, repository, head(t, repository))
	if files != 30_000 || took > 20*time.Second { // 0.1 s alone on the machine
		t.Errorf("%d files in %s", files, took)
	}
	t.Logf("%d files in %s", files, took)
}

// TestLargeFetch: a first fetch of many files stays within the limits of the child.
func TestLargeFetch(t *testing.T) {
	t.Parallel()
	r := large(t, 100)
	want := head(t, open(t, git.Options{URL: r.dir}))
	s := httptest.NewServer(backend(t, r.dir))
	defer s.Close()
	child, err := git.ChildCommand()
	must(t, err)
	mirror := open(t, git.Options{URL: s.URL + "/.git", Dir: t.TempDir(), Child: child})
	start := time.Now()
	fetch(t, mirror, nil)
	t.Logf("fetched in %s", time.Since(start))
	if head(t, mirror) != want {
		t.Error("the mirror is elsewhere")
	}
}

// oneFile finds a change and reads it.
func oneFile(t *testing.T, r *git.Repository, base, to git.Revision) {
	t.Helper()
	read, start := r.Objects(), time.Now()
	changed, err := r.Changed(t.Context(), base, to, "org")
	must(t, err)
	for _, file := range changed {
		fsys, err := r.FS(to, "org")
		must(t, err)
		if text, err := fs.ReadFile(fsys, file); err != nil || !strings.Contains(string(text), "changed") {
			t.Errorf("%s is %q, %v", file, text, err)
		}
	}
	if n := r.Objects() - read; n > 20 || len(changed) != 1 {
		t.Errorf("%v changed, and %d objects are read", changed, n)
	}
	t.Logf("%d changed: %s, %d objects", len(changed), time.Since(start), r.Objects()-read)
}

func walkAll(t testing.TB, r *git.Repository, rev git.Revision) (files int, took time.Duration) {
	t.Helper()
	start := time.Now()
	fsys, err := r.FS(rev, "org")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(fsys, ".", func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files++
			_, err = e.Info()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, time.Since(start)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
