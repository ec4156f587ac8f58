package snapshot_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mailops/reconcile/snapshot"
)

// TestFile: a snapshot replaces an empty file or a snapshot and nothing else, is
// there whole or not at all, and is read by its owner and whom somebody let in.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "live.snapshot")
	text := take(t, some(t), options())
	save := func(keep bool) error {
		f, err := snapshot.Create(name)
		if err != nil {
			return err
		}
		defer f.Discard()
		if _, err := f.Write(text); err != nil || !keep {
			return err
		}
		return f.Keep()
	}
	mode := func(want os.FileMode) {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("mode %v, want %v (%v)", info.Mode(), want, err)
		}
	}
	for _, want := range []os.FileMode{0o600, 0o600, 0o640, 0o644, 0o600} {
		if _, err := os.Stat(name); err == nil {
			if err := os.Chmod(name, want); err != nil {
				t.Fatal(err)
			}
		}
		if err := save(true); err != nil {
			t.Fatal(err)
		}
		mode(want)
	}
	if err := os.Chmod(name, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 0); err != nil { // as install -m 640 /dev/null makes it
		t.Fatal(err)
	}
	if err := save(false); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Size() != 0 {
		t.Errorf("half of one was kept: %v", err)
	}
	if err := save(true); err != nil {
		t.Fatal(err)
	}
	mode(0o640)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(name, []byte("kind: User\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := save(true); !errors.Is(err, snapshot.ErrTaken) {
		t.Errorf("over something else: %v", err)
	}
	name = dir
	if err := save(true); !errors.Is(err, snapshot.ErrFolder) {
		t.Errorf("over a folder: %v", err)
	}
}
