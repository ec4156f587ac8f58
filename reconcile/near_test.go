package reconcile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mailops/schema"
)

// TestNear holds that who loses or gains a reader is near a change: the plan of
// a large organization looks at those alone.
func TestNear(t *testing.T) {
	source := rand.New(rand.NewPCG(3, 4))
	seen := 0
	for range 3000 {
		before := randomMail(source)
		after := slices.Clone(before)
		for range 1 + source.IntN(3) {
			i := source.IntN(len(after))
			switch other := randomMail(source).Find(after[i].Key()); {
			case other != nil:
				after[i] = other
			case len(after) > 1 && after[i].Key().Kind != schema.KindDomain:
				after = slices.Delete(after, i, i+1)
			}
		}
		changes := Diff(before, after)
		e := &effects{before: before, after: after, was: NewRouter(before), will: NewRouter(after), changes: changes}
		near := e.near()
		for _, r := range slices.Concat(before, after) {
			a := r.Key().Address()
			if r.Key().Kind == schema.KindDomain {
				continue
			}
			if near != nil && !near[a] && e.was.Reads(a) != e.will.Reads(a) {
				t.Fatalf("%s is not near %+v, and whether it is read changes from %v to %v", a, changes, e.was.Reads(a), e.will.Reads(a))
			}
		}
		if near != nil {
			seen++
		}
		if all := NewRouter(after); !slices.EqualFunc(after, after, func(r, _ schema.Resource) bool {
			all.asked = many + 1
			return all.Reads(r.Key().Address()) == NewRouter(after).Reads(r.Key().Address())
		}) {
			t.Fatalf("asked once, and asked often, addresses have other readers: %+v", after)
		}
	}
	if seen == 0 {
		t.Fatal("every case looked at everything")
	}
}

// randomMail is a small state in which mail goes many ways, in circles too.
func randomMail(source *rand.Rand) schema.State {
	address := func() schema.Address { return schema.Address(fmt.Sprintf("a%d@acme.example", source.IntN(12))) }
	s := schema.State{&schema.Domain{Name: "acme.example"}}
	if source.IntN(3) == 0 {
		s[0] = &schema.Domain{Name: "acme.example", CatchAll: address()}
	}
	taken := make(map[schema.Address]bool)
	for range 8 {
		a := address()
		if taken[a] {
			continue
		}
		taken[a] = true
		to := []schema.Address{address(), address()}
		switch source.IntN(4) {
		case 0:
			s = append(s, &schema.Alias{Address: a, To: to})
		case 1:
			s = append(s, &schema.List{Address: a, Members: to, Posting: schema.PostingAnyone})
		default:
			u := &schema.User{Address: a}
			u.Status, u.MailboxActions.Incoming, u.MailboxActions.IMAP = schema.StatusActive, source.IntN(3) > 0, source.IntN(2) > 0
			if source.IntN(3) == 0 {
				u.Forwarding.To = to
			}
			s = append(s, u)
		}
	}
	s.Sort()
	return s
}
