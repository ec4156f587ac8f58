package sqlite_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want, secrets := storetest.Random(rand.New(rand.NewPCG(1, 1)), 20)
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(schema.State{}, want)}, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if wrong, err := s.Check(t.Context()); err != nil || len(wrong) > 0 {
		t.Fatalf("a sound store: %q, %v", wrong, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if wrong, err := s.Check(t.Context()); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "mode 0644") {
		t.Errorf("a store that everybody may read: %q, %v", wrong, err)
	}
}
