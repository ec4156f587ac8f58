package emailarray_test

import (
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// TestPassword: a password takes three requests, two of them to look up the user, of
// whom all else is said with it.
func TestPassword(t *testing.T) {
	s := start(t, people, nil)
	store, err := piecemeal.Open(t.Context(), s.Service, piecemeal.Options{Dir: t.TempDir(), Clock: s.options.Clock, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if _, err := s.Figures(t.Context()); err != nil { // there is a token
		t.Fatal(err)
	}
	before := len(s.Log())
	p := reconcile.NewPassword{User: "ada@acme.example", Text: "Correct-Horse-9", Once: true}
	if once, err := store.SetPassword(t.Context(), p); once || err != nil || len(s.Log())-before != 3 || !s.PasswordIs(string(p.User), p.Text) {
		t.Errorf("%d requests, %v", len(s.Log())-before, err)
	}
}

// TestThousandChanges: with a limit on, an apply of a thousand changes with all that
// is read before and after takes at most 1.05 times as many requests as the least,
// no lock-out, and as many and as long as was foretold.
func TestThousandChanges(t *testing.T) {
	s := start(t, crowd(1000), nil, "throttle=120", "late=5s", "numbers=mixed", "null-strings", "token-life=5m")
	store, err := piecemeal.Open(t.Context(), s.Service, piecemeal.Options{Dir: t.TempDir(), Clock: s.options.Clock, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	live, err := reconcile.ReadLive(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	var want schema.State
	for _, r := range live.State {
		r = schema.Clone(r)
		if u, ok := r.(*schema.User); ok && u.Address.Domain() == acme {
			u.Quota += 1e9
		}
		want = append(want, r)
	}
	changes := reconcile.Diff(live.State, want)
	cost, err := store.Cost(live.State, changes)
	if err != nil || len(changes) != 1000 {
		t.Fatal(len(changes), err)
	}
	before, begin := len(s.Log()), s.clock.now()
	if _, err := store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: begin, Changes: changes}}); err != nil {
		t.Fatal(err)
	}
	took, asked := s.clock.now().Sub(begin), len(s.Log())-before
	t.Logf("%d requests for 1000 changes, %d foretold, %d lock-outs, %s foretold, %s taken", asked, cost.Requests, s.Lockouts(), cost.Length, took)
	if asked > 1050 || s.Lockouts() != 0 || asked-cost.Requests > 10 || asked < cost.Requests || (took-cost.Length).Abs() > 2*time.Minute {
		t.Error("that is too many, or was foretold wrongly")
	}
	again, err := reconcile.ReadLive(t.Context(), store)
	if left := reconcile.Diff(again.State, want); err != nil || len(left) > 0 {
		t.Errorf("left: %d, %v", len(left), err)
	}
}
