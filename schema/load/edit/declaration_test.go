package edit_test

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"mailops/schema"
	"mailops/schema/load/edit"
)

// defaults are a user and a list of whom nothing is declared.
func defaults() (*schema.User, *schema.List) {
	u := &schema.User{Settings: schema.Settings{
		Role: schema.RoleMember, Status: schema.StatusActive, AccountType: schema.AccountBasic,
		Forwarding:     schema.Forwarding{KeepCopy: true},
		MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true},
		Permissions: schema.Permissions{
			Features: schema.Features{Autoresponder: true, Forwarding: true, Filters: true, AllowBlockList: true, SharedFolders: true, ChangePassword: true},
			Services: schema.Services{Webmail: true, SMTP: true, ManageSieve: true},
		},
		MailAddOn: schema.MailAddOn{Backup: schema.BackupOff},
		Lock:      schema.Lock{MailAddOn: schema.Unlocked},
	}}
	return u, &schema.List{Posting: schema.PostingAnyone}
}

func TestDeclaration(t *testing.T) {
	base, _ := defaults()
	u := *base
	u.Address, u.Name, u.Role, u.Quota = "ana.silva@acme.example", "Ana Silva", schema.RoleAdmin, 50<<30
	u.Language, u.Password = "no", schema.Fingerprint("{A}b")
	u.TravelMode = &schema.TravelMode{Until: "2026-12-10T23:59:59Z"}
	u.Forwarding.To = []schema.Address{"ana@partner.example"}
	u.MailboxActions = schema.MailboxActions{IMAP: true, ActiveSync: true}
	u.Permissions.Features.Filters = false
	u.Permissions.OnlyLocalSMTP = true
	u.Permissions.AccessHours = &schema.AccessHours{Mon: []schema.Hours{{Start: 540, End: 780}, {Start: 840, End: 1440}}}
	u.Permissions.TrustedNetworks = []string{"10.0.0.0/8", "2001:db8::/32"}
	want := `kind: User
address: ana.silva@acme.example
name: Ana Silva
role: admin
quota: 50GiB
language: "no"
forwarding: {to: [ana@partner.example]}
mailboxActions:
  incoming: false
  outgoing: false
  spamCheck: false
  imap: true
  activeSync: true
permissions:
  features: {filters: false}
  onlyLocalSMTP: true
  accessHours: {mon: ["09:00-13:00", "14:00-24:00"]}
  trustedNetworks: [10.0.0.0/8, "2001:db8::/32"]
travelMode: {until: 2026-12-10T23:59:59Z}
`
	if diff := cmp.Diff(want, string(edit.Declaration(&u, base))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	plainUser := *base
	plainUser.Address = u.Address
	want = `kind: User
address: ana.silva@acme.example
role: member
quota: unlimited
language: ""
forwarding: {to: []}
`
	got, _, _ := strings.Cut(string(edit.Declaration(&plainUser, &u)), "mailboxActions")
	if diff := cmp.Diff(strings.Replace(want, "role", "name: \"\"\nrole", 1), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := string(edit.Declaration(&plainUser, &u)); !strings.Contains(got, "accessHours: unrestricted") || !strings.Contains(got, "trustedNetworks: []") {
		t.Error(got)
	}
}

// hostile are texts that careless YAML reads as something else.
var hostile = []string{
	"yes", "No", "on", "y", "1e3", "0x1F", "0o17", "-0x10", "1_000", "0b11", "~", "null", "Null", "true", "FALSE", ".inf", "-.INF", ".NaN",
	"2026-12-10", "2026-12-10 10:00:00", "2001-1-1", "12:30", "190:20:30", "+1", "-1", "- a", "? a", ": a", "a:", "a: b", "#x", "a #b", "a#b",
	" lead", "trail ", "a,b", "[a]", "{a}", "a]b", "*a", "&a", "!a", "!!str a", "|", ">", "%a", "@a", "`a", "'", "''", `"`, `\`, `\n`, "a\nb", "a\tb",
	"ação", "日本語", "👩‍👩‍👧", "😀", "\u200d", "\u00a0", "\u2028", "\u0085", "\ufeff", "\x01", "a\u0301", "<<", "=", "---", "...", "--- a", "é: è",
	"a?b", "a? b", "?", "-", ":", "::", "a::b", "x:", ",", "\r\n", "multi\nline\n", "multi\n\n  line", "0", "00", "1.", ".5", "1e999", "0xFFFFFFFFFFFFFFFFFF",
	"99999999999999999999", "{ARGON2ID}$argon2id$v=19$m=1,t=2$abc", "//x", "http://a.example/?b#c", "a & b <c>", "\"quoted\" 'both'", "\x7f", "\U000e0001",
}

func text(r *rand.Rand) string {
	s := hostile[r.IntN(len(hostile))]
	for r.IntN(3) == 0 {
		s += hostile[r.IntN(len(hostile))]
	}
	return s
}

// fill puts random values into everything that a live store holds.
func fill(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.SetZero(); r.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), r)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[schema.Hours]() {
			start := r.IntN(1440)
			v.Set(reflect.ValueOf(schema.Hours{Start: start, End: start + r.IntN(1441-start)}))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("live") != "-" {
				fill(v.Field(i), r)
			}
		}
	case reflect.Slice:
		v.SetZero()
		for range r.IntN(4) {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			fill(v.Index(v.Len()-1), r)
		}
	case reflect.String:
		v.SetString(text(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int64:
		v.SetInt(r.Int64N(1 << r.IntN(62)))
	}
}

func random(kind schema.Kind, r *rand.Rand) schema.Resource {
	out, err := schema.New(schema.Key{Kind: kind})
	if err != nil {
		panic(err)
	}
	fill(reflect.ValueOf(out).Elem(), r)
	if u, ok := out.(*schema.User); ok {
		u.Password = ""
	}
	return out
}

var (
	intText   = regexp.MustCompile(`^[-+]?([0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	floatText = regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// read makes the nodes that the law judges, by the core schema of YAML 1.2.
func read(n *yaml.Node) schema.Node {
	out := schema.Node{Kind: schema.String, Text: n.Value}
	switch {
	case n.Kind == yaml.MappingNode:
		out.Kind = schema.Mapping
		for i := 0; i < len(n.Content); i += 2 {
			item := read(n.Content[i+1])
			item.Key = n.Content[i].Value
			out.Items = append(out.Items, item)
		}
	case n.Kind == yaml.SequenceNode:
		out.Kind = schema.Sequence
		for _, item := range n.Content {
			out.Items = append(out.Items, read(item))
		}
	case n.Style != 0:
	case n.Value == "" || n.Value == "~" || strings.EqualFold(n.Value, "null"):
		out.Kind = schema.Null
	case strings.EqualFold(n.Value, "true") || strings.EqualFold(n.Value, "false"):
		out.Kind = schema.Bool
	case intText.MatchString(n.Value):
		out.Kind = schema.Int
	case floatText.MatchString(n.Value):
		out.Kind = schema.Float
	}
	return out
}

// checkDeclaration holds that what is written says r to whoever has base.
func checkDeclaration(t *testing.T, r, base schema.Resource) {
	t.Helper()
	doc := edit.Declaration(r, base)
	var n yaml.Node
	if err := yaml.Unmarshal(doc, &n); err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	root := read(n.Content[0])
	got, want := schema.Clone(base), schema.Clone(r)
	if err := schema.Decode(&root, got); err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	for _, f := range schema.Fields(r.Key().Kind) {
		if !f.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q\n%s", f.Path, f.Get(got), f.Get(want), doc)
		}
	}
	if got.Key() != want.Key() {
		t.Fatalf("got %s, want %s", got.Key(), want.Key())
	}
	if u, ok := r.(*schema.User); ok && u.Password != "" && strings.Contains(string(doc), "password:") {
		t.Fatalf("a password in\n%s", doc)
	}
	checkFormat(t, doc)
}

func FuzzDeclaration(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed, hostile[seed%uint64(len(hostile))])
	}
	f.Fuzz(func(t *testing.T, seed uint64, name string) {
		r := rand.New(rand.NewPCG(seed, 1))
		for _, kind := range schema.LiveKinds {
			live, base := random(kind, r), random(kind, r)
			if u, ok := live.(*schema.User); ok {
				u.Name = strings.ToValidUTF8(name, "?")
			}
			checkDeclaration(t, live, base)
			doc := string(edit.Declaration(live, base))
			if formatted := outcome(edit.Format("x.yaml", []byte(doc))); !strings.EqualFold(formatted, doc) { // but for addresses
				t.Fatalf("not canonical (-doc +formatted)\n%s", cmp.Diff(doc, formatted))
			}
		}
	})
}
