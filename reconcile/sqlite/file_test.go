package sqlite_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
)

func TestModes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	path := filepath.Join(dir, "live ?#%41 é.db")
	s := open(t, path)
	fill(t, s, 3)
	mode(t, dir, 0o700)
	for _, suffix := range []string{"", "-wal", "-shm"} { // they stay when nobody has the file open
		mode(t, path+suffix, 0o600)
	}
	// An administrator opens it to the group of the mail servers, and some
	// other program takes -wal and -shm away.
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, path)
	apply(t, s, nil, nil)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		mode(t, path+suffix, 0o640)
	}
}

func mode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", filepath.Base(path), got, want)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "live.db")
	s := readOnly(t, path)
	if live, err := reconcile.ReadLive(t.Context(), s); err != nil || len(live.State) > 0 {
		t.Errorf("a store that does not exist: %d rows, error %v", len(live.State), err)
	}
	if runs, err := s.Runs(t.Context(), 0); err != nil || len(runs) > 0 {
		t.Errorf("a store that does not exist: %d runs, error %v", len(runs), err)
	}
	if _, err := s.Run(t.Context(), 1); !errors.Is(err, reconcile.ErrNoRun) {
		t.Errorf("got error %v, want ErrNoRun", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opening for reading made something: %v", err)
	}
	fill(t, open(t, path), 3)
	s = readOnly(t, path)
	if live, err := reconcile.ReadLive(t.Context(), s); err != nil || len(live.State) != 4 {
		t.Errorf("got %d rows, error %v", len(live.State), err)
	}
	if _, err := s.Apply(t.Context(), reconcile.Batch{}); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("apply to a store opened for reading: got error %v", err)
	}
}

func readOnly(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestUnreachable: every way in which a store cannot be used is told in words.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string) error
		want error
		text string
	}{
		{"folder", func(t *testing.T, path string) error { return os.Mkdir(path, 0o700) }, reconcile.ErrUnreachable, "cannot be opened"},
		{"text", func(t *testing.T, path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("kind: User\n", 200)), 0o600)
		}, reconcile.ErrUnreachable, "not a SQLite database"},
		{"below a file", func(t *testing.T, path string) error { return os.WriteFile(filepath.Dir(path), nil, 0o600) }, reconcile.ErrUnreachable, "cannot be opened"},
		{"another program's", func(t *testing.T, path string) error { return foreign(t, path, "CREATE TABLE songs (title TEXT)") },
			reconcile.ErrUnreachable, `belongs to another program: it has the table "songs"`},
		{"newer", func(t *testing.T, path string) error {
			open(t, path)
			return foreign(t, path, "INSERT INTO mailops_migration VALUES ('0099_later', '2030-01-01')")
		}, reconcile.ErrNewer, "0099_later"},
		{"damaged", func(t *testing.T, path string) error {
			fill(t, open(t, path), 500)
			return damage(path)
		}, reconcile.ErrUnreachable, "damaged"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "live.db")
			if test.name != "below a file" {
				if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.make(t, path); err != nil {
				t.Fatal(err)
			}
			for _, readOnly := range []bool{false, true} {
				err := use(t, path, readOnly)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("read only %v: got error %v, want %q", readOnly, err, test.text)
				}
			}
		})
	}
}

// use opens a store and reads it, and returns the first error.
func use(t *testing.T, path string, readOnly bool) error {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{ReadOnly: readOnly})
	if err != nil {
		return err
	}
	_, err = reconcile.ReadLive(t.Context(), s)
	return err
}

// damage overwrites every page of a database but the first two.
func damage(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i := 8192; i < len(data); i++ {
		data[i] = byte(i * 7)
	}
	return os.WriteFile(path, data, 0o600)
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	fill(t, open(t, path), 10)
	s, err := sqlite.OpenSmall(t.Context(), path, "100")
	if err != nil {
		t.Fatal(err)
	}
	state, secrets := users(2000)
	_, err = s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(state[:11], state)}, Secrets: secrets})
	if !errors.Is(err, reconcile.ErrUnreachable) || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got error %v", err)
	}
	if live, err := reconcile.ReadLive(t.Context(), s); err != nil || len(live.State) != 11 {
		t.Errorf("got %d rows, error %v", len(live.State), err)
	}
}

// TestBusy: an apply waits for another writer only so long, and readers never.
func TestBusy(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	fill(t, open(t, path), 3)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{BusyTimeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec("BEGIN IMMEDIATE; UPDATE mailuser SET name = 'not yet'"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), reconcile.Batch{}); !errors.Is(err, reconcile.ErrBusy) {
		t.Errorf("got error %v, want ErrBusy", err)
	}
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil || len(live.State) != 4 || fmt.Sprint(live.State[1]) == "not yet" {
		t.Errorf("got %d rows, error %v", len(live.State), err)
	}
	if err := other.Exec("COMMIT"); err != nil {
		t.Fatal(err)
	}
	apply(t, s, nil, nil)
}

// TestRemoved: a file that goes away under an open store is an error, and never
// an empty store; one that takes its place is read at once.
func TestRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db")
	s := open(t, path)
	fill(t, s, 3)
	fill(t, open(t, backup), 5)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := reconcile.ReadLive(t.Context(), s); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("read: got error %v, want ErrUnreachable", err)
	}
	if _, err := s.Apply(t.Context(), reconcile.Batch{}); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("apply: got error %v, want ErrUnreachable", err)
	}
	if err := os.Rename(backup, path); err != nil {
		t.Fatal(err)
	}
	if live, err := reconcile.ReadLive(t.Context(), s); err != nil || len(live.State) != 6 {
		t.Errorf("got %d rows, error %v", len(live.State), err)
	}
}

// TestOlder: a store that lacks a migration is brought up to date by whoever
// may write, and by nobody else.
func TestOlder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	fill(t, open(t, path), 3)
	err := foreign(t, path, "DROP TRIGGER observed_locked_insert; DROP TRIGGER observed_locked_update; DROP TRIGGER observed_locked_delete;"+
		"DELETE FROM mailops_migration WHERE name = '0002_triggers'")
	if err != nil {
		t.Fatal(err)
	}
	if err := use(t, path, true); !errors.Is(err, reconcile.ErrUnreachable) || !strings.Contains(err.Error(), "older mailops") {
		t.Errorf("got error %v", err)
	}
	if err := use(t, path, false); err != nil {
		t.Error(err)
	}
	if err := use(t, path, true); err != nil {
		t.Error(err)
	}
}
