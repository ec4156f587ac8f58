package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// quick opens a store that does not wait for the disk.
func quick(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func lead(t *testing.T, s *sqlite.Store, holder string) reconcile.Lease {
	t.Helper()
	l, err := s.Lead(t.Context(), holder)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLeaders: two agents take the lock file away from each other.
func TestLeaders(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	stores := [2]reconcile.Store{quick(t, path), quick(t, path)}
	storetest.Leaders(t, rounds, stores, func() {
		if err := os.Remove(path + "-agent"); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
}

// TestLeadLock: by whatever name a store is opened, one leads; and an agent whose
// lock was taken away is fenced.
func TestLeadLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "live.db"), filepath.Join(dir, "other.db")
	first := quick(t, path)
	if err := os.Symlink(path, other); err != nil {
		t.Fatal(err)
	}
	second := quick(t, other)
	l := lead(t, first, "first")
	mode(t, path+"-agent", 0o600)
	for _, holder := range []string{"second", "first"} { // the same name elsewhere is another one
		led := new(reconcile.LedError)
		if _, err := second.Lead(t.Context(), holder); !errors.As(err, &led) || led.Holder != "first" {
			t.Errorf("got error %v, want that first leads", err)
		}
	}
	if _, err := readOnly(t, path).Lead(t.Context(), "reader"); err == nil {
		t.Error("who may only read leads")
	}
	if err := os.Remove(path + "-agent"); err != nil {
		t.Fatal(err)
	}
	thief := lead(t, second, "second")
	if err := l.Renew(t.Context()); !errors.Is(err, reconcile.ErrFenced) {
		t.Errorf("got error %v, want ErrFenced", err)
	}
	if _, err := first.Apply(t.Context(), reconcile.Batch{Epoch: l.Epoch()}); !errors.Is(err, reconcile.ErrFenced) {
		t.Errorf("got error %v, want ErrFenced", err)
	}
	if _, err := first.Lead(t.Context(), "first"); !errors.Is(err, reconcile.ErrLed) {
		t.Errorf("got error %v, want ErrLed", err)
	}
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if err := thief.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	// A store that is closed leads no more.
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	lead(t, first, "first")
}

// TestRenewWritesNothing: the caches of the mail servers stay.
func TestRenewWritesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := quick(t, path)
	l := lead(t, s, "first")
	watcher, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	version := func() int64 {
		t.Helper()
		stmt, _, err := watcher.Prepare("PRAGMA data_version")
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		if !stmt.Step() {
			t.Fatal(stmt.Err())
		}
		return stmt.ColumnInt64(0)
	}
	before := version()
	for range 20 {
		if err := l.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := version(); got != before {
		t.Errorf("the file was written: data_version went from %d to %d", before, got)
	}
	lead(t, s, "second")
	if version() == before {
		t.Error("a new epoch was not written")
	}
}

// TestForeignNotes: whatever another program writes is noted.
func TestForeignNotes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := quick(t, path)
	exec := func(sql string) {
		t.Helper()
		if err := foreign(t, path, "PRAGMA foreign_keys = ON; "+sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	storetest.Foreign(t, s, "", exec)
	// A user who is pushed out by REPLACE is noted, and a user who goes with all
	// that is theirs is one note.
	state := schema.State{&schema.Domain{Name: "acme.example"}, storetest.NewUser("ana@acme.example"), storetest.NewUser("bruno@acme.example")}
	apply(t, s, reconcile.Diff(read(t, s).State, state), nil)
	noted := func(what, want string, statement string) {
		t.Helper()
		notes, err := s.Notes(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		last := notes[len(notes)-1].ID
		exec(statement)
		if notes, err = s.Notes(t.Context(), last); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range notes {
			names = append(names, n.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: noted %q, want %q", what, got, want)
		}
	}
	noted("update or replace", "bruno@acme.example ana@acme.example", "UPDATE OR REPLACE mailuser SET mailbox = 'bruno@acme.example' WHERE local = 'ana'")
	noted("delete", "ana@acme.example", "DELETE FROM address WHERE local = 'ana'")
	noted("rolled back", "", "SAVEPOINT x; UPDATE domain SET timezone = 'UTC'; ROLLBACK TO x; RELEASE x")
}

// TestStoreWatch: the store tells of other programs, and of another file that
// takes its place.
func TestStoreWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db")
	s := quick(t, path)
	apply(t, s, reconcile.Diff(nil, schema.State{&schema.Domain{Name: "acme.example"}}), nil)
	quick(t, backup)
	restored, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	storetest.Watched(t, s, func() {
		n++
		if err := foreign(t, path, fmt.Sprintf("UPDATE domain SET timezone = '%d'", n)); err != nil {
			t.Fatal(err)
		}
	})
	storetest.Watched(t, s, func() {
		for _, suffix := range []string{"-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.WriteFile(path+".new", restored, 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	})
}
