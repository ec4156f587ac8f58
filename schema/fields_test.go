package schema_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

// full returns a resource of each live kind in which every field has a value.
func full() []schema.Resource {
	user := &schema.User{Address: "ana@acme.example", Name: "Ana <Silva> & Cª", Password: "sha256:00", TravelMode: &schema.TravelMode{Until: "2026-12-10T00:00:00Z"}}
	user.Settings = schema.Settings{Role: schema.RoleAdmin, Status: schema.StatusActive, AccountType: schema.AccountBasic, Quota: 5 << 30, Language: "pt", Timezone: "Europe/Lisbon"}
	user.Forwarding = schema.Forwarding{To: []schema.Address{"a@b.example"}, KeepCopy: true}
	user.Permissions.AccessHours = &schema.AccessHours{Timezone: "UTC", Mon: []schema.Hours{{Start: 540, End: 1020}}}
	user.Permissions.SendAs = []schema.Address{"b@acme.example"}
	user.Permissions.TrustedNetworks = []string{"10.0.0.0/8"}
	user.MailAddOn.Backup, user.Lock.MailAddOn = schema.BackupOff, schema.Locked
	return []schema.Resource{
		&schema.Domain{Name: "acme.example", CatchAll: "ana@acme.example", Timezone: "UTC"},
		user,
		&schema.Alias{Address: "office@acme.example", To: []schema.Address{"ana@acme.example"}},
		&schema.List{Address: "team@acme.example", Members: []schema.Address{"ana@acme.example"}, Posting: schema.PostingMembers},
	}
}

