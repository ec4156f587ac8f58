package piecemeal_test

import (
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
)

func open(t *testing.T, s *shop, dir string) *piecemeal.Store {
	t.Helper()
	store, err := piecemeal.Open(t.Context(), s, piecemeal.Options{Dir: dir, Clock: s.clock(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestStore: the suite of all stores, on a shop that shows what it did at once, and
// on one that does late.
func TestStore(t *testing.T) {
	for name, late := range map[string]time.Duration{"at once": 0, "late": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			begin := func(t *testing.T) reconcile.Store {
				s := newShop()
				s.late = late
				return open(t, s, t.TempDir())
			}
			if !thorough {
				storetest.Walk(t, begin(t), 5, 4, 2)
				return
			}
			storetest.Run(t, begin)
		})
	}
}
