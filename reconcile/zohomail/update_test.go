package zohomail

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

// TestPolarity: each switch in both directions, as the service keeps it and as it
// is read. Of two, the service's true is blocked.
func TestPolarity(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      func(API, ID, bool) hosted.Call
		raw      func(zohosim.User) bool
		inverted bool
		read     func(*schema.User) bool
	}{
		{"imap", API.SetIMAP, func(u zohosim.User) bool { return u.IMAP }, false, func(u *schema.User) bool { return u.MailboxActions.IMAP }},
		{"pop", API.SetPOP, func(u zohosim.User) bool { return u.POP }, false, func(u *schema.User) bool { return u.MailboxActions.POP }},
		{"activeSync", API.SetActiveSync, func(u zohosim.User) bool { return u.ActiveSync }, false, func(u *schema.User) bool { return u.MailboxActions.ActiveSync }},
		{"incoming", API.SetIncoming, func(u zohosim.User) bool { return u.IncomingBlocked }, true, func(u *schema.User) bool { return u.MailboxActions.Incoming }},
		{"outgoing", API.SetOutgoing, func(u zohosim.User) bool { return u.OutgoingBlocked }, true, func(u *schema.User) bool { return u.MailboxActions.Outgoing }},
	} {
		for _, form := range []string{"strings", "booleans"} {
			s := stage(t, "bools="+form)
			s.Client.Bools = form
			id := s.id(t, "bob@acme.example")
			for _, on := range []bool{true, false, true} {
				s.do(t, c.set(s.API, id, on))
				if raw := c.raw(s.user(t, "bob@acme.example")); raw != (on != c.inverted) || c.read(s.mapped(t, "bob@acme.example").User) != on {
					t.Errorf("%s %v: the service has %v", c.name, on, raw)
				}
			}
		}
	}
}

// everyQuirk is all of them, but for those of which one excludes another.
var everyQuirk = []string{
	"late=10s", "regress=20s", "repeat-row", "first-row=1", "max-limit=7", "one-as-object", "ids=quoted", "null-strings", "no-role-name",
	"created=201", "already=underscores", "errors-in=errorData", "disabled-as=status", "throttle=30", "throttled-as=400", "forward-form=list",
}

func settingsFor(quirks []string) (s Settings) {
	if slices.Contains(quirks, "bools=strings") {
		s.Bools = AsStrings
	}
	if slices.Contains(quirks, "bools=booleans") {
		s.Bools = AsBooleans
	}
	if slices.Contains(quirks, "forward-form=string") {
		s.Forward = AsString
	}
	s.PageSize = 10
	return s
}

// TestOrder: what takes something away is sent first.
func TestOrder(t *testing.T) {
	before := &schema.User{Name: "A", Settings: schema.Settings{Role: schema.RoleAdmin, Status: schema.StatusActive,
		MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, IMAP: true}, Forwarding: schema.Forwarding{To: []schema.Address{"x@y.example"}, KeepCopy: true}}}
	after := &schema.User{Name: "B", Settings: schema.Settings{Role: schema.RoleMember, Status: schema.StatusSuspended,
		MailboxActions: schema.MailboxActions{Incoming: true, POP: true}, Forwarding: schema.Forwarding{To: []schema.Address{"z@y.example"}}}}
	a := API{Organization: "7"}
	for _, c := range []struct {
		before, after *schema.User
		want          string
	}{
		{before, after, "disableUser updateOutgoingStatus updateIMAPStatus deleteMailForward changeRole updatePOPStatus updatePersonalInfo addMailForward deleteZohoMailCopy"},
		{after, before, "updatePOPStatus deleteMailForward enableUser updateOutgoingStatus updateIMAPStatus changeRole updatePersonalInfo addMailForward deleteZohoMailCopy"},
		{before, before, ""},
	} {
		calls := a.Update(ID{"1", "2"}, c.before, c.after)
		var got []string
		for _, call := range calls {
			got = append(got, call.Call.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.want)
		}
	}
}

// TestUpdateList: members come and go in one call each.
func TestUpdateList(t *testing.T) {
	s := stage(t, "already=spaces")
	g := s.Groups()[0]
	before := &schema.List{Address: "team@acme.example", Members: []schema.Address{"ada@acme.example", "bob@acme.example"}}
	after := &schema.List{Address: "team@acme.example", Members: []schema.Address{"ada@acme.example", "x@elsewhere.example", "y@elsewhere.example"}}
	calls, err := s.API.operations(before, after, piecemeal.Handles{before.Key(): fmt.Sprint(g.ZGID)})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range calls {
		s.do(t, o.Call)
	}
	groups, _, err := s.ListGroups(t.Context())
	if err != nil || len(calls) != 2 || fmt.Sprint(groups[0].List().Members) != fmt.Sprint(after.Members) {
		t.Errorf("got %v, %v", groups, err)
	}
	answer := s.do(t, s.CreateGroup("new@acme.example", "ada@acme.example"))
	g2, err := ParseGroup(answer.Data)
	if err != nil || g2.Address != "new@acme.example" {
		t.Fatalf("got %s, %v", answer.Data, err)
	}
	s.do(t, s.DeleteGroup(g2.ZGID))
	if again := s.Do(t.Context(), s.DeleteGroup(g2.ZGID), nil); again.Outcome != hosted.Already {
		t.Errorf("again: %+v", again)
	}
}

// TestAliases: they come and go, and are read as aliases of their user.
func TestAliases(t *testing.T) {
	s := stage(t, "already=underscores", "one-as-object")
	id := s.id(t, "bob@acme.example")
	s.do(t, s.AddAliases(id, "b@acme.example", "b2@acme.example"))
	s.do(t, s.AddAliases(id, "b@acme.example"))
	s.do(t, s.DeleteAliases(id, "b2@acme.example"))
	if got := s.mapped(t, "bob@acme.example").Aliases; len(got) != 1 || got[0].Address != "b@acme.example" || got[0].To[0] != "bob@acme.example" {
		t.Errorf("got %+v", got)
	}
}
