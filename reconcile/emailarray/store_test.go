package emailarray_test

import (
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
)

// TestStore: the suite of all stores, with and without quirks.
func TestStore(t *testing.T) {
	for name, quirks := range map[string][]string{
		"no quirks":  nil,
		"all quirks": {"numbers=mixed", "member-form=objects", "null-strings", "token-life=90s", "late=20s", "expire,nth=3,only=write"}, // and not disabled-out: then forwards of who is disabled fail, as they should
	} {
		t.Run(name, func(t *testing.T) {
			open := func(t *testing.T) reconcile.Store {
				s := near(t)
				s.apply(t, s.read(t).State[0], nil) // it begins with nothing
				s.clock.move(time.Minute)
				s.quirk(t, quirks...)
				store, err := piecemeal.Open(t.Context(), s.Service, piecemeal.Options{Dir: t.TempDir(), Clock: s.options.Clock, NoSync: true})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = store.Close() })
				return store
			}
			if !thorough {
				storetest.Walk(t, open(t), 5, 4, 2)
				return
			}
			storetest.Run(t, open)
		})
	}
}
