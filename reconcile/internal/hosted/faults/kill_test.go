package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// late is that reads show what was, for so long.
const late = "late=20s"

// An ending is what a story comes to when nothing happens.
type ending struct {
	want     schema.State
	did      []string
	held     string
	changes  int
	requests int
	calls    map[string]int // how often it comes by where a process can die
}

// undisturbed tells the story to its end in this process.
func undisturbed(t *testing.T, kind string) ending {
	t.Helper()
	w := begin(t, kind, late)
	s := w.store(t)
	is := live(t, s)
	e := ending{want: wanted(t, is)}
	run := plan(s, is, e.want)
	e.changes = len(run.Changes)
	since := len(w.Log())
	w.gate.watch(nil, nil)
	c := &counting{calls: make(map[string]int)}
	service, err := w.service()
	if err != nil {
		t.Fatal(err)
	}
	c.Service = service
	again, err := w.open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Apply(t.Context(), reconcile.Batch{Run: run}); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	e.did, e.held, e.requests, e.calls = w.did(since), w.held(t), w.gate.count(), c.calls
	if once := slices.Compact(slices.Clone(e.did)); len(once) != len(e.did) {
		t.Fatalf("twice, undisturbed: %q", e.did)
	}
	return e
}

// TestKilled: a process that is killed at any request, before or after it is carried
// out, or at any step between two, is followed by one that ends the apply: the
// service holds what it would, and did nothing twice.
func TestKilled(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			e := undisturbed(t, kind)
			for i, after := range []bool{false, true} {
				for n := 1 + i; n <= e.requests; n += stride {
					t.Run(fmt.Sprintf("request %d, after %v", n, after), func(t *testing.T) { killedAt(t, kind, e, n, after) })
				}
			}
			for i, at := range deaths {
				for n := 1 + i; n <= e.calls[at]; n += stride {
					t.Run(fmt.Sprintf("%s %d", at, n), func(t *testing.T) { dies(t, kind, e, death{at, n}) })
				}
			}
		})
	}
}

// TestKilledAgain: when each process is killed after so many requests, as soon as it
// has done a little, the last of them ends the apply.
func TestKilledAgain(t *testing.T) {
	for _, kind := range kinds {
		for _, most := range []int{9, 16} {
			t.Run(fmt.Sprintf("%s %d", kind, most), func(t *testing.T) {
				e := undisturbed(t, kind)
				w := begin(t, kind, late)
				run, since := w.planned(t, e)
				next := errand{Site: w.site, Run: &run}
				for range 30 {
					if w.killed(t, next, most, true) {
						break
					}
					next.Run = nil
				}
				w.resumed(t, e, since, 1)
			})
		}
	}
}

// killed sends an errand and kills it at a request, and reports whether it needed no
// more than those before.
func (w *world) killed(t *testing.T, e errand, at int, after bool) bool {
	t.Helper()
	var p *process
	begun := make(chan struct{})
	kill := func(n int, _ *http.Request) bool {
		<-begun
		if n == at {
			p.kill()
		}
		return n >= at
	}
	if after {
		w.gate.watch(nil, kill)
	} else {
		w.gate.watch(kill, nil)
	}
	p = send(t, e)
	close(begun)
	ended := p.wait(t)
	w.gate.watch(nil, nil)
	return ended
}

// killedAt kills a process at a request.
func killedAt(t *testing.T, kind string, e ending, n int, after bool) {
	w := begin(t, kind, late)
	run, since := w.planned(t, e)
	if w.killed(t, errand{Site: w.site, Run: &run}, n, after) {
		t.Error("it was not killed")
	}
	w.resumed(t, e, since, n)
}

// dies lets a process kill itself.
func dies(t *testing.T, kind string, e ending, d death) {
	w := begin(t, kind, late)
	run, since := w.planned(t, e)
	if p := send(t, errand{Site: w.site, Run: &run, Death: d}); p.wait(t) {
		t.Errorf("it was not killed: %s", p.out.String())
	}
	w.resumed(t, e, since, d.Nth)
}

// planned plans the story.
func (w *world) planned(t *testing.T, e ending) (run reconcile.Run, since int) {
	t.Helper()
	s := w.here(t)
	return plan(s, live(t, s), e.want), len(w.Log())
}

// resumed goes on in this process, at once or much later.
func (w *world) resumed(t *testing.T, e ending, since, n int) {
	t.Helper()
	if n%2 == 0 {
		w.move(time.Hour)
	}
	s := w.here(t)
	cut, err := s.CutOff(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.GoOn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if cut == nil { // it was killed before it began, or when all was done
		w.move(time.Hour)
		if run := plan(s, live(t, s), e.want); len(run.Changes) > 0 {
			if did := w.did(since); len(did) > 0 {
				t.Fatalf("nothing is to be resumed, and done were %q", did)
			}
			if _, err := s.Apply(t.Context(), reconcile.Batch{Run: run}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.ended(t, e, since)
}

// ended checks that the service holds what it is to hold, did each thing once, and
// that everybody knows.
func (w *world) ended(t *testing.T, e ending, since int) {
	t.Helper()
	if diff := cmp.Diff(e.held, w.held(t)); diff != "" {
		t.Errorf("it holds (-undisturbed +now)\n%s", diff)
	}
	if diff := cmp.Diff(e.did, w.did(since)); diff != "" {
		t.Errorf("it did (-undisturbed +now)\n%s", diff)
	}
	w.move(time.Hour)
	s := w.here(t)
	if left := plan(s, live(t, s), e.want).Changes; len(left) > 0 {
		t.Errorf("the next plan has %v: %+v", keysOf(left), left[0].Fields)
	}
	if cut, err := s.CutOff(t.Context()); err != nil || cut != nil {
		t.Errorf("it is still cut off: %v, %v", cut, err)
	}
	runs, err := s.Runs(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	recorded := make(map[schema.Key]bool)
	said := make(map[string]int) // of each field once, and of who comes or goes
	for _, r := range runs {
		if r, err = s.Run(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		for i := range r.Changes {
			c := &r.Changes[i]
			recorded[c.Key] = true
			if c.Op != reconcile.OpUpdate {
				said[c.Key.String()]++
				continue
			}
			for _, f := range c.Fields {
				said[c.Key.String()+" "+f.Path]++
			}
		}
	}
	for what, n := range said {
		if n > 1 {
			t.Errorf("%s is recorded %d times", what, n)
		}
	}
	if len(recorded) != e.changes {
		t.Errorf("%d changes are recorded", len(recorded))
	}
	w.tight(t)
}
