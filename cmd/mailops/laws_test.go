package main

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/storetest"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// FuzzImport is law 6 of the design: what a store holds, written as YAML, has
// no problems, and a plan after it is empty; also when the store cannot show all.
func FuzzImport(f *testing.F) {
	f.Add(uint64(1), 1, 0)
	f.Add(uint64(2), 12, 1)
	f.Add(uint64(3), 40, 3)
	f.Add(uint64(4), 40, 4)
	f.Add(uint64(5), 60, 5)
	f.Add(uint64(6), 60, 7)
	f.Fuzz(func(t *testing.T, seed uint64, size, steps int) {
		rng := rand.New(rand.NewPCG(seed, 6))
		live, secrets := storetest.Random(rng, 1+abs(size)%64)
		for range abs(steps) % 4 {
			var more schema.Secrets
			live, more = storetest.Mutate(rng, live)
			maps.Copy(secrets, more)
		}
		live = alike(rng, lawful(live))
		s := mem.New()
		if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, live)}, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
		if abs(steps)%8 > 3 {
			s.Lacking = someLacks(rng)
		}
		if p := planAfterImport(t, s); len(p.Changes) > 0 {
			t.Fatalf("seed %d: the plan after the import is not empty: %s %s %+v", seed, p.Changes[0].Op, p.Changes[0].Key, p.Changes[0].Fields)
		}
	})
}

// planAfterImport imports a store, and plans with what was written.
func planAfterImport(t *testing.T, s liveStore) *reconcile.Plan {
	t.Helper()
	read, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	in := reconcile.Input{Live: read, At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	if limited, ok := s.(reconcile.Limited); ok {
		in.Lacks = limited.Lacks()
	}
	files, _, err := imported(in, "acme")
	if err != nil {
		t.Fatal(err)
	}
	fsys := make(fstest.MapFS, len(files))
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: text}
	}
	decls, problems, err := load.FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	w, more := resolve.At(decls, in.At, nil)
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatalf("the import has problems:\n%v\n%s", problems, files["mailops.yaml"])
	}
	in.Want, in.Organization = w.State, w.Organization
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// alike gives most users the settings of a few, as an organization has them.
func alike(rng *rand.Rand, s schema.State) schema.State {
	users := slices.Collect(s.Users())
	if len(users) < 4 || rng.IntN(2) == 0 {
		return s
	}
	for _, u := range users[3:] {
		if rng.IntN(8) > 0 {
			u.Settings = users[rng.IntN(1+rng.IntN(3))].Settings
		}
	}
	return s
}

// someLacks are of fields at random.
func someLacks(rng *rand.Rand) []reconcile.Lack {
	var out []reconcile.Lack
	for _, kind := range schema.LiveKinds {
		blank, _ := schema.New(schema.Key{Kind: kind, Name: "a@b.example"})
		for _, f := range schema.Fields(kind) {
			cannot := []reconcile.Inability{reconcile.CannotSet, reconcile.CannotHold, reconcile.CannotObserve}[rng.IntN(3)]
			if rng.IntN(2) == 0 {
				out = append(out, reconcile.Lack{Kind: kind, Path: f.Path, Cannot: cannot, Value: f.Get(blank)})
			}
		}
	}
	return out
}

