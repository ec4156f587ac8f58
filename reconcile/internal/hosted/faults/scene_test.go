package faults

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// both runs a test of both services.
func both(t *testing.T, test func(t *testing.T, kind string)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// revoked are quirks with which no credentials are good.
var revoked = map[string][]string{"zoho": {late, "revoked"}, "emailarray": {late, "refuse,action=login", "expire"}}

// revoke makes the credentials worthless at a request.
func (w *world) revoke(t *testing.T, at int) {
	w.gate.watch(func(n int, _ *http.Request) bool {
		if n == at {
			w.quirks(t, revoked[w.Kind]...)
		}
		return false
	}, nil)
}

// TestWrongCredentials: those of another region, or a wrong password, are said after
// a request or two, and nothing is changed.
func TestWrongCredentials(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		w := begin(t, kind)
		w.quirks(t, map[string]string{"zoho": "wrong-region", "emailarray": "refuse,action=login"}[kind])
		s := w.store(t)
		_, err := reconcile.ReadLive(t.Context(), s)
		_, errApply := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, schema.State{comes("gus", "Gus")})}})
		for _, err := range []error{err, errApply} {
			if !errors.Is(err, reconcile.ErrUnreachable) {
				t.Errorf("got %v", err)
			}
		}
		if n := w.gate.count(); n > 4 || len(writes(w.Log())) > 0 {
			t.Errorf("%d requests, and sent were %v", n, writes(w.Log()))
		}
		w.tight(t, err.Error(), errApply.Error())
	})
}

// TestRevoked: credentials that are revoked half-way end the apply, which says so
// and changes nothing more; with new ones it goes on.
func TestRevoked(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		e := undisturbed(t, kind)
		for at := 3; at < e.requests; at += 3 * stride {
			w := begin(t, kind, late)
			run, since := w.planned(t, e)
			w.revoke(t, at)
			s := w.store(t)
			_, err := s.Apply(t.Context(), reconcile.Batch{Run: run})
			partial := w.sorted(t, run, err)
			did := w.did(since)
			if _, again := s.GoOn(t.Context(), nil); again == nil && len(did) > 0 || len(w.did(since)) > len(did) {
				t.Errorf("at %d it goes on: %v, %v", at, again, w.did(since))
			}
			if len(did) > 0 && (partial.Err == nil || len(partial.Left) == 0) {
				t.Errorf("at %d: %v", at, err)
			}
			w.tight(t, err.Error())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			w.gate.watch(nil, nil)
			w.quirks(t, late)
			w.resumed(t, e, since, at)
		}
	})
}

// TestLockedOut: a lock-out half-way is waited for, and the budget is less then.
func TestLockedOut(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		e := undisturbed(t, kind)
		w := begin(t, kind, late)
		w.PerMinute = 30
		run, since := w.planned(t, e)
		w.gate.watch(func(n int, _ *http.Request) bool {
			if n == 15 {
				w.quirks(t, late, "throttle=9")
			}
			return false
		}, nil)
		w.persist(t, e, run)
		if n := w.Lockouts(); n < 1 || n > 3 {
			t.Errorf("%d lock-outs", n)
		}
		w.ended(t, e, since)
	})
}

// TestGoneBefore: of a user whom somebody removed since the plan, nothing is sent.
func TestGoneBefore(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		w, s, run, _ := opened(t, kind, late)
		since := len(w.Log())
		if err := w.RemoveUser("eve@acme.example"); err != nil {
			t.Fatal(err)
		}
		w.move(time.Minute)
		_, err := s.Apply(t.Context(), reconcile.Batch{Run: run})
		if sent := writes(w.Log()[since:]); !errors.Is(err, reconcile.ErrConflict) || len(sent) > 0 {
			t.Errorf("got %v, and sent were %v", err, sent)
		}
		if cut, err := s.CutOff(t.Context()); cut != nil || err != nil {
			t.Errorf("something is cut off: %v, %v", cut, err)
		}
	})
}

