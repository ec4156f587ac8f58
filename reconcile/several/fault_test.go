package several_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/several"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// A broken store does not apply, or cannot be read, while it is broken.
type broken struct {
	*mem.Store
	apply, read error
}

func (b *broken) Apply(ctx context.Context, batch reconcile.Batch) (int64, error) {
	if b.apply != nil {
		return 0, b.apply
	}
	return b.Store.Apply(ctx, batch)
}

func (b *broken) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	if b.read != nil {
		return func(yield func(reconcile.Row, error) bool) { yield(reconcile.Row{}, b.read) }
	}
	return b.Store.Read(ctx)
}

// pair is lists in a store that never fails, and the rest in one that can.
func pair(t *testing.T) (*several.Store, *mem.Store, *broken) {
	lists, rest := mem.New(), &broken{Store: mem.New()}
	return joined(t, []several.Part{{Name: "lists", Store: lists, Route: byKind[0]}, {Name: "rest", Store: rest, Route: byKind[1]}}), lists, rest
}

// some is a domain with a user and an alias.
func some() schema.State {
	s := schema.State{&schema.Domain{Name: "a.example", Timezone: "UTC"}, storetest.NewUser("ana@a.example"),
		&schema.Alias{Address: "office@a.example", To: []schema.Address{"ana@a.example"}}}
	s.Sort()
	return s
}

func batch(live, want schema.State) reconcile.Batch {
	return reconcile.Batch{Run: reconcile.Run{Actor: "ana", Revision: "r1", Plan: "p1", Whole: true, Changes: reconcile.Diff(live, want)}}
}

func read(t *testing.T, s reconcile.Store) schema.State {
	t.Helper()
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return live.State
}

func names(keys []schema.Key) (out []string) {
	for _, k := range keys {
		out = append(out, k.String())
	}
	return out
}

// TestPartFails: what was done in one part is recorded when the next one fails, the
// rest can be gone on with, and then nothing is left.
func TestPartFails(t *testing.T) {
	s, lists, rest := pair(t)
	rest.apply = reconcile.ErrUnreachable
	_, err := s.Apply(t.Context(), batch(nil, some()))
	var partial *reconcile.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, reconcile.ErrUnreachable) {
		t.Fatalf("got error %v", err)
	}
	want := []any{[]string{"Alias/office@a.example"}, []string{"Domain/a.example", "User/ana@a.example"}}
	if diff := cmp.Diff(want, []any{names(partial.Done), names(partial.Left)}); diff != "" {
		t.Errorf("done and left (-want +got)\n%s", diff)
	}
	if run, err := s.Run(t.Context(), partial.Run); err != nil || len(run.Changes) != 1 || run.Whole || run.LiveUsers != 0 {
		t.Errorf("run %+v, error %v", run, err)
	}
	if in := read(t, lists); len(in) != 2 || *in[0].(*schema.Domain) != (schema.Domain{Name: "a.example"}) {
		t.Errorf("the lists are %v", in) // with a domain to be in
	}
	cut, err := s.CutOff(t.Context())
	if err != nil || cut == nil || len(cut.Changes) != 2 {
		t.Fatalf("cut off: %+v, error %v", cut, err)
	}
	if _, err := s.GoOn(t.Context(), nil); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("got error %v", err)
	}
	rest.apply = nil
	run, err := s.GoOn(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), run); err != nil || len(r.Changes) != 2 || !r.Whole || r.LiveUsers != 1 {
		t.Errorf("run %+v, error %v", r, err)
	}
	if changes := reconcile.Diff(read(t, s), some()); len(changes) > 0 {
		t.Errorf("there is something left: %+v", changes)
	}
	if cut, err := s.CutOff(t.Context()); err != nil || cut != nil {
		t.Errorf("it is cut off still: %+v, error %v", cut, err)
	}
}

// TestFirstPartFails: when the first part fails nothing was changed, and nothing is
// recorded.
func TestFirstPartFails(t *testing.T) {
	s, _, rest := pair(t)
	rest.apply = reconcile.ErrUnreachable
	want := slices.DeleteFunc(some(), func(r schema.Resource) bool { return r.Key().Kind == schema.KindAlias })
	_, err := s.Apply(t.Context(), batch(nil, want))
	if partial := new(reconcile.PartialError); errors.As(err, &partial) || !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("got error %v", err)
	}
	runs, err := s.Runs(t.Context(), 0)
	if cut, wrong := s.CutOff(t.Context()); err != nil || len(runs) > 0 || cut != nil || wrong != nil {
		t.Errorf("runs %+v, cut off %+v, errors %v, %v", runs, cut, err, wrong)
	}
}

// TestUnread: a part that cannot be read is an error that names it, of reading and of
// applying, and nothing is changed.
func TestUnread(t *testing.T) {
	s, lists, rest := pair(t)
	rest.read = reconcile.ErrUnreachable
	if _, err := reconcile.ReadLive(t.Context(), s); err == nil || err.Error() != "read live state: rest: store unreachable" {
		t.Errorf("got error %v", err)
	}
	if _, err := s.Apply(t.Context(), batch(nil, some())); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("got error %v", err)
	}
	if in := read(t, lists); len(in) > 0 {
		t.Errorf("the lists are %v", in)
	}
}

