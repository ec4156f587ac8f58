package emailarray_test

import (
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
)

// everyQuirk has them all on, but for disabled-out: with that forwards of who is
// disabled fail, as they should.
var everyQuirk = []string{"numbers=mixed", "member-form=objects", "null-strings", "token-life=90s", "late=20s", "expire,nth=3,only=write"}

// empty opens the store of an account with nothing in it.
func empty(t *testing.T, quirks ...string) reconcile.Store {
	t.Helper()
	s := near(t)
	s.apply(t, s.read(t).State[0], nil)
	s.clock.move(time.Minute)
	s.quirk(t, quirks...)
	store, err := piecemeal.Open(t.Context(), s.Service, piecemeal.Options{Dir: t.TempDir(), Clock: s.options.Clock, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestStore: the suite of all stores, with and without quirks.
func TestStore(t *testing.T) {
	for name, quirks := range map[string][]string{"no quirks": nil, "all quirks": everyQuirk} {
		t.Run(name, func(t *testing.T) {
			open := func(t *testing.T) reconcile.Store { return empty(t, quirks...) }
			if !thorough {
				storetest.Walk(t, open(t), 5, 4, 2)
				return
			}
			storetest.Run(t, open)
		})
	}
}

// FuzzWalk walks through random states with all quirks on.
func FuzzWalk(f *testing.F) {
	f.Fuzz(func(t *testing.T, seed uint64) { storetest.Walk(t, empty(t, everyQuirk...), seed, 12, 12) })
}
