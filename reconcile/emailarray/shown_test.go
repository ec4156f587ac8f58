package emailarray_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// direct sends requests to handlers, without a connection.
type direct map[string]http.Handler

// RoundTrip sends the request.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d[r.URL.Host].ServeHTTP(w, r)
	return w.Result(), nil
}

// near is an account that is asked without a connection.
func near(t *testing.T) *scene {
	s := &scene{clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}}
	s.Server = arraysim.New(arraysim.Options{Now: s.clock.now, MaxBasic: 5000, MaxEnhanced: 5000})
	c := s.Credentials()
	s.options = emailarray.Options{
		Primary: "https://primary.example", Fallback: "https://fallback.example", PerMinute: 10_000,
		Credentials: emailarray.Credentials{Username: c.Username, Password: c.Password},
		Clock:       hosted.Clock{Now: s.clock.now, Sleep: s.clock.sleep},
		Transport:   direct{"primary.example": s.Primary(), "fallback.example": s.Fallback()},
	}
	s.renew(t)
	return s
}

// FuzzShown: whatever is wanted, as far as it can be, what is read once it was asked
// for is what Shown says; Shown of that is the same; and then there is nothing left
// to ask for.
func FuzzShown(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { near(t).wander(t, seed) })
}

// wander makes the account be as a few states, one after the other.
func (s *scene) wander(t *testing.T, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	want, _ := storetest.Random(rng, 1+int(seed%12))
	for range 3 {
		s.reach(t, want)
		want, _ = storetest.Mutate(rng, want)
	}
}

// reach makes the account be as is wanted, as far as it can be.
func (s *scene) reach(t *testing.T, want schema.State) {
	t.Helper()
	live := s.read(t).State
	want, _ = reconcile.Attainable(want, live, nil, s.Lacks())
	changes := reconcile.Diff(live, want)
	slices.SortStableFunc(changes, func(a, b reconcile.Change) int { return turn(&a) - turn(&b) })
	for i := range changes {
		s.apply(t, live.Find(changes[i].Key), want.Find(changes[i].Key))
	}
	s.clock.move(time.Minute) // which is more than reads are late by
	is := s.read(t).State
	var shown schema.State
	for _, r := range want {
		once := s.Shown(r)
		if diff := cmp.Diff(once, s.Shown(once)); diff != "" {
			t.Errorf("shown twice: %s", diff)
		}
		shown = append(shown, once)
	}
	if diff := cmp.Diff(shown, is); diff != "" {
		t.Fatalf("(-shown +read)\n%s", diff)
	}
	for _, r := range want {
		if left, err := s.Operations(is.Find(r.Key()), r, nil); err != nil || len(left) > 0 {
			t.Errorf("%s: there is something left to ask for: %v, %v", r.Key(), left, err)
		}
	}
}

// turn is when a change can be made: an address is freed before it is taken, and
// there before another leads to it.
func turn(c *reconcile.Change) int {
	switch domain := c.Kind == schema.KindDomain; {
	case domain && c.Op == reconcile.OpDelete:
		return 4
	case domain:
		return 0
	case c.Op == reconcile.OpDelete:
		return 1
	case c.Op == reconcile.OpCreate && c.Kind == schema.KindUser:
		return 2
	}
	return 3
}
