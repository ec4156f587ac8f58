package snapshot_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/snapshot"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// FuzzPlan holds the law of snapshots: a plan made against one is the plan made
// against the store, but for what it hides.
func FuzzPlan(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, uint8(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, users uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		live, secrets := storetest.Random(rng, 1+int(users)%50)
		want, _ := storetest.Mutate(rng, live)
		s := store(t, rng, live, secrets)
		in := reconcile.Input{Want: want, Organization: anyOrganization(rng), At: now, Store: "mem:"}
		var err error
		if in.Live, err = reconcile.ReadLive(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if in.Runs, err = s.Since(t.Context(), now.Add(-24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		direct := plan(t, in)

		o := options()
		plain := read(t, take(t, s, o), demand())
		against(t, "without a key, and with a base", direct, in, plain, want, live, nil)
		declared := sameDeclared(want, live)
		in.Want = declared
		against(t, "without a key, and with no base", plan(t, in), in, plain, declared, nil, nil)

		in.Want, o.Key = want, newKey(t, "k")
		keyed := read(t, take(t, s, o), demand())
		against(t, "with a key", direct, in, keyed, want, nil, o.Key)
	})
}

// against makes the plan against a snapshot, and compares it with the direct one.
func against(t *testing.T, how string, direct *reconcile.Plan, in reconcile.Input, s *snapshot.Snapshot, want, base schema.State, key *snapshot.Key) {
	t.Helper()
	before := fields(s.Live.State)
	var err error
	if in.Live, _, err = s.Against(want, base, key); err != nil {
		t.Fatal(err)
	}
	in.Runs = s.Runs
	if diff := cmp.Diff(shape(direct), shape(plan(t, in))); diff != "" {
		t.Fatalf("%s, the plan is another one (-store +snapshot):\n%s", how, diff)
	}
	if diff := cmp.Diff(before, fields(s.Live.State)); diff != "" {
		t.Fatalf("%s, planning changed the snapshot:\n%s", how, diff)
	}
}

func plan(t *testing.T, in reconcile.Input) *reconcile.Plan {
	t.Helper()
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sameDeclared is a want whose declared passwords are those that are live: those
// that are not, nobody can tell apart without a key.
func sameDeclared(want, live schema.State) schema.State {
	out := make(schema.State, len(want))
	for i, r := range want {
		out[i] = r
		u, ok := r.(*schema.User)
		is, lives := live.Find(r.Key()).(*schema.User)
		if ok && !lives && u.RenamedFrom != "" {
			is, lives = live.Find(schema.Key{Kind: schema.KindUser, Name: string(u.RenamedFrom)}).(*schema.User)
		}
		if ok && lives && u.Password != "" && is.Password != "" {
			c := *u
			c.Password = is.Password
			out[i] = &c
		}
	}
	return out
}

// A shaped is what two plans agree on when one of them has not seen everything.
type shaped struct {
	Changes  []reconcile.Change
	Effects  []reconcile.Effect
	Findings []reconcile.Finding
	Counts   reconcile.Counts
	Summary  reconcile.Summary
	Want     string
	Routes   int
}

// shape leaves out of a plan what a snapshot hides: the versions of rows, values
// that are there before, and texts that name them.
func shape(p *reconcile.Plan) shaped {
	out := shaped{Counts: p.Counts, Summary: p.Summary, Want: p.Want, Routes: len(p.Routes)}
	for _, c := range p.Changes {
		c.Version = ""
		fields := make([]reconcile.FieldChange, len(c.Fields))
		for i, f := range c.Fields {
			if personal(f.Path) {
				f.Before = masked(f.Before)
				// What stays as it is live is hidden there as well.
				if f.Path == "password" || c.Op == reconcile.OpCreate && c.From != "" {
					f.After = masked(f.After)
				}
			}
			fields[i] = f
		}
		c.Fields = fields
		out.Changes = append(out.Changes, c)
	}
	for _, e := range p.Effects {
		e.Text = ""
		out.Effects = append(out.Effects, e)
	}
	for _, f := range p.Findings {
		f.Text = ""
		out.Findings = append(out.Findings, f)
	}
	return out
}

// masked says only whether there is a value.
func masked(v schema.Value) schema.Value {
	if v == "" {
		return ""
	}
	return "(a value)"
}

func personal(path string) bool {
	return strings.Contains(" password name forwarding.to permissions.sendAs permissions.trustedNetworks to members catchAll ", " "+path+" ")
}

// anyOrganization has guards that refuse some plans, and leaves something alone.
func anyOrganization(rng *rand.Rand) schema.Organization {
	guard := schema.Guard{Max: schema.Percent(rng.IntN(300)), AtLeast: rng.Int64N(4)}
	org := schema.Organization{Name: organization, Rules: schema.Switches{BackupPOPOnly: "on"}}
	org.Guards = schema.Guards{Deletes: guard, Lockouts: guard, Updates: guard, MinAdmins: 2, LiveShrink: 100,
		Window: schema.Budget{Per: schema.Duration(24 * time.Hour), Deletes: 50, Lockouts: 50}}
	org.Unmanaged = [][]string{nil, {"quota"}, {"name"}, {"forwarding", "permissions"}}[rng.IntN(4)]
	return org
}

// TestHidden: what a plan against a snapshot says of a password and of a name,
// case by case.
func TestHidden(t *testing.T) {
	secrets := make(schema.Secrets)
	user := func(name, hash string) *schema.User {
		u := storetest.NewUser("ana@acme.example")
		u.Name, u.Password = name, secrets.Add(hash)
		return u
	}
	domain := &schema.Domain{Name: "acme.example"}
	is := user("Ana", "{ARGON2ID}one")
	s := store(t, rand.New(rand.NewPCG(1, 1)), schema.State{domain, is}, secrets)
	for _, test := range []struct {
		name   string
		key    bool
		want   *schema.User
		base   *schema.User
		says   string
		unseen int
	}{
		{"a key, nothing changes", true, is, nil, "", 0},
		{"a key, the password changes", true, user("Ana", "{ARGON2ID}two"), nil, "password", 0},
		{"a key, the name changes", true, user("Anna", "{ARGON2ID}one"), nil, "name", 0},
		{"a key, the name in capitals", true, user("ANA", "{ARGON2ID}one"), nil, "name", 0},
		{"a key, the name goes", true, user("", "{ARGON2ID}one"), nil, "name", 0},
		{"a key, the password is not declared", true, user("Ana", ""), nil, "", 0},
		{"a key, what the base says is known", true, is, user("Anna", ""), "", 0},
		{"no key, nothing is known", false, user("Ana", "{ARGON2ID}two"), nil, "", 1},
		{"no key, the name changes", false, user("Anna", "{ARGON2ID}one"), nil, "name", 1},
		{"no key, it was asked for before", false, is, is, "", 0},
		{"no key, another one was asked for before", false, user("Ana", "{ARGON2ID}two"), is, "password", 0},
		{"no key, none was asked for before", false, is, user("Ana", ""), "password", 0},
		{"no key, the password is not declared", false, user("Ana", ""), nil, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, key := options(), (*snapshot.Key)(nil)
			if test.key {
				key = newKey(t, "k")
			}
			o.Key = key
			var base schema.State
			if test.base != nil {
				base = schema.State{domain, test.base}
			}
			want := schema.State{domain, test.want}
			live, unseen, err := read(t, take(t, s, o), demand()).Against(want, base, key)
			if err != nil {
				t.Fatal(err)
			}
			var says []string
			for _, c := range plan(t, reconcile.Input{Live: live, Want: want}).Changes {
				for _, f := range c.Fields {
					says = append(says, f.Path)
				}
			}
			if got := strings.Join(says, " "); got != test.says || unseen != test.unseen {
				t.Errorf("the plan changes %q with %d unseen, want %q with %d", got, unseen, test.says, test.unseen)
			}
		})
	}
}
