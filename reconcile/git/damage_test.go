package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mailops/reconcile/git"
)

// TestFlippedBytes: whichever byte of a repository is wrong, what is read is
// right, or an error.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for n := range 6 {
		r.commit("change", "a.yaml", strings.Repeat("line\n", n)+strings.Repeat("text\n", 30), fmt.Sprintf("d/f%d.yaml", n), "x\n")
	}
	tip := r.git("rev-parse", "HEAD")
	r.git("repack", "-adfq", "--depth=10")
	files, err := filepath.Glob(filepath.Join(r.dir, ".git/objects/pack/pack-*.[pi][ad][cx]*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	want := contents(t, open(t, git.Options{URL: r.dir}), git.Revision{Commit: tip}, ".")
	random := rand.New(rand.NewPCG(1, 2))
	wrong, refused := 0, 0
	for _, file := range files {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		for at := range whole {
			if strings.HasSuffix(file, "idx") && at%11 != 0 {
				continue
			}
			broken := bytes.Clone(whole)
			broken[at] ^= byte(1 + random.IntN(255))
			if err := os.WriteFile(file, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, r.dir, tip)
			if err != nil {
				refused++
				continue
			}
			for path, text := range got {
				if text != want[path] {
					wrong++
				}
			}
			if len(got) != len(want) {
				wrong++
			}
		}
		for size := 0; size < len(whole); size += 64 {
			if err := os.WriteFile(file, whole[:size], 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, r.dir, tip)
			if err == nil && !maps.Equal(got, want) {
				t.Errorf("%s cut to %d bytes: %v", filepath.Base(file), size, got)
			}
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if wrong > 0 || refused == 0 {
		t.Errorf("%d wrong contents, %d refused", wrong, refused)
	}
}

func readAll(t *testing.T, dir, commit string) (map[string]string, error) {
	r, err := git.Open(t.Context(), git.Options{URL: dir})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return read(r, git.Revision{Commit: commit})
}

func read(r *git.Repository, rev git.Revision) (map[string]string, error) {
	fsys, err := r.FS(rev, ".")
	if err != nil {
		return nil, err
	}
	out := make(map[string]string)
	return out, fs.WalkDir(fsys, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		out[path] = string(text)
		return err
	})
}

// TestLooseDamage: an object that is empty, cut off, another one, or gone.
func TestLooseDamage(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	commit := r.commit("first", "a.yaml", strings.Repeat("a\n", 1000))
	blob := r.git("rev-parse", "HEAD:a.yaml")
	path := filepath.Join(r.dir, ".git/objects", blob[:2], blob[2:])
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other := r.input([]byte("other\n"), "hash-object", "-w", "--stdin")
	another, err := os.ReadFile(filepath.Join(r.dir, ".git/objects", other[:2], other[2:]))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"empty": {}, "cut off": whole[:len(whole)-3], "another": another, "no zlib": []byte("blob 3\x00abc")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t, r.dir, commit); !errors.Is(err, git.ErrDamaged) || !strings.Contains(err.Error(), blob) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, r.dir, commit); !errors.Is(err, git.ErrDamaged) {
		t.Errorf("gone: %v", err)
	}
}

