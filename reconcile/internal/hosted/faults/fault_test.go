package faults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/simhttp"
	"mailops/schema"
)

// anywhere are the faults that each request can meet, and an apply gets over: by
// itself, or going on with it.
var anywhere = []string{
	"cut", "cut,after", "half", "html", "html,after", "empty", "fail=500", "fail=502,after", "expire", "slow=1h", "huge=100000",
}

// TestAnywhere: whatever request meets whatever fault, the story ends as it would,
// with each thing done once.
func TestAnywhere(t *testing.T) {
	for _, kind := range kinds {
		e := undisturbed(t, kind)
		for i, fault := range anywhere {
			for n := 1 + 3*i; n <= e.requests; n += 4 * stride {
				word := fmt.Sprintf("%s,nth=%d", fault, n)
				t.Run(kind+" "+word, func(t *testing.T) {
					w := begin(t, kind, late)
					if strings.HasPrefix(fault, "slow") {
						w.Timeout = 100 * time.Millisecond
					}
					w.Limit = 50000
					run, since := w.planned(t, e)
					w.quirks(t, late, word)
					w.persist(t, e, run)
					w.ended(t, e, since)
				})
			}
		}
	}
}

// persist applies, and goes on or plans anew as a person would.
func (w *world) persist(t *testing.T, e ending, run reconcile.Run) {
	t.Helper()
	s := w.here(t)
	_, err := s.Apply(t.Context(), reconcile.Batch{Run: run})
	for range 3 {
		if err == nil {
			break
		}
		w.sorted(t, run, err)
		w.tight(t, err.Error())
		cut, errCut := s.CutOff(t.Context())
		switch {
		case errCut != nil:
			t.Fatal(errCut)
		case cut != nil:
			_, err = s.GoOn(t.Context(), nil)
		default:
			_, err = s.Apply(t.Context(), reconcile.Batch{Run: plan(s, live(t, s), e.want)})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sorted checks what an error of an apply says: that the service could not be
// reached, or which of the changes are done, failed and left, each of them in one
// place.
func (w *world) sorted(t *testing.T, run reconcile.Run, err error) *reconcile.PartialError {
	t.Helper()
	partial := new(reconcile.PartialError)
	if !errors.As(err, &partial) {
		if !errors.Is(err, reconcile.ErrUnreachable) {
			t.Errorf("%v is no kind of error", err)
		}
		return partial
	}
	if partial.Err != nil && !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("it ended early with %v", partial.Err)
	}
	said := slices.Concat(partial.Done, failed(partial), partial.Left)
	wanted := keysOf(run.Changes)
	for _, keys := range [][]schema.Key{said, wanted} {
		slices.SortFunc(keys, schema.Key.Compare)
	}
	if diff := cmp.Diff(wanted, said); diff != "" {
		t.Errorf("of the changes it says (-all +said)\n%s", diff)
	}
	return partial
}

func failed(p *reconcile.PartialError) (out []schema.Key) {
	for _, f := range p.Failed {
		out = append(out, f.Key)
	}
	return out
}

// writes are the requests that changed something, or were to.
func writes(log []simhttp.Entry) (out []simhttp.Entry) {
	return slices.DeleteFunc(slices.Clone(log), func(e simhttp.Entry) bool { return e.Kind != simhttp.Write })
}

// opened is a world with a store and the story's plan.
func opened(t *testing.T, kind string, quirks ...string) (w *world, s *piecemeal.Store, run reconcile.Run, want schema.State) {
	t.Helper()
	w = begin(t, kind, quirks...)
	s = w.here(t)
	is := live(t, s)
	want = wanted(t, is)
	return w, s, plan(s, is, want), want
}