// TestGoneSince: a user whom somebody removes while an apply is cut off fails, and
// the others are done.
func TestGoneSince(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		w, s, run, want := opened(t, kind, late)
		w.revoke(t, 18)
		if _, err := s.Apply(t.Context(), reconcile.Batch{Run: run}); err == nil {
			t.Fatal("it was not cut off")
		}
		w.gate.watch(nil, nil)
		w.quirks(t, late)
		if err := w.RemoveUser("eve@acme.example"); err != nil {
			t.Fatal(err)
		}
		w.move(time.Minute)
		_, err := s.GoOn(t.Context(), nil)
		w.fails(t, run, err, "it is gone", key(schema.KindUser, "eve"))
		w.remains(t, want, key(schema.KindUser, "eve"))
	})
}

// TestSomebodyElse: an address that somebody else takes while the apply is on its
// way fails, the others are done, and nobody's mailbox is taken over.
func TestSomebodyElse(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		for quirk, reason := range map[string]string{late: "exists", "late=0s": "it exists already"} { // late: the service's words
			w, s, run, want := opened(t, kind, quirk)
			w.atFirstWrite(func() {
				if err := w.add("gus@acme.example"); err != nil {
					t.Error(err)
				}
			})
			_, err := s.Apply(t.Context(), reconcile.Batch{Run: run})
			w.fails(t, run, err, reason, key(schema.KindUser, "gus"))
			w.remains(t, want, key(schema.KindUser, "gus"))
			if held := w.held(t); strings.Contains(held, "Gus Gray") || !strings.Contains(held, "Somebody's") {
				t.Errorf("it is taken over: %s", held)
			}
		}
	})
}

// TestTwoPlaces: of two that create an address at once, each with a ledger of its
// own, one does; to the other it is as it is wanted.
func TestTwoPlaces(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		w, s, run, want := opened(t, kind, late)
		other := *w
		other.Dir = t.TempDir()
		since := len(w.Log())
		w.atFirstWrite(func() {
			o := other.store(t)
			is := live(t, o)
			if _, err := o.Apply(t.Context(), reconcile.Batch{Run: plan(o, is, change(is, comes("gus", "Gus Gray")))}); err != nil {
				t.Error(err)
			}
		})
		if _, err := s.Apply(t.Context(), reconcile.Batch{Run: run}); err != nil {
			t.Error(err)
		}
		w.remains(t, want)
		created := slices.DeleteFunc(w.did(since), func(c string) bool { return !strings.HasPrefix(c, "gus@acme.example created") })
		if len(created) != 1 {
			t.Errorf("got %q", created)
		}
	})
}

// TestBusy: while an apply is at work, no other one begins.
func TestBusy(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		w, s, run, want := opened(t, kind, late)
		w.atFirstWrite(func() {
			other := w.store(t)
			_, err := other.Apply(t.Context(), reconcile.Batch{Run: run})
			_, errGoOn := other.GoOn(t.Context(), nil)
			if !errors.Is(err, reconcile.ErrBusy) || !errors.Is(errGoOn, reconcile.ErrBusy) {
				t.Errorf("got %v and %v", err, errGoOn)
			}
		})
		if _, err := s.Apply(t.Context(), reconcile.Batch{Run: run}); err != nil {
			t.Error(err)
		}
		w.remains(t, want)
	})
}

// atFirstWrite does something when the first change is on its way.
func (w *world) atFirstWrite(do func()) {
	done := false
	w.gate.watch(func(_ int, r *http.Request) bool {
		if !done && w.changes(r) {
			done = true
			do()
		}
		return false
	}, nil)
}

// fails checks that some keys failed, for a reason, and all others are done and
// recorded.
func (w *world) fails(t *testing.T, run reconcile.Run, err error, reason string, keys ...schema.Key) {
	t.Helper()
	partial := w.sorted(t, run, err)
	if diff := cmp.Diff(keys, failed(partial)); diff != "" || partial.Err != nil || len(partial.Left) > 0 || partial.Run == 0 {
		t.Fatalf("got %v, of which failed (-want +got)\n%s", err, diff)
	}
	for _, f := range partial.Failed {
		if !strings.Contains(f.Reason, reason) {
			t.Errorf("%s fails because %s", f.Key, f.Reason)
		}
	}
	w.tight(t, err.Error())
}

