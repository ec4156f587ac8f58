package folder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. silence is how long
// nothing must come, many times what a change takes to be told.
const patience, silence = 30 * time.Second, 200 * time.Millisecond

// quick is for tests: a change is told soon.
var quick = Options{Quiet: 10 * time.Millisecond, Longest: 50 * time.Millisecond, Look: 20 * time.Millisecond}

// A reader reads a watch.
type reader struct {
	t    *testing.T
	told chan news
}

// read watches dir until the test ends, or until stop is called, which waits
// until all of the watch has ended.
func read(t *testing.T, dir string, o Options) (r *reader, stop func()) {
	t.Helper()
	r = &reader{t: t, told: make(chan news, 100_000)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range Watch(ctx, dir, o) {
			r.told <- news{Event: e, err: err}
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return r, stop
}

// next waits for the next thing that is told.
func (r *reader) next() news {
	r.t.Helper()
	select {
	case n := <-r.told:
		return n
	case <-time.After(patience):
		r.t.Fatal("nothing is told")
		return news{}
	}
}

// event waits for the next event; trouble is none.
func (r *reader) event() Event {
	r.t.Helper()
	n := r.next()
	if n.err != nil {
		r.t.Fatal(n.err)
	}
	return n.Event
}

// trouble waits for trouble that speaks of something.
func (r *reader) trouble(of string) {
	r.t.Helper()
	for {
		if n := r.next(); n.err != nil {
			if !strings.Contains(n.err.Error(), of) {
				r.t.Fatalf("trouble is %q, want one with %q", n.err, of)
			}
			return
		}
	}
}

// rest takes in all that is told until nothing is for a while.
func (r *reader) rest() (events []news) {
	for {
		select {
		case n := <-r.told:
			events = append(events, n)
		case <-time.After(silence):
			return events
		}
	}
}

// tells does something and wants it to be told; then it waits for quiet.
func (r *reader) tells(what string, do func()) {
	r.t.Helper()
	do()
	select {
	case n := <-r.told:
		if n.err != nil {
			r.t.Fatalf("%s: %v", what, n.err)
		}
	case <-time.After(patience):
		r.t.Fatalf("not told: %s", what)
	}
	r.rest()
}

// ignores does something and wants nothing to be told.
func (r *reader) ignores(what string, do func()) {
	r.t.Helper()
	do()
	if got := r.rest(); len(got) > 0 {
		r.t.Errorf("told %v: %s", got, what)
	}
}

// files does things below a folder that must work.
type files struct {
	t   *testing.T
	dir string
}

func (f files) path(name string) string { return filepath.Join(f.dir, name) }

func (f files) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f files) write(name, text string) {
	f.t.Helper()
	f.must(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.must(os.WriteFile(f.path(name), []byte(text), 0o644))
}

func (f files) rename(from, to string) { f.t.Helper(); f.must(os.Rename(f.path(from), f.path(to))) }

func (f files) remove(name string) { f.t.Helper(); f.must(os.RemoveAll(f.path(name))) }

func (f files) link(to, name string) { f.t.Helper(); f.must(os.Symlink(to, f.path(name))) }

func TestStories(t *testing.T) {
	for name, looking := range map[string]bool{"watched": false, "looked through": true} {
		t.Run(name, func(t *testing.T) {
			home := files{t, t.TempDir()}
			home.write("tree/mailops.yaml", "kind: Organization\n")
			home.write("tree/sales/users.yaml", "kind: User\n")
			f := files{t, home.path("tree")}
			r := readHow(t, f.dir, looking)
			tellStories(r, f, home)
		})
	}
}

// readHow watches dir, or looks through it as if the system had no watches.
func readHow(t *testing.T, dir string, looking bool) *reader {
	t.Helper()
	if !looking {
		r, _ := read(t, dir, quick)
		r.event()
		return r
	}
	r := &reader{t: t, told: make(chan news, 1000)}
	f := &follower{Options: quick.withDefaults(), dir: dir, tell: r.told, looking: true}
	at := &tree{root: dir}
	var err error
	if at.is, err = os.Stat(dir); err == nil {
		f.print, err = fingerprint(t.Context(), dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for errors.Is(f.listen(ctx, at), errTryAgain) {
		}
	}()
	t.Cleanup(func() { stop(); <-ended })
	return r
}

func tellStories(r *reader, f, home files) {
	r.tells("a new file", func() { f.write("a.yaml", "1") })
	r.tells("a file is written", func() { f.write("a.yaml", "12") })
	r.tells("an editor puts a new file in its place", func() {
		f.write(".a.yaml.swp", "123")
		f.rename(".a.yaml.swp", "a.yaml")
	})
	r.tells("and again", func() {
		f.rename("a.yaml", "a.yaml~")
		f.write("a.yaml", "1234")
		f.remove("a.yaml~")
	})
	r.tells("a file may be read by others", func() { f.must(os.Chmod(f.path("a.yaml"), 0o640)) })
	r.tells("a file is deleted", func() { f.remove("a.yaml") })
	r.tells("folders in folders, with a file", func() { f.write("x/y/z/deep.yaml", "1") })
	r.tells("the file in them is written", func() { f.write("x/y/z/deep.yaml", "12") })
	r.tells("a folder is renamed", func() { f.rename("x", "w") })
	r.tells("a file in it is written", func() { f.write("w/y/z/deep.yaml", "123") })
	r.tells("its old name is used anew", func() { f.write("x/y/z/deep.yaml", "1") })
	r.tells("a file there is written", func() { f.write("x/y/z/deep.yaml", "12") })
	r.tells("a folder is moved away", func() { f.rename("w", "../away") })
	r.ignores("what happens there now", func() { home.write("away/y/z/deep.yaml", "1234") })
	r.tells("it is moved back, with more in it", func() {
		home.write("away/y/new/more.yaml", "1")
		f.rename("../away", "w")
	})
	r.tells("the new file is written", func() { f.write("w/y/new/more.yaml", "12") })
	r.tells("a folder is deleted", func() { f.remove("w") })
	r.ignores("what git does", func() { f.write(".git/objects/00/aa", "1") })
	r.ignores("what git does later", func() { f.write(".git/objects/00/bb", "1") })
	r.ignores("what mailops keeps", func() { f.write("sales/.mailops/live.db", "1") })
	r.ignores("what an editor keeps", func() { f.write("sales/.users.yaml.swp", "1") })
	r.tells("a folder is hidden", func() { f.rename("x", ".x") })
	r.ignores("what happens in it", func() { f.write(".x/y/z/deep.yaml", "12345") })
	r.tells("it is shown", func() { f.rename(".x", "x") })
	r.tells("a file in it is written", func() { f.write("x/y/z/deep.yaml", "123456") })
	r.tells("links through a hidden folder", func() {
		f.write("..one/linked.yaml", "1")
		f.link("..one", "..data")
		f.link("..data/linked.yaml", "linked.yaml")
	})
	r.tells("lead elsewhere", func() {
		f.write("..two/linked.yaml", "12")
		f.link("..two", "..new")
		f.rename("..new", "..data")
	})
}

// TestRoot holds that the root may go and come, and become another folder.
func TestRoot(t *testing.T) {
	home := files{t, t.TempDir()}
	r, _ := read(t, home.path("tree"), quick)
	r.trouble("no such file")
	r.tells("the root is made", func() { home.write("tree/a.yaml", "1") })
	r.tells("a file is written", func() { home.write("tree/a.yaml", "12") })

	home.rename("tree", "old")
	r.trouble("no such file")
	r.tells("another root", func() { home.write("tree/sub/a.yaml", "1") })
	r.tells("a file is written in it", func() { home.write("tree/sub/a.yaml", "12") })
	r.ignores("the old root", func() { home.write("old/a.yaml", "123") })

	r.tells("a root takes the place of another at once", func() {
		home.rename("tree", "older")
		home.rename("old", "tree")
	})
	r.tells("a file is written in that", func() { home.write("tree/a.yaml", "1234") })

	home.remove("tree")
	r.trouble("no such file")
	r.ignores("nothing, as an event would say that the root is back", func() {})
	home.write("tree", "a file")
	r.trouble("not a directory")
	home.remove("tree")
	r.trouble("no such file")

	r.tells("a link to a folder", func() { home.link("older", "tree") })
	r.tells("a file behind a link", func() { home.write("older/sub/a.yaml", "123") })
	home.write("newer/sub/a.yaml", "1")
	r.tells("the link leads elsewhere", func() {
		home.link("newer", "link")
		home.rename("link", "tree")
	})
	r.tells("a file there", func() { home.write("newer/sub/a.yaml", "12") })
	r.ignores("a file where it led", func() { home.write("older/sub/a.yaml", "1234") })
}

// TestParentMoves holds that the root is found by its name, not by where it was.
func TestParentMoves(t *testing.T) {
	home := files{t, t.TempDir()}
	home.write("up/tree/a.yaml", "1")
	r, _ := read(t, home.path("up/tree"), quick)
	r.event()
	home.rename("up", "down")
	r.trouble("no such file")
	r.ignores("the tree that was moved", func() { home.write("down/tree/a.yaml", "12") })
	r.tells("its name is used anew", func() { home.write("up/tree/b.yaml", "1") })
	r.tells("a file is written", func() { home.write("up/tree/b.yaml", "12") })
}

// TestStorm is the figure of 10,000 file events.
func TestStorm(t *testing.T) {
	f := files{t, t.TempDir()}
	for i := range 10 {
		f.write(fmt.Sprintf("%d/users.yaml", i), "1")
	}
	r, _ := read(t, f.dir, Options{}) // as people use it
	r.event()
	began := time.Now()
	for i := range 10_000 {
		f.write(fmt.Sprintf("%d/users.yaml", i%10), fmt.Sprint(i))
	}
	took := time.Since(began)
	var told []news
	for {
		select {
		case n := <-r.told:
			told = append(told, n)
			continue
		case <-time.After(2 * time.Second):
		}
		break
	}
	t.Logf("10,000 writes in %s: %d events", took, len(told))
	if len(told) == 0 || len(told) > 3 {
		t.Errorf("%d events, want 1 to 3", len(told))
	}
}

// TestReaderStops holds that a reader can leave, and that nothing stays.
func TestReaderStops(t *testing.T) {
	f := files{t, t.TempDir()}
	for range 3 {
		for e, err := range Watch(t.Context(), f.dir, quick) {
			if err != nil || e != (Event{}) {
				t.Fatal(e, err)
			}
			break
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if got := slices.Collect(func(yield func(Event) bool) {
		for e := range Watch(ctx, f.dir, quick) {
			if !yield(e) {
				return
			}
		}
	}); len(got) > 0 {
		t.Errorf("told %v after the end", got)
	}
}
