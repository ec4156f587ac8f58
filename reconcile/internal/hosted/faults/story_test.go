package faults

import (
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func address(name string) schema.Address { return schema.Address(name + "@acme.example") }

func key(kind schema.Kind, name string) schema.Key {
	return schema.Key{Kind: kind, Name: string(address(name))}
}

// change is a state with other resources in the place of those of their keys, or
// beside them.
func change(s schema.State, others ...schema.Resource) schema.State {
	out := without(s)
	for _, r := range others {
		schema.Normalize(r)
		out = append(without(out, r.Key()), r)
	}
	out.Sort()
	return out
}

func without(s schema.State, keys ...schema.Key) (out schema.State) {
	gone := make(map[schema.Key]bool)
	for _, k := range keys {
		gone[k] = true
	}
	for _, r := range s {
		if !gone[r.Key()] {
			out = append(out, r)
		}
	}
	return out
}

// user is who is there, to be changed.
func user(t *testing.T, s schema.State, name string) *schema.User {
	t.Helper()
	r := s.Find(key(schema.KindUser, name))
	if r == nil {
		t.Fatalf("there is no %s", name)
	}
	return schema.Clone(r).(*schema.User)
}

func comes(name, display string) *schema.User {
	u := storetest.NewUser(address(name))
	u.Name, u.Quota = display, 5<<30
	return u
}

func alias(name, to string) *schema.Alias {
	return &schema.Alias{Address: address(name), To: []schema.Address{address(to)}}
}

func list(name string, members ...string) *schema.List {
	l := &schema.List{Address: address(name), Posting: schema.PostingAnyone}
	for _, m := range members {
		l.Members = append(l.Members, address(m))
	}
	return l
}

// wanted is what the story ends with: people come and go, one is suspended, one is
// back, switches are set and forwards moved, an alias moves, one comes for somebody
// who does and one has the address of somebody who went, and lists change.
func wanted(t *testing.T, is schema.State) schema.State {
	t.Helper()
	bob, dan, eve, fay := user(t, is, "bob"), user(t, is, "dan"), user(t, is, "eve"), comes("fay", "Fay Finn")
	bob.Status, bob.Name = schema.StatusSuspended, "Bob B. Berg"
	dan.Name, dan.Quota, dan.AccountType = "Dan D. Diaz", 2e9, schema.AccountEnhanced
	dan.MailboxActions.POP, dan.MailboxActions.IMAP, dan.MailboxActions.Outgoing = false, true, false
	eve.Status, eve.Forwarding.To = schema.StatusActive, []schema.Address{address("dan")}
	fay.MailboxActions.IMAP, fay.Forwarding.To = true, []schema.Address{address("dan"), address("ada")}
	return change(without(is, key(schema.KindUser, "cyd"), key(schema.KindAlias, "c"), key(schema.KindList, "old")),
		bob, dan, eve, fay, comes("gus", "Gus Gray"),
		alias("sales", "bob"), alias("help", "fay"), alias("cyd", "ada"), list("team", "ada", "fay"), list("crew", "dan", "gus"))
}

// plan is what makes of a live state one that is wanted, as far as the service can.
func plan(s *piecemeal.Store, is, want schema.State) reconcile.Run {
	want, _ = reconcile.Attainable(want, is, nil, s.Lacks())
	return reconcile.Run{Changes: reconcile.Diff(is, want)}
}

// keysOf are the keys of changes.
func keysOf(changes []reconcile.Change) (out []schema.Key) {
	for i := range changes {
		out = append(out, changes[i].Key)
	}
	return out
}
