package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// terms are random terms of a settlement, in which a pause of a domain or an
// address, a closed window, every policy for drift, fights and refusals occur.
func (c *choices) terms(base schema.State, changes []reconcile.Change) reconcile.Terms {
	t := reconcile.Terms{At: now, Drift: schema.Drift{Default: one(c, []string{"report", "heal", "adopt"}), Fights: 3}}
	if c.of(3) > 0 {
		t.Base = base
	}
	if c.of(3) == 0 {
		t.Pauses = append(t.Pauses, reconcile.Pause{Scope: one(c, domains), Until: now.Add(time.Hour), Reason: "migration"})
	}
	if c.of(4) == 0 {
		t.Closed = &reconcile.Closed{Urgent: []string{"password"}}
	}
	if c.of(2) == 0 {
		t.Drift.Fields = []schema.DriftField{{Kind: schema.KindUser, Field: "mailboxActions", Do: "heal"}, {Kind: schema.KindAlias, Do: "adopt"}}
	}
	t.Refused = make(map[schema.Key]string)
	for _, change := range changes {
		switch c.of(8) {
		case 0:
			t.Refused[change.Key] = "protected"
		case 1:
			t.Pauses = append(t.Pauses, reconcile.Pause{Scope: change.Name, Until: now.Add(2 * time.Hour), Reason: "asked for"})
		}
	}
	return t
}

// FuzzSettle holds that a settlement splits the difference: what is held and
// what is carried out are together all of it, and nothing is both; what is
// carried out can be; and when it was, there is nothing left to do, and the same
// is held as before.
func FuzzSettle(f *testing.F) {
	seed(f, 60, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		live := c.state()
		base := c.mutate(live)
		want := c.mutate(base)
		all := reconcile.Diff(live, want)
		terms := c.terms(base, all)
		settled, held := reconcile.Settle(want, live, terms)
		doing := reconcile.Diff(live, settled)
		if diff := cmp.Diff(fieldsOf(all), append(fieldsOf(doing), heldFields(held)...), sorted); diff != "" {
			t.Fatalf("what is held and what is done are not all (-all +both):\n%s", diff)
		}
		carriedOut(t, live, settled)
		again, still := reconcile.Settle(want, advance(t, live, doing), terms)
		if left := reconcile.Diff(advance(t, live, doing), again); len(left) > 0 {
			t.Fatalf("the second time there is something to do: %+v", left)
		}
		if diff := cmp.Diff(heldFields(held), heldFields(still), sorted); diff != "" {
			t.Fatalf("the second time other things are held (-first +second):\n%s", diff)
		}
		if none, nothing := reconcile.Settle(want, live, reconcile.Terms{}); len(nothing) > 0 || none.Digest() != want.Digest() {
			t.Fatalf("without terms something is held: %+v", nothing)
		}
	})
}

// carriedOut fails when a state cannot be reached: an address twice, or one
// without its domain. Random states hold such themselves, and those stay.
func carriedOut(t *testing.T, live, settled schema.State) {
	t.Helper()
	names := make(map[string]schema.Key)
	for _, r := range settled {
		key := r.Key()
		if key.Kind == schema.KindDomain {
			continue
		}
		if other, taken := names[key.Name]; taken {
			t.Fatalf("%s and %s have one address", key, other)
		}
		names[key.Name] = key
		domain := schema.Key{Kind: schema.KindDomain, Name: key.Domain()}
		if settled.Find(domain) == nil && live.Find(domain) != nil {
			t.Fatalf("%s is left without its domain", key)
		}
	}
}

var sorted = cmp.Transformer("sorted", func(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s })

func fieldsOf(changes []reconcile.Change) []string {
	out := []string{}
	for _, c := range changes {
		if c.Op != reconcile.OpUpdate {
			out = append(out, string(c.Op)+" "+c.Key.String())
			continue
		}
		for _, f := range c.Fields {
			out = append(out, c.Key.String()+" "+f.Path+" "+string(f.After))
		}
	}
	return out
}

func heldFields(held []reconcile.Held) []string {
	var changes []reconcile.Change
	for _, h := range held {
		changes = append(changes, h.Change)
	}
	return fieldsOf(changes)
}

// FuzzBase holds the law of `plan --base`: what it plans is the full plan, but for
// what no difference of base and want asks for. What would need that, such as a
// user in a domain that somebody removed by hand, waits with it.
func FuzzBase(f *testing.F) {
	seed(f, 60, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &choices{data}
		base := c.state()
		live := c.mutate(base)
		want := c.mutate(base)
		full := reconcile.Diff(live, want)
		settled, held := reconcile.Settle(want, live, reconcile.Terms{At: now, Base: base, Drift: schema.Drift{Default: schema.DriftReport}})
		asked := []string{}
		for _, change := range full {
			reconcile.MarkDrift(&change, base, want)
			drift := func(field reconcile.FieldChange) bool { return field.Drift }
			if change.Fields = slices.DeleteFunc(change.Fields, drift); len(change.Fields) > 0 || bare(change, base, want) {
				asked = append(asked, fieldsOf([]reconcile.Change{change})...)
			}
		}
		var waits []reconcile.Held
		for _, h := range held {
			if h.Why == reconcile.HeldWith {
				waits = append(waits, h)
			}
		}
		planned := append(fieldsOf(reconcile.Diff(live, settled)), heldFields(waits)...)
		if diff := cmp.Diff(asked, planned, sorted); diff != "" {
			t.Fatalf("what is asked for is not what is planned (-asked +planned):\n%s", diff)
		}
		if same, _ := reconcile.Settle(base, live, reconcile.Terms{At: now, Base: base, Drift: schema.Drift{Default: schema.DriftReport}}); len(reconcile.Diff(live, same)) > 0 {
			t.Fatal("nothing was asked for, and something is planned")
		}
	})
}

// bare reports whether a change of something that has nothing but its name, a
// domain, is asked for.
func bare(c reconcile.Change, base, want schema.State) bool {
	return c.Op != reconcile.OpUpdate && (base.Find(c.Key) == nil) != (want.Find(c.Key) == nil)
}