// TestStale: a row that moved in the last part keeps the first from being changed,
// also one that lies aside.
func TestStale(t *testing.T) {
	s, lists, rest := pair(t)
	for what, put := range map[string]func(){
		"the user is there":            func() { rest.Put(storetest.NewUser("ana@a.example")) },
		"the alias's address is taken": func() { lists.Put(storetest.NewUser("office@a.example")) },
	} {
		put()
		_, err := s.Apply(t.Context(), batch(nil, some()))
		if !errors.Is(err, reconcile.ErrConflict) {
			t.Errorf("%s: got error %v", what, err)
		}
		if r := read(t, lists).Find(schema.Key{Kind: schema.KindAlias, Name: "office@a.example"}); r != nil {
			t.Errorf("%s: there is %v", what, r)
		}
		rest.Remove(schema.Key{Kind: schema.KindUser, Name: "ana@a.example"})
	}
}

// TestAside: what lies in a part and is another one's is left alone, and told.
func TestAside(t *testing.T) {
	s, lists, _ := pair(t)
	lists.Put(&schema.Domain{Name: "a.example"})
	lists.Put(storetest.NewUser("ana@a.example"))
	if _, err := s.Apply(t.Context(), batch(read(t, s), some())); err != nil {
		t.Fatal(err)
	}
	if changes := reconcile.Diff(read(t, s), some()); len(changes) > 0 {
		t.Errorf("the second plan is not empty: %+v", changes)
	}
	if diff := cmp.Diff([]reconcile.Aside{{Store: "lists", Keys: []schema.Key{{Kind: schema.KindUser, Name: "ana@a.example"}}}}, s.Aside()); diff != "" {
		t.Errorf("aside (-want +got)\n%s", diff)
	}
	// A domain goes from where something is left only when that is gone too.
	if _, err := s.Apply(t.Context(), batch(some(), nil)); err != nil {
		t.Fatal(err)
	}
	if in := read(t, lists); len(in) != 2 {
		t.Errorf("the lists are %v", in)
	}
}

// TestKilled: an apply that died between two parts is found out, and recorded by the
// next one.
func TestKilled(t *testing.T) {
	s, _, rest := pair(t)
	rest.apply = context.Canceled
	if _, err := s.Apply(t.Context(), batch(nil, some())); err == nil {
		t.Fatal("nothing failed")
	}
	// Somebody else does the rest, but for the domain's time zone.
	rest.apply = nil
	rest.Put(&schema.Domain{Name: "a.example"})
	rest.Put(storetest.NewUser("ana@a.example"))
	if _, err := s.Apply(t.Context(), batch(nil, nil)); err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context(), 0)
	if err != nil || len(runs) != 3 {
		t.Fatalf("%d runs, error %v", len(runs), err)
	}
	settled, err := s.Run(t.Context(), runs[1].ID)
	if err != nil || len(settled.Changes) != 1 || settled.Changes[0].Kind != schema.KindUser || settled.Whole {
		t.Errorf("run %+v, error %v", settled, err)
	}
}

// TestLacks: what a part cannot do is said of what its route gives it.
func TestLacks(t *testing.T) {
	s, stores := join(t, byDomain)
	lack := func(kind schema.Kind) reconcile.Lack {
		return reconcile.Lack{Kind: kind, Path: "x", Cannot: reconcile.CannotSet}
	}
	for _, m := range stores {
		m.Lacking = []reconcile.Lack{lack(schema.KindUser), lack(schema.KindList)}
	}
	at := func(l reconcile.Lack, store string, in, notIn []string) reconcile.Lack {
		l.Store, l.In, l.NotIn = store, in, notIn
		return l
	}
	b := []string{"b.example"}
	want := []reconcile.Lack{
		at(lack(schema.KindUser), "b", b, nil), at(lack(schema.KindList), "b", b, nil),
		at(reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotLeave}, "b", b, nil),
		at(lack(schema.KindList), "lists", nil, b),
		at(lack(schema.KindUser), "rest", nil, b),
	}
	if diff := cmp.Diff(want, s.Lacks()); diff != "" {
		t.Errorf("lacks (-want +got)\n%s", diff)
	}
}

// TestLeads: two agents with homes of their own do not both lead a store that both
// have as a part.
func TestLeads(t *testing.T) {
	shared := mem.New()
	one := joined(t, []several.Part{{Name: "a", Store: mem.New(), Route: byKind[0]}, {Name: "b", Store: shared}})
	two := joined(t, []several.Part{{Name: "c", Store: mem.New(), Route: byKind[0]}, {Name: "b", Store: shared}})
	lease, err := one.Lead(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Lead(t.Context(), "two"); !errors.Is(err, reconcile.ErrLed) {
		t.Errorf("got error %v, want ErrLed", err)
	}
	shared.Steal("three")
	b := batch(nil, some())
	b.Epoch = lease.Epoch()
	if _, err := one.Apply(t.Context(), b); !errors.Is(err, reconcile.ErrFenced) {
		t.Errorf("got error %v, want ErrFenced", err)
	}
	if live := read(t, one); len(live) > 0 {
		t.Errorf("there is %v", live)
	}
}

// TestNotes: the notes of all parts have ids that grow, in whichever order they come.
func TestNotes(t *testing.T) {
	s, lists, rest := pair(t)
	var last int64
	for i, m := range []*mem.Store{rest.Store, lists, lists, rest.Store} {
		m.Put(&schema.Domain{Name: "a.example"})
		notes, err := s.Notes(t.Context(), last)
		if err != nil || len(notes) != 1 || notes[0].ID <= last {
			t.Fatalf("%d: notes %+v, error %v", i, notes, err)
		}
		last = notes[0].ID
	}
	if notes, err := s.Notes(t.Context(), 0); err != nil || len(notes) != 4 {
		t.Errorf("notes %+v, error %v", notes, err)
	}
}
