package zohomail

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

// TestFigures holds how many requests things take, beside the least that the
// documented API allows: `go test -v -run TestFigures` prints them.
func TestFigures(t *testing.T) {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%-34s %8s %6s\n", "", "requests", "least")
	row := func(what string, got, most, least int) {
		t.Helper()
		fmt.Fprintf(&out, "%-34s %8d %6d\n", what, got, least)
		if got > most {
			t.Errorf("%s: %d requests, %d were enough", what, got, most)
		}
	}
	for _, c := range []struct{ users, most, least int }{{10, 2, 1}, {200, 2, 1}, {201, 2, 2}, {1000, 6, 5}, {5000, 26, 25}} {
		s := crowd(t, c.users)
		if users, err := s.ListUsers(t.Context()); err != nil || len(users) != c.users {
			t.Fatal(len(users), err)
		}
		row(fmt.Sprintf("read %d users", c.users), s.requests(), c.most, c.least)
	}
	s := stage(t)
	if _, _, err := s.ListGroups(t.Context()); err != nil {
		t.Fatal(err)
	}
	row("read all groups with members", s.requests(), 1, 1)
	for _, c := range kindsOfChange() {
		before, after := newcomer(&schema.User{}), newcomer(&schema.User{})
		before.Role, after.Role = schema.RoleMember, schema.RoleMember
		c.change(before, after)
		calls := API{Organization: "7"}.Update(ID{"1", "2"}, before, after)
		row(c.name, len(calls), c.least+c.more, c.least)
	}
	row("create a user", 1, 1, 1)
	row("delete a user", 1, 1, 1)
	t.Log(out.String())
}

// kindsOfChange are the ways in which a user differs. More is what is spent beyond
// the least.
func kindsOfChange() []kindOfChange {
	to := []schema.Address{"a@acme.example"}
	return []kindOfChange{
		{"a switch", 1, 0, func(_, a *schema.User) { a.MailboxActions.IMAP = true }},
		{"all five switches", 5, 0, func(_, a *schema.User) {
			a.MailboxActions = schema.MailboxActions{SpamCheck: true, IMAP: true, POP: true, ActiveSync: true}
		}},
		{"name", 1, 0, func(_, a *schema.User) { a.Name = "A" }},
		{"role", 1, 0, func(_, a *schema.User) { a.Role = schema.RoleAdmin }},
		{"suspend", 1, 0, func(_, a *schema.User) { a.Status = schema.StatusSuspended }},
		{"deactivate", 1, 0, func(_, a *schema.User) { a.Status = schema.StatusDeactivated }},
		{"suspended to deactivated", 1, 0, func(b, a *schema.User) { b.Status, a.Status = schema.StatusSuspended, schema.StatusDeactivated }},
		{"deactivated to suspended", 1, 0, func(b, a *schema.User) { b.Status, a.Status = schema.StatusDeactivated, schema.StatusSuspended }},
		{"activate again", 1, 0, func(b, _ *schema.User) { b.Status = schema.StatusDeactivated }},
		{"first forward (and its copy)", 1, 1, func(_, a *schema.User) { a.Forwarding.To = to }},
		{"end the only forward", 1, 0, func(b, _ *schema.User) { b.Forwarding.To = to }},
		{"keep no copy", 1, 0, func(b, a *schema.User) { b.Forwarding.To = to; a.Forwarding = schema.Forwarding{To: to} }},
	}
}

type kindOfChange struct {
	name        string
	least, more int
	change      func(before, after *schema.User)
}

// crowd is an organization of so many.
func crowd(t *testing.T, n int, words ...string) *scene {
	t.Helper()
	s := stageWith(t, zohosim.Options{}, Options{}, words...)
	state := zohosim.Sample(n, "acme.example")
	state.Groups = nil
	s.add(t, state)
	return s
}

// TestPassword: a password takes two requests, one of them to look up the user.
func TestPassword(t *testing.T) {
	s := crowd(t, 3)
	store := s.store(t, t.TempDir())
	before := s.requests()
	p := reconcile.NewPassword{User: "user1@acme.example", Text: "Correct-Horse-9", Once: true}
	if once, err := store.SetPassword(t.Context(), p); !once || err != nil || s.requests()-before != 2 || !s.PasswordIs(string(p.User), p.Text) {
		t.Errorf("%d requests, %v", s.requests()-before, err)
	}
}

// TestThousandChanges: with the limit on, an apply of a thousand changes with all that
// is read before and after takes at most 1.05 times as many requests as the least,
// no lock-out, and as many and as long as was foretold.
func TestThousandChanges(t *testing.T) {
	s := crowd(t, 1000, "throttle=30", "late=5s", "already=spaces")
	_ = s.clock.sleep(t.Context(), time.Minute) // reads are late
	store := s.store(t, t.TempDir())
	live, err := reconcile.ReadLive(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	var want schema.State
	for _, r := range live.State {
		r = schema.Clone(r)
		if u, ok := r.(*schema.User); ok {
			u.MailboxActions.POP = !u.MailboxActions.POP
		}
		want = append(want, r)
	}
	changes := reconcile.Diff(live.State, want)
	cost, err := store.Cost(live.State, changes)
	if err != nil || len(changes) != 1000 {
		t.Fatal(len(changes), err)
	}
	before, begin := s.requests(), s.clock.now()
	if _, err := store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: begin, Changes: changes}}); err != nil {
		t.Fatal(err)
	}
	took, asked := s.clock.now().Sub(begin), s.requests()-before
	t.Logf("%d requests for 1000 changes, %d foretold, %d lock-outs, %s foretold, %s taken", asked, cost.Requests, s.Lockouts(), cost.Length, took)
	if asked > 1050 || s.Lockouts() != 0 || (asked-cost.Requests > 7 || asked < cost.Requests) || (took-cost.Length).Abs() > 2*time.Minute || s.asked() != 1 {
		t.Errorf("%d tokens", s.asked())
	}
	again, err := reconcile.ReadLive(t.Context(), store)
	if left := reconcile.Diff(again.State, want); err != nil || len(left) > 0 {
		t.Errorf("left: %d, %v", len(left), err)
	}
}
