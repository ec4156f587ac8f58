package zohomail

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
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

// wants draws a user as somebody might want one.
func wants(r *rand.Rand, address schema.Address) *schema.User {
	u := &schema.User{Address: address, Name: fmt.Sprintf("Name %d", r.IntN(3))}
	u.Role = []string{schema.RoleMember, schema.RoleAdmin}[r.IntN(2)]
	u.Status = []string{schema.StatusActive, schema.StatusSuspended, schema.StatusDeactivated}[r.IntN(3)]
	flip := func() bool { return r.IntN(2) == 0 }
	u.MailboxActions = schema.MailboxActions{Incoming: flip() || u.Status != schema.StatusActive, Outgoing: flip(), SpamCheck: true, IMAP: flip(), POP: flip(), ActiveSync: flip()}
	u.Forwarding.KeepCopy = flip()
	for i := range r.IntN(3) {
		u.Forwarding.To = append(u.Forwarding.To, schema.Address(fmt.Sprintf("to%d@%s.example", i, []string{"acme", "elsewhere"}[r.IntN(2)])))
	}
	if len(u.Forwarding.To) == 0 {
		u.Forwarding.KeepCopy = true
	}
	schema.Normalize(u)
	return u
}

// everyQuirk is all of them, but for those of which one excludes another.
var everyQuirk = []string{
	"late=10s", "regress=20s", "repeat-row", "first-row=1", "max-limit=7", "one-as-object", "ids=quoted", "null-strings", "no-role-name",
	"created=201", "already=underscores", "errors-in=errorData", "disabled-as=status", "throttle=30", "throttled-as=400", "forward-form=list",
}

