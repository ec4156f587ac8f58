package emailarray_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

var _ piecemeal.Service = emailarray.Service{}

// TestLacks: what the service has no field for is as somebody has it who is
// declared without it, and each lack is said once, with its reason.
func TestLacks(t *testing.T) {
	plain := map[schema.Kind]schema.Resource{
		schema.KindDomain: &schema.Domain{}, schema.KindAlias: &schema.Alias{},
		schema.KindUser: storetest.NewUser("eva@acme.example"), schema.KindList: &schema.List{Posting: schema.PostingAnyone},
	}
	said := make(map[string]bool)
	for _, l := range (emailarray.Service{Client: new(emailarray.Client)}).Lacks() {
		name := fmt.Sprint(l.Kind, l.Path, l.Cannot)
		if said[name] || l.Reason == "" || (l.Bounds != nil) != (l.Cannot == reconcile.CannotTake) {
			t.Errorf("said already, or without a reason or bounds: %+v", l)
		}
		said[name] = true
		if f, ok := schema.FieldAt(l.Kind, l.Path); ok && l.Bounds == nil && l.Value != f.Get(plain[l.Kind]) {
			t.Errorf("%s of who is declared without it is %s, and there %s", l.Path, f.Get(plain[l.Kind]), l.Value)
		}
	}
}

// TestPlain: declarations that leave to the defaults what the service does not have
// make an empty plan of what was read, and no word about what cannot be set.
func TestPlain(t *testing.T) {
	s := start(t, people, nil)
	live := s.read(t).State
	var want schema.State
	for _, r := range live {
		if u, ok := r.(*schema.User); ok {
			v := storetest.NewUser(u.Address)
			v.Name, v.Status, v.AccountType, v.Quota, v.Forwarding.To = u.Name, u.Status, u.AccountType, u.Quota, u.Forwarding.To
			r = v
		}
		want = append(want, r)
	}
	want, unmet := reconcile.Attainable(want, live, nil, s.Lacks())
	if changes := reconcile.Diff(live, want); len(changes) > 0 || len(unmet) > 0 {
		t.Errorf("changes %+v, unmet %+v", changes, unmet)
	}
}

// crowd is more than a page of users, and a domain beside them.
func crowd(n int) arraysim.State {
	state := arraysim.Sample(n, acme)
	state.Domains = []arraysim.Domain{{Name: acme}, {Name: "other.example"}}
	state.Users = append(state.Users, arraysim.User{Username: "ada", Domain: "other.example", Name: "Ada", Forwards: []string{"user1@acme.example"}})
	state.Lists = append(state.Lists, arraysim.List{Name: "some", Domain: acme, Members: []string{"ada@other.example"}})
	return state
}

func keyOf(kind schema.Kind, name string) schema.Key { return schema.Key{Kind: kind, Name: name} }

