// Package storetest is the conformance suite that every store passes, and a
// source of random states. Imports: reconcile, reconcile/mem as the reference,
// schema, go-cmp and the standard library.
package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// Run runs the suite. Each of its tests calls open once for an empty store,
// which open also closes when that test ends.
func Run(t *testing.T, open func(t *testing.T) reconcile.Store) {
	for _, test := range []struct {
		name string
		run  func(*harness)
		of   func(*harness) bool
	}{
		{"empty", testEmpty, every},
		{"walk", testWalk, every},
		{"every field", testEveryField, every},
		{"conflicts", testConflicts, every},
		{"domains", testDomains, every},
		{"address changes its kind", testSwap, every},
		{"unfit batches", testUnfit, every},
		{"hostile values", testHostile, (*harness).holdsAll},
		{"hostile names", testHostileNames, every},
		{"undo", testUndo, every},
		{"ledger", testLedger, every},
		{"history", testHistory, every},
		{"secrets", testSecrets, (*harness).holdsAll},
		{"rename", testRename, (*harness).renames},
		{"a mailbox is not lost", testNoRename, (*harness).renamesNobody},
		{"observed", testObserved, every},
		{"backup state", testBackupState, every},
		{"grants", testGrants, every},
		{"pauses", testPauses, every},
		{"since", testSince, every},
		{"drift", testDrift, every},
		{"lead", testLead, every},
		{"look", testLook, every},
		{"own work", testOwnWork, every},
		{"cancellation", testCancellation, (*harness).atomic},
		{"cut off", testCutOff, (*harness).goesOn},
		{"one of many wins", testRace, every},
		{"a read is a snapshot", testSnapshot, (*harness).atomic},
		{"reads beside applies", testReaders, (*harness).atomic},
		{"close", testClose, every},
		{"random walk", testRandom, every},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			h := &harness{T: t, s: s, powers: powersOf(s)}
			if test.of(h) {
				test.run(h)
			}
		})
	}
}

// Which stores a test is about follows from what they say of themselves. Of one that
// goes half-way (reconcile.Piecemeal) nothing of this can be demanded: that an apply
// is whole or not at all when it is broken off, and that a read is of one moment.

func every(*harness) bool { return true }

// atomic stores apply whole or not at all, and read what was there at one moment.
func (h *harness) atomic() bool { return h.piecemeal == nil }

// goesOn are those that do not, and can go on where they were cut off.
func (h *harness) goesOn() bool { return h.piecemeal != nil }

// holdsAll are stores that can hold every value of every field.
func (h *harness) holdsAll() bool {
	return !slices.ContainsFunc(h.lacks, func(l reconcile.Lack) bool { return l.Cannot != reconcile.CannotLeave })
}

// renames are stores that can give a mailbox another address.
func (h *harness) renames() bool { return !h.renamesNobody() }

// renamesNobody are those that cannot.
func (h *harness) renamesNobody() bool {
	return slices.ContainsFunc(h.lacks, func(l reconcile.Lack) bool {
		return l.Path == reconcile.PathRename && l.Cannot != reconcile.CannotLeave
	})
}

// An Observer lets a test do what users do to their own settings.
type Observer interface {
	SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error
}

// A Marker writes the state of a user's backup.
type Marker interface {
	MarkBackup(ctx context.Context, at schema.Address, state string) error
}

// powers are what a store can do beyond reconcile.Store; nil is not.
type powers struct {
	ledger   reconcile.Ledger
	observer Observer
	grantor  reconcile.Grantor
	marker   Marker
	pauser   reconcile.Pauser
	leader   reconcile.Leader
	witness  reconcile.Witness

	piecemeal reconcile.Piecemeal
	lacks     []reconcile.Lack
}

// powersOf is the only place where a store is asked for more.
func powersOf(s reconcile.Store) powers {
	var p powers
	p.ledger, _ = s.(reconcile.Ledger)
	p.observer, _ = s.(Observer)
	p.grantor, _ = s.(reconcile.Grantor)
	p.marker, _ = s.(Marker)
	p.pauser, _ = s.(reconcile.Pauser)
	p.leader, _ = s.(reconcile.Leader)
	p.witness, _ = s.(reconcile.Witness)
	p.piecemeal, _ = s.(reconcile.Piecemeal)
	if limited, ok := s.(reconcile.Limited); ok {
		p.lacks = limited.Lacks()
	}
	return p
}

// A harness is one store under test.
type harness struct {
	*testing.T
	powers
	s reconcile.Store
}

// at is when the runs of the suite happen, in a zone that is not UTC.
var at = time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 3600))

// live reads the store.
func (h *harness) live() schema.State {
	h.Helper()
	return h.read().State
}

func (h *harness) read() reconcile.Live {
	h.Helper()
	live, err := reconcile.ReadLive(h.Context(), h.s)
	if err != nil {
		h.Fatal(err)
	}
	return live
}

// apply applies changes and returns the run.
func (h *harness) apply(changes []reconcile.Change, secrets schema.Secrets) int64 {
	h.Helper()
	run, err := h.s.Apply(h.Context(), batch(changes, secrets))
	if err != nil {
		h.Fatal(err)
	}
	return run
}

