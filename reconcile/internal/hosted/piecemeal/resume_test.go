package piecemeal_test

import (
	"errors"
	"slices"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestGoOnYields: what somebody does to a user while an apply is cut off stays, as far
// as the apply is about other fields of the user.
func TestGoOnYields(t *testing.T) {
	s := newShop()
	store := open(t, s, t.TempDir())
	ana, bea := storetest.NewUser("ana@b.example"), storetest.NewUser("bea@b.example")
	apply := func(changes []reconcile.Change) error {
		_, err := store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Plan: "1", Changes: changes}})
		return err
	}
	live := schema.State{&schema.Domain{Name: "b.example"}, ana, bea}
	if err := apply(reconcile.Diff(nil, live)); err != nil {
		t.Fatal(err)
	}
	named := schema.Clone(live[1]).(*schema.User)
	named.Name, named.Role = "Ana", schema.RoleAdmin
	other := schema.Clone(live[2]).(*schema.User)
	other.Name = "Bea"
	s.stops = s.asked + 3
	var partial *reconcile.PartialError
	if err := apply(reconcile.Diff(live, schema.State{live[0], named, other})); !errors.As(err, &partial) || len(partial.Left) == 0 {
		t.Fatalf("it was not cut off: %v", err)
	}
	s.stops = 0
	for _, r := range slices.Clone(s.is().state) {
		if u, ok := r.(*schema.User); ok {
			u = schema.Clone(u).(*schema.User)
			u.Status, u.MailboxActions.Outgoing = schema.StatusSuspended, false
			s.put(u)
		}
	}
	if _, err := store.GoOn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ana@b.example", "bea@b.example"} {
		u := s.is().state.Find(schema.Key{Kind: schema.KindUser, Name: name}).(*schema.User)
		if u.Name == "" || u.Status != schema.StatusSuspended || u.MailboxActions.Outgoing {
			t.Errorf("%s: name %q, %s, outgoing %v", name, u.Name, u.Status, u.MailboxActions.Outgoing)
		}
	}
	if is, err := reconcile.ReadLive(t.Context(), store); err != nil || is.State.Find(ana.Key()).(*schema.User).Status != schema.StatusSuspended {
		t.Errorf("read afterwards: %v", err)
	}
}