// TestReadKeys: of some keys, what is read is what a reading of everything has of
// them; it takes the requests that were said before, and as few as this.
func TestReadKeys(t *testing.T) {
	const user, alias, list, domain = schema.KindUser, schema.KindAlias, schema.KindList, schema.KindDomain
	for _, c := range []struct {
		name string
		keys []schema.Key
		want string // the requests beside those for a token
	}{
		{"nothing", []schema.Key{}, ""},
		{"a user", []schema.Key{keyOf(user, "user3@acme.example")}, "getUserInfo getAllForwardsDomain"},
		{"two users", []schema.Key{keyOf(user, "user3@acme.example"), keyOf(user, "user30@acme.example")}, "getUserInfo getUserInfo getAllForwardsDomain"},
		{"as many as pages", []schema.Key{keyOf(user, "user1@acme.example"), keyOf(user, "user2@acme.example"), keyOf(user, "user3@acme.example")},
			"getAllUsersDomain getAllUsersDomain getAllUsersDomain getAllForwardsDomain"},
		{"a user of a page", []schema.Key{keyOf(user, "ada@other.example")}, "getAllUsersDomain getAllForwardsDomain"},
		{"an alias", []schema.Key{keyOf(alias, "bruno1@acme.example")}, "getAllAliasesDomain"},
		{"a list", []schema.Key{keyOf(list, "some@acme.example")}, "getAllListsDomain getListMembers"},
		{"a domain", []schema.Key{keyOf(domain, acme)}, "getAllDomains getDomainInfo"},
		{"of two domains", []schema.Key{keyOf(user, "ada@other.example"), keyOf(domain, acme), keyOf(list, "everyone@acme.example")},
			"getAllDomains getDomainInfo getAllListsDomain getListMembers getAllUsersDomain getAllForwardsDomain"},
	} {
		s := start(t, crowd(30), func(o *emailarray.Options) { o.PageSize = 10 })
		all := s.read(t)
		said, since := s.Requests(c.keys, all.State), len(s.Log())
		r, err := s.Read(t.Context(), c.keys)
		if err != nil {
			t.Fatal(err)
		}
		sent := s.sent(since)
		if got := strings.Join(sent, " "); got != c.want || len(sent) != said {
			t.Errorf("%s: %d requests were said, and sent were\n%s, want\n%s", c.name, said, got, c.want)
		}
		if diff := cmp.Diff(only(all, c.keys), r); diff != "" {
			t.Errorf("%s: (-of everything +of the keys)\n%s", c.name, diff)
		}
	}
}

// only is what a reading has of some keys.
func only(r piecemeal.Reading, keys []schema.Key) piecemeal.Reading {
	out := piecemeal.Reading{Observed: make(map[schema.Address]schema.Observed), Unseen: make(map[schema.Key][]string)}
	for _, is := range r.State {
		key := is.Key()
		if !slices.Contains(keys, key) {
			continue
		}
		out.State = append(out.State, is)
		if o, ok := r.Observed[key.Address()]; ok && key.Kind == schema.KindUser {
			out.Observed[key.Address()] = o
		}
		if paths, ok := r.Unseen[key]; ok {
			out.Unseen[key] = paths
		}
	}
	return out
}

// TestReadName: who looks for a name asks for it of every kind, and nothing is sent
// for those that cannot have it.
func TestReadName(t *testing.T) {
	s := start(t, crowd(30), func(o *emailarray.Options) { o.PageSize = 10 })
	s.read(t)
	for name, want := range map[string]string{
		"user3@acme.example": "getUserInfo getAllForwardsDomain getAllAliasesDomain getAllListsDomain",
		acme:                 "getAllDomains getDomainInfo",
	} {
		var keys []schema.Key
		for _, kind := range schema.LiveKinds {
			keys = append(keys, keyOf(kind, name))
		}
		since := len(s.Log())
		r, err := s.Read(t.Context(), keys)
		if got := strings.Join(s.sent(since), " "); err != nil || len(r.State) != 1 || got != want {
			t.Errorf("%s: %v, %v, by %s", name, r.State, err, got)
		}
	}
}

// TestReadGone: what is not there is not brought, whether there is its domain or
// not, and what the service refuses to show is never taken for it.
func TestReadGone(t *testing.T) {
	gone := func(domain string) (out []schema.Key) {
		for _, kind := range []schema.Kind{schema.KindUser, schema.KindAlias, schema.KindList} {
			out = append(out, keyOf(kind, "nobody@"+domain))
		}
		return out
	}
	for _, keys := range [][]schema.Key{
		gone(acme), gone("nowhere.example"), gone(acme)[:1], gone("nowhere.example")[:1],
		{keyOf(schema.KindDomain, "nowhere.example"), keyOf(schema.KindUser, "nobody@nowhere.example")},
		{keyOf(schema.KindAlias, "user1@acme.example")}, // a user has the name
	} {
		s := start(t, crowd(30), func(o *emailarray.Options) { o.PageSize = 10 })
		s.read(t)
		if r, err := s.Read(t.Context(), keys); err != nil || len(r.State) > 0 {
			t.Errorf("%v: %v, %v", keys, r.State, err)
		}
	}
	key := keyOf(schema.KindUser, "user3@acme.example")
	for quirk, there := range map[string]bool{"refuse,action=getUserInfo": true, "refuse,only=read": false} {
		s := start(t, crowd(30), func(o *emailarray.Options) { o.PageSize = 10 })
		s.read(t)
		s.quirk(t, quirk)
		r, err := s.Read(t.Context(), []schema.Key{key})
		if (err == nil) != there || (r.State.Find(key) != nil) != there {
			t.Errorf("%s: %v, %v", quirk, r.State, err)
		}
	}
}