// TestImportOfWhatIsNotShown: nothing is said of it, and what could be changed
// unseen is left alone.
func TestImportOfWhatIsNotShown(t *testing.T) {
	user, _, err := load.Defaults()
	if err != nil {
		t.Fatal(err)
	}
	ana := *user
	ana.Address, ana.Name, ana.Timezone, ana.Role = "ana@acme.example", "Ana", "UTC", schema.RoleAdmin
	ana.MailboxActions.IMAP, ana.MailboxActions.POP, ana.MailboxActions.SpamCheck = true, true, false
	lacks := []reconcile.Lack{
		{Kind: schema.KindDomain, Path: "catchAll", Cannot: reconcile.CannotHold},
		{Kind: schema.KindUser, Path: "role", Cannot: reconcile.CannotHold, Value: `"member"`},
		{Kind: schema.KindUser, Path: "mailboxActions.spamCheck", Cannot: reconcile.CannotSet, Value: "true"},
		{Kind: schema.KindUser, Path: "mailboxActions.imap", Cannot: reconcile.CannotObserve, Value: "false"},
		{Kind: schema.KindUser, Path: "password", Cannot: reconcile.CannotHold},
	}
	live := reconcile.Live{State: schema.State{&schema.Domain{Name: "acme.example", CatchAll: "ana@acme.example"}, &ana}}
	files, hidden, err := imported(reconcile.Input{Live: live, Lacks: lacks}, "acme")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"mailops.yaml": "apiVersion: mailops/v1\nkind: Organization\nname: acme\ntimezone: UTC\ndefaults: {profiles: [everyone]}\n" +
			"unmanaged: [mailboxActions.imap]\n---\nkind: Domain\nname: acme.example\n",
		"profiles.yaml": "kind: Profile\nname: everyone\ndescription: What most users have; a user's own file says what differs\n" +
			"mailboxActions: {spamCheck: false, pop: true}\n",
		"users/acme.example/ana.yaml": "kind: User\naddress: ana@acme.example\nname: Ana\n",
	}
	got := make(map[string]string)
	for name, text := range files {
		got[name] = string(text)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"Domain.catchAll", "role", "mailboxActions.imap"}, hidden); diff != "" {
		t.Errorf("what is not shown (-want +got)\n%s", diff)
	}
}

// lawful makes of a state that a store can hold one that declarations can ask
// for: addresses that the law takes, references that are known, no circles, and
// time zones resolved, as everything that mailops writes has them.
func lawful(s schema.State) schema.State {
	users, zones := make(map[schema.Address]bool), make(map[string]string)
	for _, r := range s {
		switch r := r.(type) {
		case *schema.User:
			users[r.Address] = addressable(r.Address)
		case *schema.Domain:
			zones[r.Name] = cmp.Or(r.Timezone, "UTC")
		}
	}
	known := func(a schema.Address) bool { return users[a] || zones[a.Domain()] == "" && addressable(a) }
	var out schema.State
	for _, r := range s {
		r = schema.Clone(r)
		switch r := r.(type) {
		case *schema.Domain:
			if !known(r.CatchAll) {
				r.CatchAll = ""
			}
		case *schema.User:
			r.Timezone = cmp.Or(r.Timezone, zones[r.Address.Domain()])
			if h := r.Permissions.AccessHours; h != nil {
				hours := *h
				hours.Timezone = cmp.Or(hours.Timezone, r.Timezone)
				r.Permissions.AccessHours = &hours
			}
			r.Permissions.SendAs = keep(r.Permissions.SendAs, func(a schema.Address) bool { return users[a] })
			r.Forwarding.To = keep(r.Forwarding.To, func(a schema.Address) bool { return known(a) && !users[a] })
		case *schema.Alias:
			if r.To = keep(r.To, known); len(r.To) == 0 {
				r.To = []schema.Address{"somebody@partner.example"}
			}
		case *schema.List:
			r.Members = keep(r.Members, known)
		}
		if r.Key().Kind == schema.KindDomain || addressable(r.Key().Address()) {
			out = append(out, r)
		}
	}
	return out
}

// addressable reports whether the law takes the address.
func addressable(a schema.Address) bool {
	return a != "" && !strings.Contains("."+a.Local()+".", "..") && !strings.ContainsAny(a.Local(), " \"\\\t\n")
}

func keep(addresses []schema.Address, good func(schema.Address) bool) []schema.Address {
	return slices.DeleteFunc(slices.Clone(addresses), func(a schema.Address) bool { return !good(a) })
}

func abs(n int) int { return max(n, -(n + 1)) }
