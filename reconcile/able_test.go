package reconcile_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// FuzzAttainable: a plan for a store that cannot do everything asks it for nothing
// that it cannot do, and when it is carried out there is nothing left to do.
func FuzzAttainable(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, seed*977)
	}
	f.Add(uint64(95), uint64(4876)) // a list that cannot be deleted has the address of a user who is wanted
	f.Fuzz(func(t *testing.T, seed, lacking uint64) {
		rng := rand.New(rand.NewPCG(seed, lacking))
		live, secrets := storetest.Random(rng, 1+int(seed%24))
		want := live
		for range 1 + lacking%3 {
			var more schema.Secrets
			want, more = storetest.Mutate(rng, want)
			maps.Copy(secrets, more)
		}
		lacks := someLacks(rng)
		s := mem.New()
		carryOut(t, s, reconcile.Input{Want: live}, secrets)
		s.Lacking = lacks
		p := carryOut(t, s, reconcile.Input{Want: want, Lacks: lacks}, secrets)
		for i := range p.Changes {
			asksFor(t, &p.Changes[i], lacks)
		}
		if again := carryOut(t, s, reconcile.Input{Want: want, Lacks: lacks}, nil); len(again.Changes) > 0 {
			t.Errorf("the plan after it is not empty: %+v", again.Changes[0])
		}
	})
}

// someLacks are of kinds and fields at random.
func someLacks(rng *rand.Rand) []reconcile.Lack {
	var out []reconcile.Lack
	if rng.IntN(4) == 0 {
		out = append(out, reconcile.Lack{Kind: schema.KindList, Cannot: reconcile.CannotSet})
	}
	if rng.IntN(4) == 0 {
		out = append(out, reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotSet})
	}
	if rng.IntN(4) == 0 {
		out = append(out, reconcile.Lack{Kind: schema.KindUser, Path: "status", Cannot: reconcile.CannotTake, Bounds: &reconcile.Bounds{
			OneOf: []schema.Value{`"active"`, `"suspended"`},
		}})
	}
	if rng.IntN(4) == 0 {
		out = append(out, reconcile.Lack{Kind: schema.KindAlias, Path: "to", Cannot: reconcile.CannotTake, Bounds: &reconcile.Bounds{Most: 1, Least: 1, Users: true}})
	}
	for _, kind := range []schema.Kind{schema.KindDomain, schema.KindUser} {
		empty, _ := schema.New(schema.Key{Kind: kind, Name: "a@b.example"})
		for _, f := range schema.Fields(kind) {
			if rng.IntN(4) == 0 && !f.Secret() {
				cannot := []reconcile.Inability{reconcile.CannotSet, reconcile.CannotHold, reconcile.CannotObserve}[rng.IntN(3)]
				out = append(out, reconcile.Lack{Kind: kind, Path: f.Path, Cannot: cannot, Value: f.Get(empty)})
			}
		}
	}
	return out
}

// asksFor fails when a change asks for what a store lacks.
func asksFor(t *testing.T, c *reconcile.Change, lacks []reconcile.Lack) {
	t.Helper()
	for _, l := range lacks {
		if l.Kind != c.Kind || l.Cannot == reconcile.CannotObserve || c.Op == reconcile.OpDelete && l.Path != "" {
			continue
		}
		if l.Path == reconcile.PathRename && c.From != "" {
			t.Errorf("%s is to be renamed to %s", c.From, c.Key)
		}
		if l.Cannot == reconcile.CannotTake {
			f := c.Field(l.Path)
			if f != nil && (len(l.Bounds.OneOf) > 0 && !slices.Contains(l.Bounds.OneOf, f.After) || l.Bounds.Most == 1 && strings.Contains(string(f.After), ",")) {
				t.Errorf("%s %s: the store cannot set %s to %s", c.Op, c.Key, l.Path, f.After)
			}
			continue
		}
		if l.Path == "" {
			t.Errorf("the store cannot %s a %s", c.Op, c.Kind)
		} else if f := c.Field(l.Path); f != nil && (c.Op == reconcile.OpUpdate || f.After != l.Value) {
			t.Errorf("%s %s: the store cannot set %s to %s", c.Op, c.Key, l.Path, f.After)
		}
	}
}

