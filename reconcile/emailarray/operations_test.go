package emailarray_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// story is a change of every kind, one after the other. least is how many
// requests the documented API allows to do it in, tokens left out: where a user's
// token is needed, an administrator first asks for a password for one use (a
// request) and signs in with it (another).
func story(t *testing.T) []step {
	t.Helper()
	eva := func(change func(*schema.User)) *schema.User {
		u := &schema.User{Address: "eva@acme.example", Name: "Eva Ito"}
		u.AccountType, u.Quota, u.Status = schema.AccountBasic, 2e9, schema.StatusActive
		change(u)
		return u
	}
	to := func(all ...schema.Address) func(*schema.User) {
		return func(u *schema.User) { u.Forwarding.To = all }
	}
	with := func(changes ...func(*schema.User)) *schema.User {
		return eva(func(u *schema.User) {
			for _, change := range changes {
				change(u)
			}
		})
	}
	renamed := func(u *schema.User) { u.Name, u.Quota, u.AccountType = "Eva Ito-Berg", 2.5e9, schema.AccountEnhanced }
	off := func(u *schema.User) { u.Status = schema.StatusSuspended }
	kept := to("b@partner.example", "c@partner.example")
	alias := func(to schema.Address) *schema.Alias {
		return &schema.Alias{Address: "info@acme.example", To: []schema.Address{to}}
	}
	list := func(members ...schema.Address) *schema.List {
		return &schema.List{Address: "all@acme.example", Members: members}
	}
	fresh := &schema.Domain{Name: "fresh.example"}
	return []step{
		{"domain: create", nil, fresh, 1},
		{"user: create", nil, with(), 1},
		{"user: name, type and quota at once", with(), with(renamed), 1},
		{"user: two forwards", with(renamed), with(renamed, to("a@partner.example", "b@partner.example")), 2 + 2},
		{"user: another forward", with(renamed, to("a@partner.example", "b@partner.example")), with(renamed, kept), 2 + 2},
		{"user: disable", with(renamed, kept), with(renamed, off, kept), 1},
		{"user: enable, rename", with(renamed, off, kept), with(kept), 2},
		{"user: disable, rename", with(kept), with(off, renamed, kept), 2},
		{"alias: create", nil, alias("ada@acme.example"), 1},
		{"alias: elsewhere", alias("ada@acme.example"), alias("bob@acme.example"), 2},
		{"alias: nothing", alias("bob@acme.example"), alias("bob@acme.example"), 0},
		{"list: create, with two", nil, list("ada@acme.example", "bob@acme.example"), 3},
		{"list: one leaves, one joins", list("ada@acme.example", "bob@acme.example"), list("bob@acme.example", "x@partner.example"), 2},
		{"list: delete", list("bob@acme.example", "x@partner.example"), nil, 1},
		{"alias: delete", alias("bob@acme.example"), nil, 1},
		{"user: delete", with(off, renamed, kept), nil, 1},
		{"domain: nothing", fresh, fresh, 0},
		{"domain: delete", fresh, nil, 1},
	}
}

// TestStory: each change does what it says, reading it back shows it, and it takes
// no request more than the least, which is what it was said to cost.
func TestStory(t *testing.T) {
	s := start(t, people, nil)
	for _, step := range story(t) {
		s.renew(t)
		s.read(t) // and has an administrator's token
		since := len(s.Log())
		s.apply(t, step.before, step.after)
		took := len(s.Log()) - since
		if said := s.Cost(s.calls(t, step.before, step.after)); said != took {
			t.Errorf("%s: took %d requests, and %d were said before", step.name, took, said)
		}
		t.Logf("%-36s %d requests, at least %d", step.name, took, step.least)
		if took != step.least {
			t.Errorf("%s: took %v, want %d requests", step.name, s.sent(since), step.least)
		}
		s.shows(t, step)
	}
}

