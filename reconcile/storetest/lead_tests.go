package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"mailops/reconcile"
)

// testLead: one agent at a time, each with a higher epoch, and what an old one
// applies is refused whole.
func testLead(h *harness) {
	if h.leader == nil {
		return
	}
	h.become(h.small(), nil)
	if _, err := h.leader.Lead(h.Context(), ""); err == nil {
		h.Error("an agent has no name")
	}
	first := h.lead("first")
	h.ledBy("second", "first")
	h.renews(first)
	b := batch(h.diff(h.live(), with(h.small(), named(ana, "Ana"))), nil)
	b.Epoch = first.Epoch()
	if _, err := h.s.Apply(h.Context(), b); err != nil {
		h.Fatal(err)
	}
	for _, epoch := range []int64{first.Epoch() + 1, first.Epoch() - 1, -1} {
		if b.Epoch = epoch; epoch != 0 {
			h.fenced(b)
		}
	}
	h.become(h.small(), nil) // by hand, whoever is the agent
	again := h.lead("first")
	if again.Epoch() <= first.Epoch() {
		h.Errorf("epoch %d came after %d", again.Epoch(), first.Epoch())
	}
	b = batch(h.diff(h.live(), with(h.small(), named(ana, "Ana"))), nil)
	b.Epoch = first.Epoch()
	h.fenced(b)
	if err := first.Renew(h.Context()); !errors.Is(err, reconcile.ErrFenced) {
		h.Errorf("renew: got error %v, want ErrFenced", err)
	}
	h.releases(first) // which is nobody's any more
	h.ledBy("second", "first")
	h.releases(again)
	if err := again.Renew(h.Context()); !errors.Is(err, reconcile.ErrFenced) {
		h.Errorf("a released lease is renewed: error %v", err)
	}
	second := h.lead("second")
	if second.Epoch() <= again.Epoch() {
		h.Errorf("epoch %d came after %d", second.Epoch(), again.Epoch())
	}
	b.Epoch = again.Epoch()
	h.fenced(b)
	h.ledBy("first", "second")
	h.releases(second)
	h.oneOfMany()
}

// oneOfMany lets several lead at once, of whom one does.
func (h *harness) oneOfMany() {
	h.Helper()
	var group sync.WaitGroup
	won := make(chan reconcile.Lease, 8)
	for i := range cap(won) {
		group.Go(func() {
			l, err := h.leader.Lead(h.Context(), fmt.Sprint("agent ", i))
			switch {
			case err == nil:
				won <- l
			case !errors.Is(err, reconcile.ErrLed):
				h.Errorf("got error %v, want ErrLed", err)
			}
		})
	}
	group.Wait()
	if len(won) != 1 {
		h.Fatalf("%d lead", len(won))
	}
	h.releases(<-won)
}

func (h *harness) lead(holder string) reconcile.Lease {
	h.Helper()
	l, err := h.leader.Lead(h.Context(), holder)
	if err != nil {
		h.Fatal(err)
	}
	return l
}

// ledBy demands that a holder cannot lead, because another one does.
func (h *harness) ledBy(holder, by string) {
	h.Helper()
	_, err := h.leader.Lead(h.Context(), holder)
	var led *reconcile.LedError
	if !errors.As(err, &led) || led.Holder != by || time.Since(led.Since).Abs() > time.Minute {
		h.Errorf("got error %v, want that %s leads", err, by)
	}
}

func (h *harness) renews(l reconcile.Lease) {
	h.Helper()
	if err := l.Renew(h.Context()); err != nil {
		h.Error(err)
	}
}

func (h *harness) releases(l reconcile.Lease) {
	h.Helper()
	if err := l.Release(h.Context()); err != nil {
		h.Error(err)
	}
}

// fenced demands that a batch is refused because of its epoch.
func (h *harness) fenced(b reconcile.Batch) {
	h.Helper()
	if err := h.fail(b); !errors.Is(err, reconcile.ErrFenced) {
		h.Errorf("got error %v, want ErrFenced", err)
	}
}

// Leaders has two agents on one store take over from each other, each while the
// other one applies: nothing of an agent is in the ledger after the run that the
// next one found. The stores may be one; free is called before each begins to
// lead, and takes the store away from the other one.
func Leaders(t *testing.T, rounds int, stores [2]reconcile.Store, free func()) {
	var group sync.WaitGroup
	var agents [2]*agent
	for i, s := range stores {
		a := &agent{powers: powersOf(s), store: s, work: make(chan reconcile.Lease)}
		agents[i] = a
		group.Go(func() { a.run(t) })
	}
	floors := make(map[int64]int64) // of an epoch, the last run before it
	for round := range rounds {
		next, last := agents[round%2], agents[1-round%2]
		last.work <- nil
		free()
		l := next.takeOver(t, floors)
		if l == nil {
			break
		}
		next.work <- l
		last.work <- nil
	}
	for _, a := range agents {
		close(a.work)
	}
	group.Wait()
	runs, err := agents[0].ledger.Runs(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	notStale(t, runs, floors)
	t.Logf("%d runs, %d and %d were refused", len(runs), agents[0].refused, agents[1].refused)
	if refused := agents[0].refused + agents[1].refused; refused < rounds/2 || len(runs) < rounds/2 {
		t.Errorf("too little was tried in %d rounds: %d were refused, and %d were not", rounds, refused, len(runs))
	}
}

// notStale demands that no run is later than the beginning of the next epoch.
func notStale(t *testing.T, runs []reconcile.Run, floors map[int64]int64) {
	t.Helper()
	last := int64(0)
	for epoch := range floors {
		last = max(last, epoch)
	}
	for _, r := range runs {
		epoch, err := strconv.ParseInt(r.Plan, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		for next := epoch + 1; next <= last; next++ {
			if floor, known := floors[next]; known {
				if r.ID > floor {
					t.Errorf("run %d is of epoch %d, and epoch %d began after run %d", r.ID, epoch, next, floor)
				}
				break
			}
		}
	}
}

// An agent applies with the last lease that it was given, as one does that has
// not heard of the next.
type agent struct {
	powers
	store   reconcile.Store
	work    chan reconcile.Lease // nil: the same again
	refused int
}

// takeOver leads, and notes the last run before.
func (a *agent) takeOver(t *testing.T, floors map[int64]int64) reconcile.Lease {
	l, err := a.leader.Lead(t.Context(), "agent")
	if err != nil {
		t.Error(err)
		return nil
	}
	runs, err := a.ledger.Runs(t.Context(), 1)
	if err != nil {
		t.Error(err)
	}
	if floors[l.Epoch()] = 0; len(runs) > 0 {
		floors[l.Epoch()] = runs[0].ID
	}
	return l
}

func (a *agent) run(t *testing.T) {
	var l reconcile.Lease
	for next := range a.work {
		if next != nil {
			l = next
		}
		if l != nil {
			a.apply(t, l)
		}
	}
}

// apply tries it once, and writes the epoch into the ledger.
func (a *agent) apply(t *testing.T, l reconcile.Lease) {
	run := reconcile.Run{At: at, Plan: strconv.FormatInt(l.Epoch(), 10)}
	switch _, err := a.store.Apply(t.Context(), reconcile.Batch{Epoch: l.Epoch(), Run: run}); {
	case errors.Is(err, reconcile.ErrFenced):
		a.refused++
		if err := l.Renew(t.Context()); !errors.Is(err, reconcile.ErrFenced) {
			t.Errorf("an apply was refused, and renewing ends with %v", err)
		}
	case err != nil && !errors.Is(err, reconcile.ErrBusy):
		t.Error(err)
	}
}