func batch(changes []reconcile.Change, secrets schema.Secrets) reconcile.Batch {
	return reconcile.Batch{Run: reconcile.Run{At: at, Actor: "suite", Revision: "r1", Plan: "p1", Changes: changes}, Secrets: secrets}
}

// become makes the store hold want, and demands that a second plan is empty.
func (h *harness) become(want schema.State, secrets schema.Secrets) int64 {
	h.Helper()
	run := h.apply(h.diff(h.live(), want), secrets)
	h.holds(want)
	return run
}

// small is a small organization, as far as the store can hold it.
func (h *harness) small() schema.State { return h.fit(small(), nil) }

// diff is what a store has to change of what is live, of all that is wanted.
func (h *harness) diff(live, want schema.State) []reconcile.Change {
	return reconcile.Diff(live, h.fit(want, live))
}

// fit is what a store can make of a live state. A service lets go of whoever is
// deleted: out of its lists, too.
func (h *harness) fit(want, live schema.State) schema.State {
	want = h.affordable(want)
	want, _ = reconcile.Attainable(want, live, nil, h.lacks)
	if h.piecemeal == nil {
		return want
	}
	out := slices.Clone(want)
	for i, r := range want {
		l, ok := r.(*schema.List)
		if !ok {
			continue
		}
		tidy := *l
		tidy.Members = slices.DeleteFunc(slices.Clone(l.Members), func(a schema.Address) bool {
			return want.Find(domainKey(a.Domain())) != nil && want.Find(userKey(a)) == nil
		})
		out[i] = &tidy
	}
	out, _ = reconcile.Attainable(out, live, nil, h.lacks)
	return out
}

// affordable gives an amount to who is to have as much as there is, where there is no
// such quota.
func (h *harness) affordable(want schema.State) schema.State {
	unlimited := func(l reconcile.Lack) bool { return l.Path == "quota" && l.Bounds != nil && len(l.Bounds.Not) > 0 }
	if !slices.ContainsFunc(h.lacks, unlimited) {
		return want
	}
	out := slices.Clone(want)
	for i, r := range want {
		if u, ok := r.(*schema.User); ok && u.Quota == schema.Unlimited {
			amount := *u
			amount.Quota = 2e9
			out[i] = &amount
		}
	}
	return out
}

// settled leaves out of changes what a store sets as it likes.
func (h *harness) settled(changes []reconcile.Change) []reconcile.Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Fields = slices.DeleteFunc(slices.Clone(out[i].Fields), func(f reconcile.FieldChange) bool {
			return slices.ContainsFunc(h.lacks, func(l reconcile.Lack) bool {
				return l.Kind == out[i].Kind && l.Path == f.Path && (l.Cannot == reconcile.CannotSet || l.Cannot == reconcile.CannotHold)
			})
		})
	}
	return out
}

// holds demands that the store holds exactly want.
func (h *harness) holds(want schema.State) {
	h.Helper()
	live := h.live()
	want = h.fit(want, live)
	if changes := reconcile.Diff(live, want); len(changes) > 0 {
		h.Fatalf("the second plan has %d changes, the first: %+v\n(-want +live)\n%s", len(changes), changes[0], cmp.Diff(want, live))
	}
	if want.Digest() != live.Digest() {
		h.Fatalf("no difference, but other versions (-want +live)\n%s", cmp.Diff(want, live))
	}
}

// refuse demands a conflict that names these rows, and that nothing is written.
func (h *harness) refuse(changes []reconcile.Change, want ...reconcile.Conflict) {
	h.Helper()
	before, runs := h.read(), h.runs()
	_, err := h.s.Apply(h.Context(), batch(changes, nil))
	var conflict *reconcile.ConflictError
	if !errors.As(err, &conflict) || !errors.Is(err, reconcile.ErrConflict) {
		h.Fatalf("got error %v, want a conflict", err)
	}
	if diff := cmp.Diff(want, conflict.Conflicts); diff != "" {
		h.Errorf("conflicts (-want +got)\n%s", diff)
	}
	h.unchanged(before, runs)
}

// fail demands an error that is no conflict, and that nothing is written.
func (h *harness) fail(b reconcile.Batch) error {
	h.Helper()
	before, runs := h.read(), h.runs()
	_, err := h.s.Apply(h.Context(), b)
	if err == nil || errors.Is(err, reconcile.ErrConflict) {
		h.Fatalf("got error %v, want one that is no conflict", err)
	}
	h.unchanged(before, runs)
	return err
}

func (h *harness) unchanged(before reconcile.Live, runs []reconcile.Run) {
	h.Helper()
	if diff := cmp.Diff(before, h.read()); diff != "" {
		h.Fatalf("something was written (-before +after)\n%s", diff)
	}
	if diff := cmp.Diff(runs, h.runs()); diff != "" {
		h.Fatalf("the ledger was written (-before +after)\n%s", diff)
	}
}

// runs lists the ledger; nil for a store without.
func (h *harness) runs() []reconcile.Run {
	h.Helper()
	if h.ledger == nil {
		return nil
	}
	runs, err := h.ledger.Runs(h.Context(), 0)
	if err != nil {
		h.Fatal(err)
	}
	return runs
}

// observe writes what a user owns.
func (h *harness) observe(at schema.Address, o schema.Observed) {
	h.Helper()
	if err := h.observer.SetObserved(h.Context(), at, o); err != nil {
		h.Fatal(err)
	}
}