// remains checks that the next plan has these keys, and no others.
func (w *world) remains(t *testing.T, want schema.State, keys ...schema.Key) {
	t.Helper()
	w.gate.watch(nil, nil)
	w.move(time.Hour)
	s := w.store(t)
	if diff := cmp.Diff(keys, keysOf(plan(s, live(t, s), want).Changes)); diff != "" {
		t.Errorf("the next plan has (-want +got)\n%s", diff)
	}
	if cut, err := s.CutOff(t.Context()); cut != nil || err != nil {
		t.Errorf("something is cut off: %v, %v", cut, err)
	}
}

// TestOneFails: users whom the service refuses to change keep no other from being
// changed, are in no run, and are the next plan.
func TestOneFails(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		e := undisturbed(t, kind)
		w, s, run, want := opened(t, kind, late)
		since := len(w.Log())
		refuse := map[string]string{"zoho": "fail=400,action=updatePOPStatus", "emailarray": "refuse,action=updateUser,nth=2,times=9"}[kind]
		w.quirks(t, late, refuse)
		_, err := s.Apply(t.Context(), reconcile.Batch{Run: run})
		dan := key(schema.KindUser, "dan")
		w.fails(t, run, err, "", dan)
		w.remains(t, want, dan)
		w.quirks(t, late)
		again := w.store(t)
		if _, err := again.Apply(t.Context(), reconcile.Batch{Run: plan(again, live(t, again), want)}); err != nil {
			t.Error(err)
		}
		w.ended(t, e, since)
	})
}

// TestLost: when what is beside the service is lost or damaged while an apply is cut
// off, that is an error where it is seen, nothing is sent, and a new plan is what was
// left.
func TestLost(t *testing.T) {
	for name, spoil := range map[string]func(file string) error{
		"lost":    func(file string) error { return os.RemoveAll(filepath.Dir(file)) },
		"garbage": func(file string) error { return os.WriteFile(file, []byte(strings.Repeat("garbage", 3000)), 0o600) },
		"cut":     func(file string) error { return os.Truncate(file, 5000) },
	} {
		both(t, func(t *testing.T, kind string) {
			w, s, run, want := opened(t, kind, late)
			since := len(w.Log())
			w.revoke(t, 18)
			if _, err := s.Apply(t.Context(), reconcile.Batch{Run: run}); err == nil {
				t.Fatal("it was not cut off")
			}
			w.gate.watch(nil, nil)
			w.quirks(t, late)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(w.Dir, "ledger.db")); err != nil {
				t.Fatal(err)
			}
			if name != "lost" {
				w.refusesToGoOn(t)
				if err := os.RemoveAll(w.Dir); err != nil {
					t.Fatal(err)
				}
			}
			w.move(time.Hour)
			fresh := w.store(t)
			if _, err := fresh.Apply(t.Context(), reconcile.Batch{Run: plan(fresh, live(t, fresh), want)}); err != nil {
				t.Fatal(err)
			}
			w.remains(t, want)
			if did := w.did(since); len(slices.Compact(slices.Clone(did))) != len(did) {
				t.Errorf("it did twice: %q", did)
			}
		})
	}
}

// refusesToGoOn checks that a damaged ledger is an error, and nothing is sent.
func (w *world) refusesToGoOn(t *testing.T) {
	t.Helper()
	since := len(w.Log())
	service, err := w.service()
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.open(t.Context(), service)
	if err == nil {
		_, err = s.GoOn(t.Context(), nil)
		_ = s.Close()
	}
	if err == nil || len(writes(w.Log()[since:])) > 0 {
		t.Errorf("a damaged ledger: %v, %d requests", err, len(w.Log())-since)
	}
}

// TestHuge: an answer of a gigabyte is read no further than the limit, of a read and
// of a change.
func TestHuge(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		e := undisturbed(t, kind)
		for _, only := range []string{"read,nth=1", "write,nth=2"} {
			w := begin(t, kind, late)
			run, since := w.planned(t, e)
			w.quirks(t, late, "huge,only="+only)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w.persist(t, e, run)
			runtime.ReadMemStats(&after)
			if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; mb > 400 {
				t.Errorf("%s: %d MB were taken in all", only, mb)
			}
			w.ended(t, e, since)
		}
	})
}