// TestFieldsOfUser lists the live fields in their order: plans show them so,
// and stores hold them so.
func TestFieldsOfUser(t *testing.T) {
	var got []string
	for _, f := range schema.Fields(schema.KindUser) {
		got = append(got, f.Path)
	}
	want := []string{"name", "role", "status", "accountType", "quota", "language", "timezone",
		"forwarding.to", "forwarding.keepCopy",
		"mailboxActions.incoming", "mailboxActions.outgoing", "mailboxActions.spamCheck", "mailboxActions.imap", "mailboxActions.pop", "mailboxActions.activeSync",
		"permissions.features.autoresponder", "permissions.features.forwarding", "permissions.features.filters", "permissions.features.allowBlockList",
		"permissions.features.sharedFolders", "permissions.features.changePassword",
		"permissions.services.webmail", "permissions.services.smtp", "permissions.services.manageSieve",
		"permissions.onlyLocalSMTP", "permissions.accessHours", "permissions.sendAs", "permissions.trustedNetworks",
		"mailAddOn.backup", "lock.mailAddOn", "password", "travelMode"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(schema.Fields(schema.KindProfile)) != 0 {
		t.Error("a profile has live fields")
	}
	if _, ok := schema.FieldAt(schema.KindUser, "address"); ok {
		t.Error("the name of a user is a field that a change could set")
	}
}

// TestSame: two resources are the same as long as they agree on every field. One
// that is new in the types, and forgotten in Same, is found here.
func TestSame(t *testing.T) {
	for _, r := range full() {
		for _, f := range schema.Fields(r.Key().Kind) {
			other := schema.Clone(r)
			if !schema.Same(r, other) {
				t.Errorf("%s is not the same as its copy", r.Key())
			}
			if err := f.Set(other, another(f.Get(r))); err != nil {
				t.Fatal(err)
			}
			if schema.Same(r, other) || schema.Same(other, r) || f.Equal(r, other) {
				t.Errorf("%s: %s %s is the same as %s", r.Key(), f.Path, f.Get(r), f.Get(other))
			}
		}
	}
	if list := full()[3]; schema.Same(list, &schema.Alias{Address: list.Key().Address()}) {
		t.Error("a list is the same as an alias")
	}
}

// another is a value that a field with this one can have.
func another(v schema.Value) schema.Value {
	switch v {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	return ""
}

// TestFieldsGetSet: setting what was got makes an equal resource, and an empty
// value takes the value away.
func TestFieldsGetSet(t *testing.T) {
	for _, r := range full() {
		fresh, err := schema.New(r.Key())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range schema.Fields(r.Key().Kind) {
			if err := f.Set(fresh, f.Get(r)); err != nil {
				t.Errorf("%s of %s: %v", f.Path, r.Key(), err)
			}
			if !f.Equal(r, fresh) {
				t.Errorf("%s of %s: got %s, want %s", f.Path, r.Key(), f.Get(fresh), f.Get(r))
			}
		}
		if diff := cmp.Diff(r, fresh); diff != "" || schema.Version(r) != schema.Version(fresh) {
			t.Errorf("%s (-want +got)\n%s", r.Key(), diff)
		}
		empty, _ := schema.New(r.Key())
		for _, f := range schema.Fields(r.Key().Kind) {
			if err := f.Set(fresh, ""); err != nil || !f.Equal(fresh, empty) {
				t.Errorf("%s of %s taken away: got %s, %v", f.Path, r.Key(), f.Get(fresh), err)
			}
			if err := f.Set(fresh, `{"broken`); err == nil {
				t.Errorf("%s of %s took broken JSON", f.Path, r.Key())
			}
		}
	}
}

// TestFieldsSetLeavesTheOriginal: a clone is changed without changing what it
// was made of.
func TestFieldsSetLeavesTheOriginal(t *testing.T) {
	for i, r := range full() {
		clone := schema.Clone(r)
		for _, f := range schema.Fields(r.Key().Kind) {
			if err := f.Set(clone, ""); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(full()[i], r); diff != "" {
			t.Errorf("%s (-before +after)\n%s", r.Key(), diff)
		}
	}
}

// TestVersion: the version changes with every live field and with nothing else.
func TestVersion(t *testing.T) {
	if schema.Version(nil) != "" {
		t.Error("what does not exist has a version")
	}
	for _, r := range full() {
		seen := map[string]string{schema.Version(r): "itself"}
		for _, f := range schema.Fields(r.Key().Kind) {
			changed := schema.Clone(r)
			if err := f.Set(changed, ""); err != nil {
				t.Fatal(err)
			}
			if f.Equal(r, changed) {
				continue // a boolean that was false
			}
			v := schema.Version(changed)
			if other, taken := seen[v]; taken {
				t.Errorf("%s of %s: the version is that of %s", f.Path, r.Key(), other)
			}
			seen[v] = f.Path
		}
	}
	ana := full()[1].(*schema.User)
	same := *ana
	same.Profiles, same.APIVersion, same.RenamedFrom = []string{"sales"}, schema.APIVersion, "old@acme.example"
	same.Schedule, same.SigningKeys = []schema.ScheduleEntry{{Reason: "leave"}}, []string{"ssh-ed25519 AAAA"}
	if schema.Version(ana) != schema.Version(&same) {
		t.Error("what no store holds changes the version")
	}
}

// TestNormalize: two ways to write one value are equal.
func TestNormalize(t *testing.T) {
	a, b := full()[1].(*schema.User), full()[1].(*schema.User)
	a.Forwarding.To = []schema.Address{"b@x.example", "a@x.example", "b@x.example"}
	b.Forwarding.To = []schema.Address{"a@x.example", "b@x.example"}
	a.Permissions.TrustedNetworks = []string{"2001:db8::1/32", "10.1.2.3/8", "192.0.2.7", "not a network"}
	b.Permissions.TrustedNetworks = []string{"10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "not a network"}
	a.Permissions.SendAs, b.Permissions.SendAs = []schema.Address{}, nil
	a.Permissions.AccessHours = &schema.AccessHours{Tue: []schema.Hours{{Start: 600, End: 700}, {Start: 60, End: 70}}}
	b.Permissions.AccessHours = &schema.AccessHours{Tue: []schema.Hours{{Start: 60, End: 70}, {Start: 600, End: 700}}}
	schema.Normalize(a)
	schema.Normalize(b)
	if diff := cmp.Diff(b, a); diff != "" || schema.Version(a) != schema.Version(b) {
		t.Errorf("(-want +got)\n%s", diff)
	}
	once := schema.Version(a)
	schema.Normalize(a)
	if schema.Version(a) != once {
		t.Error("normalizing twice is not normalizing once")
	}
}

func TestState(t *testing.T) {
	want := schema.State{}
	for _, key := range []schema.Key{{Kind: schema.KindDomain, Name: "a.example"}, {Kind: schema.KindDomain, Name: "b.example"},
		{Kind: schema.KindUser, Name: "z@a.example"}, {Kind: schema.KindUser, Name: "a@b.example"}, {Kind: schema.KindUser, Name: "b@b.example"},
		{Kind: schema.KindAlias, Name: "a@a.example"}, {Kind: schema.KindList, Name: "a@a.example"}} {
		r, err := schema.New(key)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		got := slices.Clone(want)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		got.Sort()
		if !reflect.DeepEqual(got, want) || got.Digest() != want.Digest() {
			t.Fatalf("got %v", got)
		}
	}
	for _, r := range want {
		if want.Find(r.Key()) != r {
			t.Errorf("%s is not found", r.Key())
		}
	}
	if want.Find(schema.Key{Kind: schema.KindUser, Name: "a@a.example"}) != nil {
		t.Error("an alias is found as a user")
	}
	var users []string
	for u := range want.Users() {
		if users = append(users, u.Key().String()); len(users) == 2 {
			break
		}
	}
	if diff := cmp.Diff([]string{"User/z@a.example", "User/a@b.example"}, users); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := schema.New(schema.Key{Kind: schema.KindProfile, Name: "x"}); err == nil {
		t.Error("a live profile was made")
	}
}

// TestWays: what a user can do follows from status, services and hours.
func TestWays(t *testing.T) {
	u := &schema.User{}
	u.Status = schema.StatusActive
	u.MailboxActions = schema.MailboxActions{Incoming: true, Outgoing: true, IMAP: true}
	u.Permissions.Services = schema.Services{Webmail: true, SMTP: true}
	check := func(what string, ways []string, send, accept bool) {
		t.Helper()
		if diff := cmp.Diff(ways, u.SignInWays()); diff != "" || u.CanSend() != send || u.AcceptsMail() != accept {
			t.Errorf("%s: sends %v, accepts %v, ways (-want +got)\n%s", what, u.CanSend(), u.AcceptsMail(), diff)
		}
	}
	check("active", []string{"IMAP", "webmail"}, true, true)
	u.Permissions.AccessHours = &schema.AccessHours{Mon: []schema.Hours{}}
	check("hours that never open", nil, false, true)
	u.Permissions.AccessHours.Sun = []schema.Hours{{Start: 0, End: 1}}
	check("one minute a week", []string{"IMAP", "webmail"}, true, true)
	u.Status = schema.StatusSuspended
	check("suspended", nil, false, true)
	u.Status = schema.StatusDeactivated
	check("deactivated", nil, false, false)
	u.Permissions.TrustedNetworks = []string{"10.0.0.0/8"}
	if len(u.SignInNetworks()) != 1 {
		t.Error("trusted networks do not hold")
	}
	u.TravelMode = &schema.TravelMode{}
	if u.SignInNetworks() != nil {
		t.Error("a journey does not lift trusted networks")
	}
}

// TestDecode: what a node does not say stays; a list, and what is judged whole,
// is replaced.
func TestDecode(t *testing.T) {
	var u schema.User
	base := group("", text("role", "admin"), group("mailboxActions", schema.Node{Kind: schema.Bool, Key: "imap", Text: "true"}, schema.Node{Kind: schema.Bool, Key: "pop", Text: "true"}),
		group("permissions", group("accessHours", list("mon", text("", "09:00-17:00"))), list("sendAs", text("", "a@acme.example"), text("", "b@acme.example"))))
	over := group("", text("password", "a canary"), text("quota", "5GiB"), group("mailboxActions", schema.Node{Kind: schema.Bool, Key: "pop", Text: "false"}),
		group("permissions", group("accessHours", list("tue", text("", "10:00-11:00"))), list("sendAs", text("", "c@acme.example"))))
	for _, n := range []schema.Node{base, over} {
		if err := schema.Decode(&n, &u); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := json.Marshal(u.Permissions.AccessHours)
	if string(got) != `{"tue":["10:00-11:00"]}` || u.Role != "admin" || !u.MailboxActions.IMAP || u.MailboxActions.POP || u.Quota != 5<<30 || len(u.Permissions.SendAs) != 1 || u.Password != "" {
		t.Errorf("got %+v, hours %s", u, got)
	}
	lifted := group("", group("permissions", text("accessHours", "unrestricted"), list("sendAs")))
	if err := schema.Decode(&lifted, &u); err != nil || u.Permissions.AccessHours != nil || len(u.Permissions.SendAs) != 0 {
		t.Errorf("lifted: %+v, %v", u.Permissions, err)
	}
}

func TestDecodeErrors(t *testing.T) {
	for want, n := range map[string]schema.Node{
		"colour: no such field":                    group("", text("colour", "red")),
		"role: is a mapping, not string":           group("", group("role")),
		"mailboxActions: is a text, not a mapping": group("", text("mailboxActions", "on")),
		"mailboxActions.imap: is a text, not bool": group("", group("mailboxActions", text("imap", "yes"))),
		"profiles: is a text, not a list":          group("", text("profiles", "sales")),
		"profiles[0]: is a list, not string":       group("", list("profiles", list(""))),
		`quota: "5" has no unit such as GiB`:       group("", text("quota", "5")),
		": is a list, not a mapping":               list(""),
		"schedule[0].set.x: no such field":         group("", list("schedule", group("", group("set", text("x", ""))))),
	} {
		var u schema.User
		if err := schema.Decode(&n, &u); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
