package track_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mailops/schema/track"
)

func openCache(t *testing.T, dir string) *track.Cache {
	t.Helper()
	c, err := track.OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files are the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return names
}

// TestCache: what was kept is found again, by the same program, for the same
// content, at the same time and later.
func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache", "mailops")
	c := openCache(t, dir)
	w, _ := small(t, nil)
	mark := track.Mark{Program: track.Program(), Tree: "aa", Folder: "org", Commit: "cc"}
	if err := c.Keep(w, mark, nil); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct {
		mark track.Mark
		at   time.Time
		want error
	}{
		{mark, begin, nil},
		{mark, begin.Add(time.Hour), nil},
		{mark, begin.Add(-1), track.ErrOther},
		{track.Mark{Program: mark.Program, Tree: "aa", Folder: "elsewhere", Commit: "dd"}, begin, nil},
		{track.Mark{Program: mark.Program, Tree: "bb"}, begin, fs.ErrNotExist},
		{track.Mark{Program: "another", Tree: "aa"}, begin, fs.ErrNotExist},
	} {
		got, err := c.Want(of.mark, of.at, nil)
		if !errors.Is(err, of.want) {
			t.Errorf("%v at %s: error %v, want %v", of.mark, of.at, err, of.want)
		}
		if err == nil {
			sameWant(t, w, got)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
	for _, file := range files(t, dir) {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// TestNear: from what was kept of other revisions of the same folder one can go
// on; what was used last comes first.
func TestNear(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := openCache(t, dir)
	w, _ := small(t, nil)
	for n, mark := range []track.Mark{
		{Program: "p", Tree: "1", Folder: "org", Commit: "c1"},
		{Program: "p", Tree: "2", Folder: "org", Commit: "c2"},
		{Program: "p", Tree: "3", Folder: "else", Commit: "c3"},
		{Program: "q", Tree: "4", Folder: "org", Commit: "c4"},
	} {
		if err := c.Keep(w, mark, nil); err != nil {
			t.Fatal(err)
		}
		for _, file := range files(t, dir) { // what is older is older by an hour
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, time.Time{}, info.ModTime().Add(-time.Hour)); err != nil {
				t.Fatal(n, err)
			}
		}
	}
	commits := func(tree string, at time.Time) (out []string) {
		for _, m := range c.Near(track.Mark{Program: "p", Tree: tree, Folder: "org"}, at) {
			out = append(out, m.Commit)
		}
		return out
	}
	if got := fmt.Sprint(commits("9", begin)); got != "[c2 c1]" {
		t.Error(got)
	}
	if _, err := c.Want(track.Mark{Program: "p", Tree: "1"}, begin, nil); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(commits("9", begin)); got != "[c1 c2]" {
		t.Error(got)
	}
	if got := fmt.Sprint(commits("2", begin), commits("9", begin.Add(-1))); got != "[c1] []" {
		t.Error(got)
	}
}

// TestForeign: what others may have written is not believed.
func TestForeign(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := track.OpenCache(open); !errors.Is(err, track.ErrForeign) {
		t.Errorf("a folder that others may read: %v", err)
	}
	if _, err := track.OpenCache("cache_test.go"); err == nil {
		t.Error("a file is no folder")
	}
	dir := filepath.Join(t.TempDir(), "own")
	c := openCache(t, dir)
	w, _ := small(t, nil)
	mark := track.Mark{Program: "p", Tree: "t"}
	if err := c.Keep(w, mark, nil); err != nil {
		t.Fatal(err)
	}
	file := files(t, dir)[0]
	if err := os.Chmod(file, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Want(mark, begin, nil); !errors.Is(err, track.ErrForeign) {
		t.Errorf("a file that others may write: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Want(mark, begin, nil); !errors.Is(err, track.ErrForeign) {
		t.Errorf("a folder of that name: %v", err)
	}
	if err := c.Keep(w, mark, nil); err == nil {
		t.Error("a folder of that name was written to")
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestSweep: at most eight files are kept, and nothing that was begun and left.
func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "own")
	c := openCache(t, dir)
	begun, now := filepath.Join(dir, ".want-1"), filepath.Join(dir, ".want-2")
	for _, file := range []string{begun, now} {
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(begun, old, old); err != nil {
		t.Fatal(err)
	}
	w, _ := small(t, nil)
	for n := range 12 {
		if err := c.Keep(w, track.Mark{Program: "p", Tree: fmt.Sprint(n)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(files(t, dir)); got != 8+1 {
		t.Errorf("%d files, want 8 and the one that is being written", got)
	}
	if _, err := os.Stat(now); err != nil {
		t.Error(err)
	}
	if _, err := c.Want(track.Mark{Program: "p", Tree: "11"}, begin, nil); err != nil {
		t.Errorf("the newest is gone: %v", err)
	}
}

// TestProgram: it is the same each time, and it is something.
func TestProgram(t *testing.T) {
	if a, b := track.Program(), track.Program(); a != b || len(a) != 32 {
		t.Error(a, b)
	}
}