// shows holds that reading shows what a step made, as far as it can be read.
func (s *scene) shows(t *testing.T, step step) {
	t.Helper()
	state := s.read(t).State
	if step.after == nil {
		if state.Find(step.before.Key()) != nil {
			t.Errorf("%s: it is still there", step.name)
		}
		return
	}
	is := state.Find(step.after.Key())
	if is == nil {
		t.Fatalf("%s: it is not there", step.name)
	}
	if diff := cmp.Diff(s.Shown(step.after), is); diff != "" {
		t.Errorf("%s: (-want +got)\n%s", step.name, diff)
	}
}

// TestOrder: what takes access away is sent first and marked, what gives it last,
// and forwards are changed while the user is enabled.
func TestOrder(t *testing.T) {
	const a, b = "a@partner.example", "b@partner.example"
	user := func(status string, quota schema.Bytes, to ...schema.Address) *schema.User {
		u := storetest.NewUser("eva@acme.example")
		u.Status, u.Quota, u.Forwarding.To = status, quota, to
		return u
	}
	alias := func(to schema.Address) *schema.Alias {
		return &schema.Alias{Address: "info@acme.example", To: []schema.Address{to}}
	}
	list := func(members ...schema.Address) *schema.List {
		return &schema.List{Address: "all@acme.example", Members: members}
	}
	for _, c := range []struct {
		before, after schema.Resource
		want          string // less! creates+
	}{
		{nil, user("suspended", 1e9, a), "addUser+"},
		{user("active", 1e9), user("suspended", 1e9, a), "addForward! disableUser!"},
		{user("active", 1e9, a), user("suspended", 2e9, b), "removeForward! addForward! disableUser! updateUser"},
		{user("suspended", 1e9, a), user("active", 2e9, b), "enableUser removeForward addForward updateUser"},
		{user("active", 1e9, a), user("active", 2e9, b), "removeForward! addForward updateUser"},
		{user("suspended", 1e9, a), user("suspended", 1e9, b), "removeForward! addForward"},
		{user("", 1e9), user("suspended", 1e9), "disableUser!"}, // which it was is not known
		{user("active", 1e9), user("active", 1e9+1), ""},
		{user("active", 1e9, a), nil, "removeUser"},
		{alias(a), alias(b), "removeAlias addAlias+"},
		{nil, alias(a), "addAlias+"},
		{alias(a), nil, "removeAlias"},
		{list(a), list(b), "removeListMember! addListMember"},
		{nil, list(a), "addList+"},
		{list(a), nil, "removeList"},
		{&schema.Domain{Name: acme}, &schema.Domain{Name: acme, CatchAll: a}, ""},
	} {
		all, err := emailarray.Service{Client: new(emailarray.Client)}.Operations(c.before, c.after, nil)
		var got []string
		for _, o := range all {
			word := o.Call.Name
			if o.Less {
				word += "!"
			}
			if o.Creates {
				word += "+"
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want || err != nil {
			t.Errorf("%v -> %v: %v, %v, want %s", c.before, c.after, got, err, c.want)
		}
	}
}

// TestQuotaLoop: the trap of a quota that is written in GB and read in MB. For
// whatever is declared, what is read then is what is shown of it, and the second
// plan is empty.
func TestQuotaLoop(t *testing.T) {
	s := start(t, people, nil)
	key := schema.Key{Kind: schema.KindUser, Name: "bob@acme.example"}
	for _, quota := range []schema.Bytes{1, 1e6, 5e8, 999e6, 1e9, 1001e6, 5e9, 5 << 30, 1 << 40, 123456789012} {
		live, ok := s.read(t).State.Find(key).(*schema.User)
		if !ok {
			t.Fatal("bob is not there")
		}
		want := *live
		want.Quota = quota
		s.apply(t, live, &want)
		again := s.read(t).State.Find(key)
		if calls := s.calls(t, again, &want); len(calls) != 0 || schema.Version(again) != schema.Version(s.Shown(&want)) {
			t.Errorf("%s: there is a second change: %v", quota, calls)
		}
	}
}

// TestForwardsOfDisabled: the forwards of who is disabled or enabled change with
// it, also where nobody who is disabled can be signed in. Those of who stays
// disabled are refused then, and nobody else is the worse for it.
func TestForwardsOfDisabled(t *testing.T) {
	s := start(t, people, func(o *emailarray.Options) { o.TokenLife = time.Minute }, "disabled-out")
	ada, ok := s.read(t).State.Find(keyOf(schema.KindUser, "ada@acme.example")).(*schema.User)
	if !ok {
		t.Fatal("ada is not there")
	}
	user := func(status string, to ...schema.Address) *schema.User {
		u := *ada
		u.Status, u.Forwarding.To = status, to
		return &u
	}
	gone, back := user(schema.StatusSuspended, "bob@acme.example", "heir@acme.example"), user(schema.StatusActive, "bob@acme.example")
	for _, c := range []step{{"disable", ada, gone, 0}, {"enable", gone, back, 0}, {"disable again", back, gone, 0}} {
		s.clock.move(2 * time.Minute) // and the user's token is none any more
		s.apply(t, c.before, c.after)
		s.shows(t, c)
	}
	s.clock.move(2 * time.Minute)
	for _, call := range s.calls(t, gone, user(schema.StatusSuspended)) {
		if a := s.do(t, call); a.Outcome != hosted.Refused {
			t.Errorf("%s: %+v", call.Name, a)
		}
	}
}

// TestCannot: what the service has no value for is refused, and keeps nobody from
// what has nothing to do with it.
func TestCannot(t *testing.T) {
	user := func(change func(*schema.User)) *schema.User {
		u := storetest.NewUser("eva@acme.example")
		u.Quota = 2e9
		change(u)
		return u
	}
	same := func(*schema.User) {}
	unlimited := func(u *schema.User) { u.Quota = 0 }
	refused := func(u *schema.User) { u.Status = schema.StatusDeactivated }
	exchange := func(u *schema.User) { u.AccountType = "exchange" }
	two := &schema.Alias{Address: "info@acme.example", To: []schema.Address{"a@acme.example", "b@acme.example"}}
	for _, c := range []struct {
		before, after schema.Resource
		want          string
	}{
		{nil, user(same), ""},
		{nil, user(unlimited), "there is no unlimited quota: an amount is wanted"},
		{user(same), user(unlimited), "there is no unlimited quota: an amount is wanted"},
		{user(unlimited), user(func(u *schema.User) { unlimited(u); u.Status = schema.StatusSuspended }), ""}, // as where a quota is not told
		{user(same), user(refused), "a user is active or suspended, and not deactivated"},
		{nil, user(exchange), `there is no account type "exchange"`},
		{user(same), user(exchange), `there is no account type "exchange"`},
		{nil, two, "an alias leads to one mailbox: for more there are lists"},
		{two, two, ""},
		{two, nil, ""},
	} {
		_, err := emailarray.Service{Client: new(emailarray.Client)}.Operations(c.before, c.after, nil)
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// TestThousand: a thousand changes under a limit take no more requests than they
// are, and the login, and never lock the client out.
func TestThousand(t *testing.T) {
	const n, perMinute = 1000, 60
	s := start(t, arraysim.Sample(n, acme), func(o *emailarray.Options) { o.PerMinute = perMinute }, "throttle=60")
	said, err := s.Length(n)
	if err != nil {
		t.Fatal(err)
	}
	begin := s.clock.now()
	for i := range n {
		s.do(t, emailarray.DisableUser(schema.Address(fmt.Sprintf("user%d@%s", i+1, acme))))
	}
	took, least := len(s.Log()), n
	logins := took - least // one for each life of a token
	t.Logf("%d changes: %d requests, at least %d; %s of the clock, %s were said", n, took, least, s.clock.now().Sub(begin), said)
	if took*100 > least*105 || logins < 1 || s.Lockouts() > 0 {
		t.Errorf("took %d requests and %d lock-outs", took, s.Lockouts())
	}
	for _, u := range s.Users() {
		if !u.Disabled {
			t.Errorf("%s is not disabled", u.Address())
		}
	}
}
