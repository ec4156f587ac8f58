package mem_test

import (
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) reconcile.Store { return mem.New() })
}

func FuzzApply(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(0))
	f.Add(uint64(2), uint8(60), uint8(200))
	f.Fuzz(func(t *testing.T, seed uint64, size, asks uint8) {
		storetest.Laws(t, mem.New(), seed, int(size)%80, int64(asks))
	})
}

// TestForeign: what is put behind the ledger's back is a conflict for plans
// that did not see it, and the zero value is ready.
func TestForeign(t *testing.T) {
	var s mem.Store
	u := storetest.NewUser("ana@acme.example")
	s.Put(&schema.Domain{Name: "acme.example"})
	s.Put(u)
	live, err := reconcile.ReadLive(t.Context(), &s)
	if err != nil || len(live.State) != 2 {
		t.Fatalf("got %d rows, error %v", len(live.State), err)
	}
	s.Remove(u.Key())
	_, err = s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(live.State, nil)}})
	if err == nil {
		t.Error("a user that is gone was deleted")
	}
}
