package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/schema"
)

// testRandom walks every store and the reference in memory side by side.
func testRandom(h *harness) {
	seed := rand.Uint64()
	if !h.holdsAll() {
		seed = 7 // others are a fuzz target's, which goes on where this one ends
	}
	h.Logf("seed %d", seed) // a failing walk is repeated by its seed
	Walk(h.T, h.s, seed, 12, 12)
}

// Walk takes an empty store and the reference through the same random states
// of about size users, and demands that they agree after every step: on the
// rows, on what is observed, on the ledger, and on what is refused.
func Walk(t *testing.T, s reconcile.Store, seed uint64, size, steps int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	h := &harness{T: t, s: s, powers: powersOf(s)}
	model := &harness{T: t, s: mem.New()}
	model.powers = powersOf(model.s)
	want, secrets := Random(rng, size)
	var stale []reconcile.Change
	for range steps {
		changes := h.diff(h.live(), want)
		if h.both(model, changes, secrets); !h.holdsAll() {
			changes = h.again(want, changes, secrets)
		}
		h.holds(want)
		h.observeSome(model, rng)
		if rng.IntN(3) == 0 {
			h.both(model, h.undone(changes), nil)
		}
		if rng.IntN(3) == 0 {
			h.late(model, stale, secrets)
		}
		stale = changes
		var more schema.Secrets
		want, more = Mutate(rng, want)
		for f, hash := range more {
			secrets[f] = hash
		}
	}
}

// undone is what takes changes back, as far as the store can.
func (h *harness) undone(changes []reconcile.Change) []reconcile.Change {
	live := h.live()
	inverse := reconcile.Invert(changes, live)
	if h.holdsAll() {
		return inverse
	}
	after, err := reconcile.Advance(live, inverse)
	if err != nil {
		return inverse // to be refused: something has moved
	}
	return h.diff(live, after)
}