// TestEveryQuirk creates, changes and deletes users with each quirk alone and with
// all together, and holds that what is read back in the end is what was wanted, as
// the simulator has it too.
func TestEveryQuirk(t *testing.T) {
	alone := [][]string{
		nil, everyQuirk, {"late=30s"}, {"regress=30s"}, {"repeat-row"}, {"first-row=1"}, {"max-limit=2"}, {"one-as-object"}, {"ids=bare"}, {"ids=quoted"},
		{"null-strings"}, {"no-role-name"}, {"created=201"}, {"already=spaces"}, {"already=underscores"}, {"errors-in=error"}, {"errors-in=errorCode"},
		{"errors-in=message"}, {"errors-in=empty"}, {"disabled-as=enabled"}, {"disabled-as=status"}, {"disabled-as=mailboxStatus"}, {"forward-form=list"},
		{"throttle=30"}, {"bools=strings"}, {"bools=booleans"}, {"forward-form=string"}, {"expire,nth=5"}, {"cut,only=read,nth=4"},
		append(slices.Clone(everyQuirk), "ids=bare", "already=spaces", "disabled-as=mailboxStatus", "errors-in=empty"),
	}
	for _, quirks := range alone {
		t.Run(strings.Join(quirks, " "), func(t *testing.T) {
			s := stageWith(t, zohosim.Options{}, Options{Settings: settingsFor(quirks)}, quirks...)
			s.add(t, zohosim.Sample(12, "acme.example"))
			r := rand.New(rand.NewPCG(7, 7))
			live := make(map[schema.Address]*schema.User)
			ids := make(map[schema.Address]ID)
			for i := range 3 {
				u := wants(r, schema.Address(fmt.Sprintf("new%d@acme.example", i)))
				s.creates(t, u, ids)
				live[u.Address] = u
			}
			for range 4 {
				for address := range live {
					u := wants(r, address)
					s.changes(t, ids[address], live[address], u)
					live[address] = u
				}
			}
			for address, u := range live {
				s.do(t, s.DeleteUsers(ids[address].ZUID))
				s.proves(t, []Expectation{{ZUID: ids[address].ZUID, Want: u, Absent: true}})
			}
			if s.Lockouts() > 0 || len(s.Users()) != 12 {
				t.Errorf("%d lock-outs, %d users", s.Lockouts(), len(s.Users()))
			}
		})
	}
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

// fieldsThat can be set, by their paths.
func fieldsThat(can func(hosted.Can) bool) (paths []string) {
	for _, f := range schema.Fields(schema.KindUser) {
		if can(AbilityOf(schema.KindUser, f.Path).Can) {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

func (s *scene) creates(t *testing.T, u *schema.User, ids map[schema.Address]ID) {
	t.Helper()
	answer := s.do(t, s.Create(u, "first"))
	id, ok := NewID(answer.Data)
	if !ok {
		t.Fatalf("no ids in %s", answer.Data)
	}
	if ids[u.Address] = id; !s.PasswordIs(string(u.Address), passwords["first"]) {
		t.Error("the password is another")
	}
	calls, cannot := s.Complete(id, u)
	s.carries(t, id, u, calls, cannot)
}

func (s *scene) changes(t *testing.T, id ID, before, after *schema.User) {
	t.Helper()
	calls, cannot := s.Update(id, before, after)
	s.carries(t, id, after, calls, cannot)
}

// carries sends calls, some twice as after a crash, and holds that they worked.
func (s *scene) carries(t *testing.T, id ID, want *schema.User, calls []hosted.Call, cannot []string) {
	t.Helper()
	if len(cannot) > 0 {
		t.Fatalf("cannot set %v", cannot)
	}
	for i, call := range calls {
		answer := s.Do(t.Context(), call, passwords)
		if silent := answer.Outcome == hosted.Refused && answer.Text == ""; !answer.Outcome.OK() && !silent { // reading it back tells
			t.Fatalf("%s: %+v", call, answer)
		}
		if repeat := s.Do(t.Context(), call, passwords); i%2 == 0 && !repeat.Outcome.OK() && repeat.Outcome != hosted.Refused {
			t.Errorf("%s again: %+v", call, repeat)
		}
	}
	s.proves(t, []Expectation{{ZUID: id.ZUID, Want: want, Fields: fieldsThat(hosted.Can.Sets)}})
	u := s.user(t, string(want.Address))
	if disabled := want.Status != schema.StatusActive; u.Disabled != disabled || u.IncomingBlocked == want.AcceptsMail() {
		t.Errorf("%s is disabled %v and blocked %v, wanted %s", u.Address, u.Disabled, u.IncomingBlocked, want.Status)
	}
}

// proves holds that expectations are read back, as far as they can be.
func (s *scene) proves(t *testing.T, all []Expectation) {
	t.Helper()
	found, err := s.Verify(t.Context(), len(s.Users()), all)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range found {
		hidden := []string{"mailboxActions.incoming", "forwarding.keepCopy"}
		if f.Proof == Differ || f.Proof == Unseen && slices.ContainsFunc(f.Fields, func(p string) bool { return !slices.Contains(hidden, p) }) {
			t.Errorf("%s: %s %v", all[i].Want.Address, f.Proof, f.Fields)
		}
	}
}

// TestCannotObserve: what a record does not show is told, and waited for no longer
// than it takes to see that.
func TestCannotObserve(t *testing.T) {
	for _, c := range []struct{ quirk, disabled, path string }{{"no-forward", "", "forwarding.to"}, {"disabled-as=nothing", ShownNowhere, "status"}} {
		s := stage(t, c.quirk)
		s.Client.Disabled = c.disabled
		want := wants(rand.New(rand.NewPCG(1, 1)), "bob@acme.example")
		want.Status, want.Forwarding.To = schema.StatusSuspended, []schema.Address{"ada@acme.example"}
		want.Forwarding.KeepCopy = true
		id := s.id(t, "bob@acme.example")
		calls, _ := s.Update(id, s.mapped(t, "bob@acme.example").User, want)
		for _, call := range calls {
			s.do(t, call)
		}
		before := s.requests()
		found, err := s.Verify(t.Context(), 2, []Expectation{{ZUID: id.ZUID, Want: want, Fields: fieldsThat(hosted.Can.Sets)}})
		if err != nil || found[0].Proof != Unseen || !slices.Contains(found[0].Fields, c.path) || s.requests() != before+1 {
			t.Errorf("%s: %+v, %v, %d looks", c.quirk, found, err, s.requests()-before)
		}
	}
}

// TestNotSeen: what did not happen is said to differ, after a bounded wait.
func TestNotSeen(t *testing.T) {
	s := stage(t, "late=10m")
	id := s.id(t, "bob@acme.example")
	s.clock.sleep(t.Context(), 11*60e9)
	s.do(t, s.SetIMAP(id, true))
	want := s.mapped(t, "bob@acme.example").User
	want.MailboxActions.IMAP = true
	before, begin := s.requests(), s.clock.now()
	found, err := s.Verify(t.Context(), 2, []Expectation{{ZUID: id.ZUID, Want: want, Fields: []string{"mailboxActions.imap", "name"}}, {Want: want, Absent: true}})
	if err != nil || found[0].Proof != Differ || fmt.Sprint(found[0].Fields) != "[mailboxActions.imap]" || found[1].Proof != Differ {
		t.Errorf("got %+v, %v", found, err)
	}
	if n, took := s.requests()-before, s.clock.now().Sub(begin); n > 12 || took > 3*lastLook {
		t.Errorf("%d looks in %s", n, took)
	}
}

// TestCannotSet: what no call sets is named, by its path.
func TestCannotSet(t *testing.T) {
	a := API{Organization: "7"}
	before, after := newcomer(&schema.User{}), newcomer(&schema.User{})
	after.Role, after.Quota, after.MailboxActions.SpamCheck, after.Language, after.Permissions.OnlyLocalSMTP = schema.RoleSuperAdmin, 5, false, "pt", true
	calls, cannot := a.Update(ID{"1", "2"}, before, after)
	if want := []string{"role", "quota", "language", "mailboxActions.spamCheck", "permissions.onlyLocalSMTP"}; len(calls) > 0 || !slices.Equal(cannot, want) {
		t.Errorf("got %v, %v", calls, cannot)
	}
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
		calls, _ := a.Update(ID{"1", "2"}, c.before, c.after)
		var got []string
		for _, call := range calls {
			got = append(got, call.Name)
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
	calls := s.UpdateList(fmt.Sprint(g.ZGID), before, after)
	for _, call := range calls {
		s.do(t, call)
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