// carryOut plans, and applies the plan whatever guards say.
func carryOut(t *testing.T, s *mem.Store, in reconcile.Input, secrets schema.Secrets) *reconcile.Plan {
	t.Helper()
	var err error
	if in.Live, err = reconcile.ReadLive(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	in.At = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: in.At, Plan: p.ID, Changes: slices.Clone(p.Changes)}, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestAbleInPart: what one of several stores cannot do is so for what lies there, and
// a mailbox goes from none to another.
func TestAbleInPart(t *testing.T) {
	user := func(address schema.Address, name string) *schema.User {
		u := storetest.NewUser(address)
		u.Name = name
		return u
	}
	renamed := func(from, to schema.Address) *schema.User {
		u := user(to, "")
		u.RenamedFrom = from
		return u
	}
	live := schema.State{&schema.Domain{Name: "a.example"}, &schema.Domain{Name: "b.example"}, user("u@a.example", ""), user("u@b.example", "")}
	in, notIn := []string{"a.example"}, []string{"a.example"}
	name := reconcile.Lack{Kind: schema.KindUser, Path: "name", Cannot: reconcile.CannotSet}
	leave := reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotLeave, In: in}
	users := reconcile.Lack{Kind: schema.KindUser, Cannot: reconcile.CannotSet}
	for _, test := range []struct {
		name    string
		lack    reconcile.Lack
		in, not []string
		want    schema.State
		stays   []string // whose change is left out
	}{
		{"a field everywhere", name, nil, nil, schema.State{user("u@a.example", "A"), user("u@b.example", "B")}, []string{"u@a.example", "u@b.example"}},
		{"a field in one", name, in, nil, schema.State{user("u@a.example", "A"), user("u@b.example", "B")}, []string{"u@a.example"}},
		{"a field elsewhere", name, nil, notIn, schema.State{user("u@a.example", "A"), user("u@b.example", "B")}, []string{"u@b.example"}},
		{"a kind in one", users, in, nil, schema.State{user("u@a.example", "A"), user("u@b.example", "B")}, []string{"u@a.example"}},
		{"a mailbox leaves", leave, in, nil, schema.State{renamed("u@a.example", "v@b.example"), user("u@b.example", "")}, []string{"v@b.example"}},
		{"a mailbox comes", leave, in, nil, schema.State{user("u@a.example", ""), renamed("u@b.example", "v@a.example")}, []string{"v@a.example"}},
		{"a mailbox stays", leave, in, nil, schema.State{renamed("u@a.example", "v@a.example"), renamed("u@b.example", "v@b.example")}, nil},
	} {
		want := append(slices.Clone(live[:2]), test.want...)
		want.Sort()
		test.lack.In, test.lack.NotIn = test.in, test.not
		got, unmet := reconcile.Attainable(want, live, nil, []reconcile.Lack{test.lack})
		var stays []string
		for _, u := range unmet {
			for _, key := range u.Keys {
				stays = append(stays, key.Name)
			}
		}
		if !slices.Equal(stays, test.stays) {
			t.Errorf("%s: %q stay as they are, want %q", test.name, stays, test.stays)
		}
		if changes := reconcile.Diff(live, got); len(stays) == 2 && len(changes) > 0 {
			t.Errorf("%s: there are changes: %+v", test.name, changes)
		}
	}
}

// TestUndoOfWhatCannotBe: what a store cannot take back stays, and the plan says so
// before anything is sent.
func TestUndoOfWhatCannotBe(t *testing.T) {
	ana := &schema.User{Address: "ana@a.example", Name: "Ana"}
	empty := &schema.List{Address: "team@a.example"}
	live := schema.State{&schema.Domain{Name: "a.example"}, ana}
	was := &schema.User{Address: ana.Address, Name: "Anna"}
	before := schema.State{live[0], empty, was}
	before.Sort()
	run := reconcile.Run{ID: 1, Changes: reconcile.Diff(before, live)}
	p, err := reconcile.Undo(reconcile.Input{Live: reconcile.Live{State: live}, Lacks: []reconcile.Lack{
		{Kind: schema.KindList, Path: "members", Cannot: reconcile.CannotTake, Bounds: &reconcile.Bounds{Least: 1}},
	}}, run)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Changes) != 1 || p.Changes[0].Key != ana.Key() || !slices.ContainsFunc(p.Findings, func(f reconcile.Finding) bool { return f.Rule == "cannot-set" }) {
		t.Errorf("changes %+v, findings %+v", p.Changes, p.Findings)
	}
}