// both applies changes to the store and to the reference, and compares.
func (h *harness) both(model *harness, changes []reconcile.Change, secrets schema.Secrets) {
	h.Helper()
	if !h.holdsAll() {
		if err := h.alone(changes, secrets); err != nil {
			h.Fatalf("apply: %v", err)
		}
		return
	}
	_, wantErr := model.s.Apply(h.Context(), batch(changes, secrets))
	_, err := h.s.Apply(h.Context(), batch(changes, secrets))
	var want, got *reconcile.ConflictError
	if errors.As(wantErr, &want) != errors.As(err, &got) || (wantErr == nil) != (err == nil) {
		h.Fatalf("apply: got error %v, the reference says %v", err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.Fatalf("conflicts (-reference +got)\n%s", diff)
	}
	if diff := cmp.Diff(model.read(), h.read()); diff != "" {
		h.Fatalf("rows (-reference +got)\n%s", diff)
	}
	if h.ledger == nil {
		return
	}
	if diff := cmp.Diff(model.runs(), h.runs()); diff != "" {
		h.Fatalf("runs (-reference +got)\n%s", diff)
	}
	last := h.runs()[0].ID
	wantRun, _ := model.ledger.Run(h.Context(), last)
	gotRun, err := h.ledger.Run(h.Context(), last)
	if diff := cmp.Diff(wantRun, gotRun); err != nil || diff != "" {
		h.Fatalf("run: error %v (-reference +got)\n%s", err, diff)
	}
}

// late applies changes of a plan that is no longer of what is there: rows that they do
// not touch, such as an alias's user, may be gone since, so that one of them fails.
func (h *harness) late(model *harness, stale []reconcile.Change, secrets schema.Secrets) {
	h.Helper()
	if h.holdsAll() {
		h.both(model, stale, secrets)
		return
	}
	var partial *reconcile.PartialError
	if err := h.alone(stale, secrets); err != nil && (!errors.As(err, &partial) || partial.Err != nil || len(partial.Failed) == 0) {
		h.Fatalf("apply: %v", err)
	}
}

// alone applies changes to a store that cannot hold all that the reference does: it
// carries them out, or refuses them whole. Any other error is returned.
func (h *harness) alone(changes []reconcile.Change, secrets schema.Secrets) error {
	h.Helper()
	before := h.read()
	_, err := h.s.Apply(h.Context(), batch(changes, secrets))
	if !errors.Is(err, reconcile.ErrConflict) {
		return err
	}
	if diff := cmp.Diff(before, h.read()); diff != "" {
		h.Fatalf("something was written (-before +after)\n%s", diff)
	}
	return nil
}

// again plans again when a plan was refused: a service that shows late what goes along
// with something else, such as a list whose member was deleted, moves by itself.
func (h *harness) again(want schema.State, changes []reconcile.Change, secrets schema.Secrets) []reconcile.Change {
	h.Helper()
	for range 3 {
		left := h.diff(h.live(), want)
		if len(left) == 0 {
			break
		}
		changes = left
		if err := h.alone(left, secrets); err != nil {
			h.Fatalf("apply: %v", err)
		}
	}
	return changes
}

// observeSome lets some users set what they own, in both stores.
func (h *harness) observeSome(model *harness, rng *rand.Rand) {
	h.Helper()
	if h.observer == nil {
		return
	}
	for u := range h.live().Users() {
		if rng.IntN(4) > 0 {
			continue
		}
		o := schema.Observed{
			AddOnProtocol: []string{"", schema.ProtocolPOP, schema.ProtocolIMAP}[rng.IntN(3)],
			AddOnSharing:  []string{schema.SharingPrivate, schema.SharingComplete}[rng.IntN(2)],
			AddOnSaved:    rng.IntN(2) == 0, StorageUsed: rng.Int64(),
		}
		wantErr := model.observer.SetObserved(h.Context(), u.Address, o)
		if err := h.observer.SetObserved(h.Context(), u.Address, o); (err == nil) != (wantErr == nil) {
			h.Fatalf("set observed of %s: got error %v, the reference says %v", u.Address, err, wantErr)
		}
	}
}

// Laws holds an empty store to the laws of applies, on a random state of size
// users and a random change of it. asks says where the apply is broken off
// that the law of interruption needs; see [Ending].
func Laws(t *testing.T, s reconcile.Store, seed uint64, size int, asks int64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	h := &harness{T: t, s: s, powers: powersOf(s)}
	first, secrets := Random(rng, size)
	second, more := Mutate(rng, first)
	for f, hash := range more {
		secrets[f] = hash
	}
	h.become(first, secrets) // law 1: apply makes live equal want, the second plan is empty
	before := h.live()
	changes := throughJSON(t, h.diff(before, second)) // law 2: a plan survives JSON
	rng.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })

	h.interrupted(changes, before, second, secrets, asks) // law 5
	h.holds(second)
	h.apply(reconcile.Invert(changes, h.live()), nil) // law 3: the inverse restores
	h.holds(before)
	h.stale(rng, changes, secrets) // law 4
}

// interrupted breaks off an apply, and then carries it out.
func (h *harness) interrupted(changes []reconcile.Change, before, after schema.State, secrets schema.Secrets, asks int64) {
	h.Helper()
	_, err := h.s.Apply(NewEnding(h.Context(), asks), batch(changes, secrets))
	if err == nil {
		return
	}
	if !errors.Is(err, context.Canceled) {
		h.Fatalf("got error %v, want Canceled", err)
	}
	h.holds(before)
	h.apply(h.diff(h.live(), after), secrets)
}

// stale touches one row that the changes touch, and demands that they are
// refused whole.
func (h *harness) stale(rng *rand.Rand, changes []reconcile.Change, secrets schema.Secrets) {
	h.Helper()
	if len(changes) == 0 {
		return
	}
	live := h.live()
	touched := changes[rng.IntN(len(changes))]
	var moved schema.State
	switch r := live.Find(touched.Key).(type) {
	case nil:
		return // a create; what is there instead is another test's
	case *schema.Domain:
		d := *r
		d.Timezone += "moved"
		moved = with(live, &d)
	case *schema.User:
		u := *r
		u.Name += "moved"
		moved = with(live, &u)
	default:
		moved = without(live, touched.Key)
	}
	h.become(moved, secrets)
	_, err := h.s.Apply(h.Context(), batch(changes, secrets))
	if !errors.Is(err, reconcile.ErrConflict) {
		h.Fatalf("got error %v, want a conflict on %s", err, touched.Key)
	}
	h.holds(moved)
}

func throughJSON(t *testing.T, changes []reconcile.Change) []reconcile.Change {
	t.Helper()
	data, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	var out []reconcile.Change
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(changes, out); len(changes) > 0 && diff != "" {
		t.Fatalf("a plan does not survive JSON (-before +after)\n%s", diff)
	}
	return out
}
