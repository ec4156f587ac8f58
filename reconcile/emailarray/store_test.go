package emailarray_test

import (
	"testing"
	"time"

	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
)

// TestWalk: with and without quirks, a store of an account goes through the same
// random states as one in memory, as far as it can.
func TestWalk(t *testing.T) {
	for name, quirks := range map[string][]string{
		"none": nil,
		"all":  {"numbers=mixed", "member-form=objects", "null-strings", "token-life=90s", "late=20s", "expire,nth=3,only=write", "disabled-out"},
	} {
		t.Run(name, func(t *testing.T) {
			s := near(t)
			s.apply(t, s.read(t).State[0], nil) // the walk begins with nothing
			s.clock.move(time.Minute)
			s.quirk(t, quirks...)
			store, err := piecemeal.Open(t.Context(), s.Service, piecemeal.Options{Dir: t.TempDir(), Clock: s.options.Clock, NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			storetest.Walk(t, store, 7, 6, 3)
		})
	}
}
