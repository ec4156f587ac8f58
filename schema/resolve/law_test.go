package resolve_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// A generator makes declarations out of fuzz bytes. It builds nodes and no
// text: to take the law apart for each would be most of the time.
type generator struct {
	data []byte
	line int32
}

func (g *generator) byte() int {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return int(b)
}

func (g *generator) pick(words ...string) string { return words[g.byte()%len(words)] }

func (g *generator) text(key, value string) schema.Node {
	g.line++
	return schema.Node{Kind: schema.String, Key: key, Text: value, KeyLine: g.line, KeyColumn: 1, Line: g.line, Column: 9}
}

func (g *generator) group(key string, kind schema.NodeKind, items ...schema.Node) schema.Node {
	g.line++
	return schema.Node{Kind: kind, Key: key, Items: items, KeyLine: g.line, KeyColumn: 1, Line: g.line, Column: 9}
}

func (g *generator) bool(key string) schema.Node {
	n := g.text(key, g.pick("true", "false"))
	n.Kind = schema.Bool
	return n
}

func (g *generator) names(key, format string) schema.Node {
	out := g.group(key, schema.Sequence)
	for range g.byte() % 4 {
		out.Items = append(out.Items, g.text("", fmt.Sprintf(format, g.byte()%6)))
	}
	return out
}

// settings are some of the inheritable fields.
func (g *generator) settings() []schema.Node {
	var out []schema.Node
	which := g.byte()
	for i, field := range []func() schema.Node{
		func() schema.Node { return g.text("quota", g.pick("1GiB", "2GiB", "unlimited", "5GB")) },
		func() schema.Node { return g.text("status", g.pick("active", "suspended")) },
		func() schema.Node { return g.text("accountType", g.pick("basic", "enhanced")) },
		func() schema.Node {
			return g.text("timezone", g.pick("UTC", "Europe/Lisbon", "Pacific/Apia", "America/Sao_Paulo"))
		},
		func() schema.Node {
			return g.group("mailboxActions", schema.Mapping, g.bool("imap"), g.bool("spamCheck"))
		},
		func() schema.Node { return g.group("forwarding", schema.Mapping, g.names("to", "f%d@x.example")) },
		func() schema.Node {
			return g.group("permissions", schema.Mapping, g.names("trustedNetworks", "10.%d.0.0/16"),
				g.group("accessHours", schema.Mapping, g.group("mon", schema.Sequence, g.text("", g.pick("09:00-17:00", "08:00-24:00")))))
		},
	} {
		if which>>i&1 == 1 {
			out = append(out, field())
		}
	}
	return out
}

func (g *generator) time() string {
	return fmt.Sprintf("2026-0%d-%02d%s", 1+g.byte()%3, 1+g.byte()%28, g.pick("", "T10:00", "T00:00", "T23:59:30", "T12:00Z", "T12:00+05:30"))
}

// declaration makes one; its number gives it a name of its own.
func (g *generator) declaration(i int) schema.Declaration {
	d := schema.Declaration{File: fmt.Sprintf("%d.yaml", i%3)}
	switch g.byte() % 4 {
	case 0:
		d.Kind, d.Name = schema.KindProfile, fmt.Sprintf("p%d", i%6)
		d.Body = g.group("", schema.Mapping, g.text("kind", "Profile"), g.text("name", d.Name), g.names("profiles", "p%d"), g.bool("enforced"))
		d.Body.Items = append(d.Body.Items, g.settings()...)
	case 1:
		d.Kind, d.Name = schema.KindAlias, fmt.Sprintf("a%d@acme.example", i)
		d.Body = g.group("", schema.Mapping, g.text("kind", "Alias"), g.text("address", d.Name), g.names("to", "u%d@acme.example"))
	default:
		d.Kind, d.Name = schema.KindUser, fmt.Sprintf("u%d@acme.example", i)
		d.Body = g.group("", schema.Mapping, g.text("kind", "User"), g.text("address", d.Name))
		d.Body.Items = append(d.Body.Items, g.settings()...)
		g.user(&d, i)
	}
	return d
}

