package emailarray_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted"
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

func (s *scene) calls(t *testing.T, before, after schema.Resource) []hosted.Call {
	t.Helper()
	calls, err := s.options.Settings.Calls(before, after)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// setPassword sets a password of somebody who is there.
func (s *scene) setPassword(t *testing.T) {
	t.Helper()
	ada, ok := s.read(t).State.Find(schema.Key{Kind: schema.KindUser, Name: "ada@acme.example"}).(*schema.User)
	if !ok {
		t.Fatal("ada is not there")
	}
	if a := s.do(t, emailarray.SetPassword(ada)); !a.Outcome.OK() || !s.PasswordIs("ada@acme.example", password) {
		t.Errorf("set a password: %+v", a)
	}
}

// TestStory: each change does what it says, reading it back shows it, verifying
// finds it, and it takes no request more than the least.
func TestStory(t *testing.T) {
	s := start(t, people, nil)
	for _, step := range story(t) {
		s.renew(t)
		s.read(t) // and has an administrator's token
		since := len(s.Log())
		s.apply(t, step.before, step.after)
		took := len(s.Log()) - since
		if said := emailarray.Requests(s.calls(t, step.before, step.after)); said != took {
			t.Errorf("%s: took %d requests, and %d were said before", step.name, took, said)
		}
		t.Logf("%-36s %d requests, at least %d", step.name, took, step.least)
		if took != step.least {
			t.Errorf("%s: took %v, want %d requests", step.name, s.sent(since), step.least)
		}
		s.shows(t, step)
		for _, call := range s.calls(t, step.before, step.after) {
			again := call.Name == "removeAlias" && step.after != nil // it is there again, elsewhere
			if held, err := s.Verify(t.Context(), kept(t, call)); held == again || err != nil {
				t.Errorf("%s: %s is so: %v, %v", step.name, call.Name, held, err)
			}
		}
	}
}

// kept is a call as a journal gives it back.
func kept(t *testing.T, call hosted.Call) (out hosted.Call) {
	t.Helper()
	data, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
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
	want := s.options.Settings.Held(step.after)
	for _, f := range schema.Fields(is.Key().Kind) {
		if emailarray.AbilityOf(is.Key().Kind, f.Path).Can.Reads() && !f.Equal(is, want) {
			t.Errorf("%s: %s is %s, want %s", step.name, f.Path, f.Get(is).Text(), f.Get(want).Text())
		}
	}
}

// TestOrder: what takes access away is sent first, what gives it last.
func TestOrder(t *testing.T) {
	var got []string
	for _, step := range story(t) {
		if !strings.HasPrefix(step.name, "user: enable") && !strings.HasPrefix(step.name, "user: disable, ") {
			continue
		}
		calls, err := emailarray.Settings{}.Calls(step.before, step.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range calls {
			got = append(got, c.Name)
		}
	}
	if want := []string{"updateUser", "enableUser", "disableUser", "updateUser"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestQuotaLoop: the trap of a quota that is written in GB and read in MB. For
// whatever is declared, the second comparison finds no difference, and what cannot
// be held exactly is told.
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
		held := s.options.Settings.Held(&want)
		s.apply(t, live, &want)
		again := s.read(t).State.Find(key)
		if calls := s.calls(t, again, &want); len(calls) != 0 || schema.Version(again) != schema.Version(held) {
			t.Errorf("%s: there is a second change: %v", quota, calls)
		}
		told := s.options.Settings.Audit(&want)
		if exact := quota%1e6 == 0; exact != (len(told) == 0) {
			t.Errorf("%s: told %v", quota, told)
		}
	}
}

// TestAudit: what the service has no value for is told before it is tried, and
// refused when it is.
func TestAudit(t *testing.T) {
	user := func(change func(*schema.User)) *schema.User {
		u := &schema.User{Address: "eva@acme.example"}
		u.AccountType, u.Quota, u.Status = schema.AccountBasic, 2e9, schema.StatusActive
		change(u)
		return u
	}
	for _, c := range []struct {
		want schema.Resource
		said string
		near bool
	}{
		{user(func(u *schema.User) {}), "", true},
		{user(func(u *schema.User) { u.Quota = 5 << 30 }), "quota: 5GiB is no multiple of 1MB, in which quotas are kept: the mailbox gets 5368MB", true},
		{user(func(u *schema.User) { u.Quota = 0 }), "quota: there is no unlimited quota: declare an amount", false},
		{user(func(u *schema.User) { u.Status = schema.StatusDeactivated }), "status: a user is active or suspended, and not deactivated", false},
		{user(func(u *schema.User) { u.AccountType = "exchange" }), `accountType: there is no account type "exchange"`, false},
		{&schema.Alias{Address: "info@acme.example", To: []schema.Address{"a@acme.example", "b@acme.example"}}, "to: an alias leads to one mailbox, and this one to 2: declare a list", false},
		{&schema.List{Address: "all@acme.example"}, "", true},
	} {
		said, near := "", true
		for _, s := range (emailarray.Settings{}).Audit(c.want) {
			said, near = s.Field+": "+s.Text, s.Near
		}
		_, err := emailarray.Settings{}.Calls(nil, c.want)
		if said != c.said || near != c.near || (err == nil) != c.near {
			t.Errorf("got %q, near %v, and %v; want %q", cmp.Or(said, "nothing"), near, err, c.said)
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
