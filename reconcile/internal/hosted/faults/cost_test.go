package faults

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/simhttp"
	"mailops/schema"
)

// A sort is a sort of change, of one user, alias or list.
type sort struct {
	name    string
	becomes func(t *testing.T, is schema.State) schema.State
}

// of is a change of a user who is there.
func of(name, who string, set func(*schema.User)) sort {
	return sort{name, func(t *testing.T, is schema.State) schema.State {
		t.Helper()
		u := user(t, is, who)
		set(u)
		return change(is, u)
	}}
}

// with is that resources come, or are others.
func with(name string, come ...schema.Resource) sort {
	return sort{name, func(_ *testing.T, is schema.State) schema.State { return change(is, come...) }}
}

// gone is that something goes.
func gone(name string, keys ...schema.Key) sort {
	return sort{name, func(_ *testing.T, is schema.State) schema.State { return without(is, keys...) }}
}

// sorts are the sorts of changes.
func sorts() []sort {
	dan, ada := address("dan"), address("ada")
	moved := comes("fay", "Fay Finn")
	moved.Forwarding.To, moved.MailboxActions.IMAP, moved.Status = []schema.Address{dan}, true, schema.StatusSuspended
	return []sort{
		with("create a user", comes("gus", "Gus Gray")),
		with("create a user with settings", moved),
		gone("delete a user", key(schema.KindUser, "dan")),
		of("name", "dan", func(u *schema.User) { u.Name = "Another" }),
		of("quota and type", "dan", func(u *schema.User) { u.Quota, u.AccountType = 3e9, schema.AccountEnhanced }),
		of("role", "dan", func(u *schema.User) { u.Role = schema.RoleAdmin }),
		of("a switch", "dan", func(u *schema.User) { u.MailboxActions.IMAP = true }),
		of("two switches", "dan", func(u *schema.User) { u.MailboxActions.IMAP, u.MailboxActions.POP = true, false }),
		of("suspend", "dan", func(u *schema.User) { u.Status = schema.StatusSuspended }),
		of("activate again", "eve", func(u *schema.User) { u.Status = schema.StatusActive }),
		of("the first forward", "dan", func(u *schema.User) { u.Forwarding.To = []schema.Address{ada} }),
		of("another forward", "bob", func(u *schema.User) { u.Forwarding.To = []schema.Address{dan} }),
		of("no forward", "bob", func(u *schema.User) { u.Forwarding.To = nil }),
		with("create an alias", alias("help", "dan")),
		with("move an alias", alias("sales", "dan")),
		gone("delete an alias", key(schema.KindAlias, "sales")),
		with("create a list", list("crew", "dan", "ada")),
		with("change members", list("team", "ada", "dan")),
		gone("delete a list", key(schema.KindList, "old")),
	}
}

// TestCost: each sort of change takes as many requests, with reading before and
// after, as are said before; `go test -v -run TestCost` prints them.
func TestCost(t *testing.T) {
	both(t, func(t *testing.T, kind string) {
		var out strings.Builder
		w := begin(t, kind)
		s := w.here(t)
		begun := live(t, s)
		for _, c := range sorts() {
			is := live(t, s)
			run := plan(s, is, c.becomes(t, is))
			cost, err := s.Cost(is, run.Changes)
			if err != nil {
				t.Fatal(err)
			}
			since := len(w.Log())
			if len(run.Changes) > 0 { // or it is nothing that the service has
				_, err = s.Apply(t.Context(), reconcile.Batch{Run: run})
			}
			sent := w.counted(since)
			fmt.Fprintf(&out, "%-30s %3d requests, %3d changes\n", c.name, sent, len(writes(w.Log()[since:])))
			if err != nil || sent != cost.Requests {
				t.Errorf("%s: %d requests were said, %d were sent: %v", c.name, cost.Requests, sent, err)
			}
			w.move(time.Hour)
			if _, err := s.Apply(t.Context(), reconcile.Batch{Run: plan(s, live(t, s), begun)}); err != nil {
				t.Fatal(err)
			}
			w.move(time.Hour)
		}
		t.Logf("\n%s", out.String())
	})
}

// counted are the requests since a length of the log that are within the budget and
// of a change: those for a token of an administrator are not.
func (w *world) counted(since int) (n int) {
	for _, e := range w.Log()[since:] {
		if e.Kind != simhttp.Token || w.Kind == "emailarray" && (e.Action != "login" || !strings.HasPrefix(e.Path, "/admin/")) {
			n++
		}
	}
	return n
}
