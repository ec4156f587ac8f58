package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"mailops/reconcile"
	"mailops/schema"
)

// An Ending is a context that ends after its error was asked for a number of
// times. A store asks as it goes along, so that each number breaks it off at
// another point.
type Ending struct {
	context.Context
	left atomic.Int64
}

// NewEnding returns a context that ends after asks.
func NewEnding(parent context.Context, asks int64) *Ending {
	e := &Ending{Context: parent}
	e.left.Store(asks)
	return e
}

// Err implements context.Context.
func (e *Ending) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return e.Context.Err()
}

// testCancellation breaks off a read and an apply at every point.
func testCancellation(h *harness) {
	h.become(h.small(), nil)
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	if _, err := reconcile.ReadLive(ctx, h.s); !errors.Is(err, context.Canceled) {
		h.Errorf("read: got error %v, want Canceled", err)
	}
	secrets := make(schema.Secrets)
	want := with(without(h.small(), userKey(bruno)), full(ana, secrets), NewUser(schema.Address("c@acme.example")))
	changes, before := h.diff(h.live(), want), h.live()
	for asks := int64(0); ; asks++ {
		_, err := h.s.Apply(NewEnding(h.Context(), asks), batch(changes, secrets))
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			h.Fatalf("apply: got error %v, want Canceled", err)
		}
		if asks < 4 || asks%8 == 0 { // reading it back each time takes long
			h.holds(before)
		}
	}
	h.holds(want)
	for asks := int64(0); ; asks++ {
		live, err := reconcile.ReadLive(NewEnding(h.Context(), asks), h.s)
		if err == nil {
			if len(live.State) != len(want) {
				h.Fatalf("a read that was broken off looks like a store with %d rows, want %d", len(live.State), len(want))
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			h.Fatalf("read: got error %v, want Canceled", err)
		}
	}
}

// testCutOff breaks off an apply at every point, and goes on with it.
func testCutOff(h *harness) {
	h.become(h.small(), nil)
	changed := named(ana, "Ana Silva")
	changed.Status, changed.MailboxActions.IMAP = schema.StatusSuspended, true
	changed.Forwarding.To = []schema.Address{bruno}
	want := with(without(h.small(), userKey(bruno), listKey(team)), changed, named("c@acme.example", "Carla"),
		&schema.Alias{Address: "alias@acme.example", To: []schema.Address{"c@acme.example"}})
	for asks := int64(0); ; asks += 1 + asks/8 {
		before := h.live()
		_, err := h.s.Apply(NewEnding(h.Context(), asks), batch(h.diff(before, want), nil))
		if err == nil {
			h.holds(want)
			return
		}
		if !errors.Is(err, context.Canceled) {
			h.Fatalf("apply: got error %v, want Canceled", err)
		}
		cut, err := h.piecemeal.CutOff(h.Context())
		if err != nil {
			h.Fatal(err)
		}
		var partial *reconcile.PartialError
		if _, err := h.piecemeal.GoOn(h.Context(), nil); err != nil {
			h.Fatalf("go on after %d: %v (%v)", asks, err, errors.As(err, &partial))
		}
		if cut == nil {
			h.holds(before)
		} else {
			h.holds(want)
		}
		if cut, err = h.piecemeal.CutOff(h.Context()); err != nil || cut != nil {
			h.Fatalf("it is still cut off: %v, error %v", cut, err)
		}
		h.become(h.small(), nil)
	}
}

// testRace: of many that change one row at once, exactly one wins.
func testRace(h *harness) {
	h.become(h.small(), nil)
	for round := range 4 {
		seen := h.live()
		var won atomic.Int64
		var group sync.WaitGroup
		for i := range 6 {
			want := with(seen, named(ana, fmt.Sprintf("round %d, no. %d", round, i)), NewUser(schema.Address(fmt.Sprintf("u%d-%d@acme.example", round, i))))
			group.Go(func() {
				_, err := h.s.Apply(h.Context(), batch(h.diff(seen, want), nil))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, reconcile.ErrConflict):
					h.Errorf("got error %v, want a conflict", err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || len(h.live()) != len(seen)+1 {
			h.Fatalf("round %d: %d won, and %d rows came", round, won.Load(), len(h.live())-len(seen))
		}
	}
}

// testSnapshot: a read that began before an apply does not see it, and one that
// is broken off leaves nothing behind.
func testSnapshot(h *harness) {
	h.become(h.small(), nil)
	next, stop := iter.Pull2(h.s.Read(h.Context()))
	row, err, _ := next()
	seen := schema.State{row.Resource}
	h.apply(h.diff(h.small(), with(without(h.small(), listKey(team)), named(ana, "Later"), named("aaa@acme.example", "New"))), nil)
	for {
		var more bool
		if err != nil {
			h.Fatal(err)
		}
		if row, err, more = next(); !more {
			break
		}
		seen = append(seen, row.Resource)
	}
	stop()
	if changes := h.diff(seen, h.small()); len(changes) > 0 {
		h.Errorf("the read saw a later apply: %+v", changes)
	}
	for range h.s.Read(h.Context()) {
		break
	}
	h.become(h.small(), nil)
}

// testReaders reads while batches are applied: all users change in each, so a
// read that sees two names saw half a batch.
func testReaders(h *harness) {
	states := make([]schema.State, 2)
	for i, name := range []string{"even", "odd"} {
		states[i] = h.small()
		for n := range 20 {
			states[i] = with(states[i], named(schema.Address(fmt.Sprintf("u%d@acme.example", n)), name))
		}
		states[i] = with(states[i], named(ana, name), named(bruno, name))
	}
	h.become(states[0], nil)
	ctx, cancel := context.WithCancel(h.Context())
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				h.wholeBatch(ctx)
			}
		})
	}
	for i := range 10 {
		h.become(states[(i+1)%2], nil)
	}
	cancel()
	group.Wait()
}

// wholeBatch reads once and demands one name.
func (h *harness) wholeBatch(ctx context.Context) {
	live, err := reconcile.ReadLive(ctx, h.s)
	if err != nil {
		if ctx.Err() == nil {
			h.Error(err)
		}
		return
	}
	names := make(map[string]int)
	for u := range live.State.Users() {
		names[u.Name]++
	}
	if len(names) != 1 {
		h.Errorf("a read saw half a batch: %v", names)
	}
}

func testClose(h *harness) {
	h.become(h.small(), nil)
	if err := h.s.Close(); err != nil {
		h.Fatal(err)
	}
	if _, err := reconcile.ReadLive(h.Context(), h.s); err == nil {
		h.Error("a closed store can be read, or looks empty")
	}
	if _, err := h.s.Apply(h.Context(), batch(nil, nil)); err == nil {
		h.Error("a closed store can be written")
	}
}