// TestMirrorHeals: a mirror that is damaged in any way is fetched anew, and what
// killed processes left behind goes.
func TestMirrorHeals(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	o := r.options(t)
	o.Child = nil
	mirror := open(t, o)
	fetch(t, mirror, nil)
	at := head(t, mirror)
	git0 := mirrorOf(t, o)
	top := filepath.Dir(git0)
	packs := func() []string {
		found, err := filepath.Glob(filepath.Join(git0, "objects/pack/*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	damage := map[string]func(){
		"flipped": func() {
			for _, file := range packs() {
				spoil(t, file, func(b []byte) []byte { b[len(b)/2] ^= 0xff; return b })
			}
		},
		"cut off": func() {
			for _, file := range packs() {
				spoil(t, file, func(b []byte) []byte { return b[:len(b)/2] })
			}
		},
		"no packs": func() {
			for _, file := range packs() {
				must(t, os.Remove(file))
			}
		},
		"packed-refs": func() {
			spoil(t, filepath.Join(git0, "packed-refs"), func(b []byte) []byte { return []byte("not refs\n") })
		},
		"no HEAD":    func() { must(t, os.Remove(filepath.Join(git0, "HEAD"))) },
		"no folders": func() { must(t, os.RemoveAll(filepath.Join(git0, "refs"))) },
		"nothing":    func() { must(t, os.RemoveAll(git0)) },
		"left behind": func() {
			must(t, os.MkdirAll(filepath.Join(git0, "objects/incoming-123/pack"), 0o700))
			must(t, os.WriteFile(filepath.Join(git0, "objects/incoming-123/pack/pack-new.pack"), []byte("PACK"), 0o600))
			must(t, os.MkdirAll(filepath.Join(top, "fresh-1/objects"), 0o700))
			must(t, os.MkdirAll(filepath.Join(top, "old-1"), 0o700))
			must(t, os.WriteFile(filepath.Join(git0, "packed-refs.lock"), nil, 0o600))
			must(t, os.WriteFile(filepath.Join(git0, "tmp-1"), nil, 0o600))
		},
	}
	for name, do := range damage {
		do()
		for range 2 { // what is broken is only found when it is read
			if err := mirror.Fetch(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := read(mirror, at); err != nil && !errors.Is(err, git.ErrDamaged) && !errors.Is(err, git.ErrNoRevision) {
				t.Errorf("%s: %v", name, err)
			}
		}
		fetch(t, mirror, nil)
		again := open(t, o)
		if fetch(t, again, nil); head(t, again) != at || len(contents(t, again, at, ".")) != 2 {
			t.Errorf("%s: the mirror is not whole", name)
		}
		if got := contents(t, mirror, head(t, mirror), "."); len(got) != 2 {
			t.Errorf("%s: the mirror that was open is not whole", name)
		}
		left, err := filepath.Glob(filepath.Join(top, "*"))
		if err != nil || len(left) != 2 {
			t.Errorf("%s leaves %v", name, left)
		}
		if left, _ = filepath.Glob(filepath.Join(git0, "objects/incoming-*")); len(left) > 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// spoil changes a file in place.
func spoil(t *testing.T, file string, how func([]byte) []byte) {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	must(t, os.Chmod(file, 0o600))
	must(t, os.WriteFile(file, how(text), 0o600))
}

// TestCutOff: a fetch that is broken off after so many bytes leaves the mirror
// as it was, and the next one gets everything.
func TestCutOff(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	files := backend(t, filepath.Dir(r.bare.dir))
	var room atomic.Int64
	room.Store(1 << 40)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rec := httptest.NewRecorder()
		files.ServeHTTP(rec, req)
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		body := rec.Body.Bytes()
		if n := room.Load(); req.Method == http.MethodPost && n < int64(len(body)) {
			w.Write(body[:n])
			panic(http.ErrAbortHandler)
		}
		w.Write(body)
	}))
	cut.Config.ErrorLog = nil
	t.Cleanup(cut.Close)
	o := r.options(t)
	o.URL, o.Child, o.Auth = cut.URL+"/org.git", nil, git.Auth{}
	mirror := open(t, o)
	fetch(t, mirror, nil)
	before := head(t, mirror)
	next := r.commit("next", "team/users.yaml", strings.Repeat("next\n", 100))
	r.push("main")
	for n := int64(0); n < 400; n += 23 {
		room.Store(n)
		fetch(t, mirror, git.ErrUnreachable)
		if head(t, mirror) != before {
			t.Fatalf("after %d bytes the mirror is elsewhere", n)
		}
	}
	room.Store(1 << 40)
	fetch(t, mirror, nil)
	if got := head(t, mirror); got.Commit != next || len(contents(t, mirror, got, ".")) != 2 {
		t.Errorf("head is %v", got)
	}
}

// TestLiar: a remote that does not send what it promises, or something else.
func TestLiar(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	tip := r.git("rev-parse", "HEAD")
	tree, blob := r.git("rev-parse", "HEAD^{tree}"), r.git("rev-parse", "HEAD:mailops.yaml")
	pack := func(objects ...string) []byte {
		return []byte(r.input([]byte(strings.Join(objects, "\n")), "pack-objects", "--stdout", "-q") + "")
	}
	for name, body := range map[string][]byte{
		"not a pack": []byte("this is not a pack at all, but long enough to be one"),
		"nothing":    nil,
		"no tree":    pack(tip),
		"no blob":    pack(tip, tree),
		"only blob":  pack(blob),
	} {
		s := fake(t, tip, body)
		o := r.options(t)
		o.URL, o.Auth = s.URL+"/org.git", git.Auth{}
		mirror := open(t, o)
		fetch(t, mirror, git.ErrUnreachable)
		if _, err := mirror.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
			t.Errorf("%s: head %v", name, err)
		}
	}
}

// fake is a server that says that main is at a commit, and answers with a pack.
func fake(t *testing.T, tip string, pack []byte) *httptest.Server {
	t.Helper()
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			io.WriteString(w, line("# service=git-upload-pack\n")+"0000"+
				line(tip+" HEAD\x00symref=HEAD:refs/heads/main ofs-delta agent=fake\n")+line(tip+" refs/heads/main\n")+"0000")
			return
		}
		io.WriteString(w, line("NAK\n"))
		w.Write(pack)
	}))
	t.Cleanup(s.Close)
	return s
}