// TestRefusedDomain: that a service refuses to list what is at a domain which it
// does not have is no error, and at one that it has, it is.
func TestRefusedDomain(t *testing.T) {
	for _, action := range []string{"getAllUsersDomain", "getAllAliasesDomain", "getAllListsDomain"} {
		for domain, there := range map[string]bool{acme: true, "nowhere.example": false} {
			s := start(t, people, nil)
			s.read(t)
			s.quirk(t, "refuse,action="+action)
			_, err := s.Read(t.Context(), []schema.Key{
				keyOf(schema.KindUser, "x@"+domain), keyOf(schema.KindAlias, "y@"+domain), keyOf(schema.KindList, "z@"+domain),
			})
			if (err != nil) != there {
				t.Errorf("%s at %s: %v", action, domain, err)
			}
		}
	}
}

// TestRequests: how many requests reading everything takes is said before, also of
// an account that was never read.
func TestRequests(t *testing.T) {
	for _, state := range []arraysim.State{people, crowd(30), arraysim.Sample(2500, acme), {Domains: []arraysim.Domain{{Name: acme}}}} {
		s := start(t, state, nil)
		live := s.read(t).State
		took := len(s.Log()) - 1 // without the login
		again := s.Requests(nil, live)
		s.renew(t)
		if fresh := s.Requests(nil, live); fresh != took || again != took {
			t.Errorf("took %d, said %d, and knowing it %d", took, fresh, again)
		}
	}
}

// TestNewMailbox: a mailbox is created with a password that nobody was told.
func TestNewMailbox(t *testing.T) {
	s := start(t, people, nil)
	eva := storetest.NewUser("eva@acme.example")
	eva.Quota = 1e9
	s.apply(t, nil, eva)
	i := slices.IndexFunc(s.Users(), func(u arraysim.User) bool { return u.Address() == "eva@acme.example" })
	if i < 0 || s.Users()[i].PasswordSets != 1 {
		t.Errorf("got %+v", s.Users())
	}
	if h := s.Handle(eva.Key(), hosted.Answer{}); h != "eva@acme.example" {
		t.Errorf("it is named %q", h)
	}
}

// TestLicences: the limits of the subscription, for the rule licence-limit.
func TestLicences(t *testing.T) {
	s := start(t, people, nil)
	if l, err := s.Licences(t.Context()); err != nil || *l.Basic != 5000 || *l.Enhanced != 5000 {
		t.Errorf("got %+v, %v", l, err)
	}
	s.quirk(t, "fail=500")
	if l, err := s.Licences(t.Context()); err == nil || l != (schema.Licences{}) {
		t.Errorf("got %+v, %v", l, err)
	}
}

// TestShownQuirks: whatever the quirks, an account that was made as it is wanted
// reads as is shown of that.
func TestShownQuirks(t *testing.T) {
	s := start(t, people, func(o *emailarray.Options) { o.PageSize, o.Late, o.PerMinute = 3, 30*time.Second, 600 },
		"numbers=mixed", "member-form=objects", "null-strings", "token-life=90s", "late=10s", "expire,nth=3,only=write",
		"fail=503,host=primary,nth=5,times=3", "cut,after,nth=6,only=write", "html,after,nth=12,only=write")
	for seed := range uint64(3) {
		s.wander(t, seed)
	}
}