func (g *generator) user(d *schema.Declaration, i int) {
	add := func(n schema.Node) { d.Body.Items = append(d.Body.Items, n) }
	which := g.byte()
	if which&1 == 1 {
		add(g.names("profiles", "p%d"))
	}
	if which&2 == 2 {
		add(g.group("travelMode", schema.Mapping, g.text("until", g.time())))
	}
	if which&4 == 4 {
		add(g.group("password", schema.Mapping, g.text("fromEnv", g.pick("SET", "UNSET"))))
	}
	if which&8 == 8 {
		add(g.text("renamedFrom", fmt.Sprintf("old%d@acme.example", i)))
	}
	if which&16 == 16 {
		schedule := g.group("schedule", schema.Sequence)
		for range g.byte() % 4 {
			schedule.Items = append(schedule.Items, g.group("", schema.Mapping, g.text("from", g.time()), g.text("until", g.time()), g.group("set", schema.Mapping, g.settings()...)))
		}
		add(schedule)
	}
}

// FuzzResolve: the want does not depend on the order of the declarations, it
// does not change before the next transition, and once there is none, never.
func FuzzResolve(f *testing.F) {
	base, problems, err := load.FS(f.Context(), fstest.MapFS{load.Root: {Data: []byte(root + "---\nkind: Domain\nname: apia.example\ntimezone: Pacific/Apia\n")}})
	if err != nil || len(problems) > 0 {
		f.Fatal(err, problems)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		seed := make([]byte, 400)
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	env := map[string]string{"SET": "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$xAAAAAAAAAAAAAAAAAAAAAA"}
	f.Fuzz(func(t *testing.T, data []byte) {
		g := generator{data: data}
		at := time.Date(2026, 1, 1+g.byte()%90, g.byte()%24, 0, 0, 0, time.UTC)
		decls := *base
		decls.All = append([]schema.Declaration(nil), base.All...)
		taken := make(map[schema.Key]bool)
		for i := 0; len(g.data) > 0 && i < 40; i++ {
			if d := g.declaration(i); !taken[d.Key()] {
				taken[d.Key()] = true
				decls.All = append(decls.All, d)
			}
		}
		w, problems := resolve.At(&decls, at, env)
		shuffled := decls
		shuffled.All = append([]schema.Declaration(nil), decls.All...)
		rand.New(rand.NewPCG(uint64(len(data)), 1)).Shuffle(len(shuffled.All), func(i, j int) {
			shuffled.All[i], shuffled.All[j] = shuffled.All[j], shuffled.All[i]
		})
		other, otherProblems := resolve.At(&shuffled, at, env)
		for what, diff := range map[string]string{
			"state": cmp.Diff(w.State, other.State), "problems": cmp.Diff(problems, otherProblems), "unset": cmp.Diff(w.Unset, other.Unset),
			"next": cmp.Diff(w.Next, other.Next), "secrets": cmp.Diff(w.Secrets, other.Secrets),
		} {
			if diff != "" {
				t.Fatalf("the %s depends on the order (-one +other)\n%s", what, diff)
			}
		}
		steady(t, &decls, w, env)
	})
}

// steady: nothing changes up to the next transition, whatever was asked for.
func steady(t *testing.T, decls *schema.Declarations, w *resolve.Want, env map[string]string) {
	t.Helper()
	until := w.At.AddDate(50, 0, 0)
	if w.Next != nil {
		until = w.Next.At
		if !until.After(w.At) {
			t.Fatalf("the next transition is at %s, and it is %s", until, w.At)
		}
	}
	length := until.Sub(w.At)
	for _, at := range []time.Time{w.At.Add(1), w.At.Add(length / 3), w.At.Add(length / 2), until.Add(-1)} {
		then, _ := resolve.At(decls, at, env)
		if diff := cmp.Diff(w.State, then.State); diff != "" {
			t.Fatalf("at %s something changes before %s (-%s +then)\n%s", at, until, w.At, diff)
		}
		if diff := cmp.Diff(w.Next, then.Next); at.Before(until) && diff != "" {
			t.Fatalf("at %s the next transition is another one\n%s", at, diff)
		}
	}
}
