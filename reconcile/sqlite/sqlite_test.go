package sqlite_test

import (
	"path/filepath"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel() // beside TestKill, which waits for other processes
	storetest.Run(t, func(t *testing.T) reconcile.Store { return fast(t) })
}

func FuzzApply(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(0))
	f.Add(uint64(2), uint8(40), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, size, asks uint8) {
		// One asks for the context at each statement and each 1000 steps of SQLite's
		// machine; a statement of an apply takes fewer.
		storetest.Laws(t, fast(t), seed, int(size)%80, 17*int64(asks))
	})
}

func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), uint8(10))
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		storetest.Walk(t, fast(t), seed, int(size)%30, 6)
	})
}

// fast opens an empty store for a test.
func fast(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.OpenFast(t.Context(), filepath.Join(t.TempDir(), "live.db"))
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
