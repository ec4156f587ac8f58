package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

// fragments are things to say about a user: some name what they look at, some
// look without naming.
var fragments = []string{
	`mailboxActions: pop: false`,
	`mailboxActions?: imap?: false`,
	`mailboxActions: [string]: bool`,
	`[string]: _`,
	`[=~"^na"]: "Ana"`,
	`[=~"s$"]: [...] | {...}`,
	`role: "member" | "admin"`,
	`"quota": =~"GiB$"`,
	`name!: string`,
	`name: !~"^B"`,
	`language: *"pt" | string`,
	`timezone?: =~"Lisbon$"`,
	`profiles: list.MaxItems(2)`,
	`profiles: [...string], if list.Contains(profiles, "sales") {permissions: services: webmail: false}`,
	`profiles: [...string], for p in profiles {_seen: (p): true}, _seen: sales?: false`,
	`permissions: sendAs: [...=~"@acme"]`,
	`permissions: accessHours: "unrestricted" | {timezone: string, ...}`,
	`accountType: string, if accountType == "basic" {quota: "5GiB"}`,
	`_end: "me", "na\(_end)"?: "Ana"`,
	`("na" + "me")?: "Ana"`,
	`_field: "role", (_field): "member"`,
	`travelMode?: until: <"2027"`,
	`address: string, _local: strings.Split(address, "@")[0], name?: =~"(?i)^\(_local)"`,
	`_limits: {basic: "5GiB", enhanced: string}, accountType: string, quota: _limits[accountType]`,
	`let who = role, role: string, status: "active" | "suspended", if who == "admin" {status: "active"}`,
	`struct.MaxFields(12)`,
	`close({kind: _, address: _, role: _, status?: _, mailboxActions: _, ...})`,
	`close({kind: _, address: _, role: _, name?: _})`,
	`matchN(0, [{role: "superAdmin", mailboxActions: pop: true}])`,
	`{role: "member"} | {status: "active", name!: string}`,
	`_helper`,
	`#Part`,
	`kind: "User"`,
	`_forbidden: ["Bob", "Eve"], name?: string, if name != _|_ if list.Contains(_forbidden, name) {name: error("forbidden")}`,
}

const helpers = `
import ("list", "strings")
_use: [list.MaxItems(1), strings.MaxRunes(1)]
_helper: {forwarding: keepCopy: true, lock: mailAddOn?: "locked"}
#Part: {mailAddOn: backup: "off", signingKeys: []}
`

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

func randomUser(r *rand.Rand) *schema.User {
	u := &schema.User{
		Address:  schema.Address(pick(r, "ana@acme.example", "bob@acme.example")),
		Name:     pick(r, "", "Ana", "Bob"),
		Profiles: pick(r, nil, []string{"sales"}, []string{"a", "b", "sales"}),
	}
	u.Role = pick(r, schema.RoleMember, schema.RoleAdmin, schema.RoleSuperAdmin)
	u.Status = pick(r, schema.StatusActive, schema.StatusSuspended)
	u.AccountType = pick(r, schema.AccountBasic, schema.AccountEnhanced)
	u.Quota = pick[schema.Bytes](r, 0, 5<<30, 7e9)
	u.Language = pick(r, "", "pt", "de")
	u.Timezone = pick(r, "", "Europe/Lisbon", "Europe/Madrid")
	u.MailboxActions.POP, u.MailboxActions.IMAP = pick(r, true, false), pick(r, true, false)
	u.Permissions.Services.Webmail = pick(r, true, false)
	u.Permissions.SendAs = pick(r, nil, []schema.Address{"x@acme.example"}, []schema.Address{"x@partner.example"})
	u.Permissions.AccessHours = pick(r, nil, &schema.AccessHours{}, &schema.AccessHours{Timezone: "UTC"})
	u.TravelMode = pick(r, nil, &schema.TravelMode{Until: "2026-01-01"}, &schema.TravelMode{Until: "2028-01-01"})
	u.Forwarding.KeepCopy = pick(r, true, false)
	u.MailAddOn.Backup = pick(r, schema.BackupOff, schema.BackupOnDeactivation)
	u.Lock.MailAddOn = pick(r, schema.Locked, schema.Unlocked)
	return u
}

// FuzzView: a user as far as policies look gets the verdict of the whole user.
func FuzzView(f *testing.F) {
	for seed := range uint64(150) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := helpers
		for range 1 + r.IntN(3) {
			text += "#User: {" + pick(r, fragments...) + "}\n"
		}
		if strings.Contains(text, "struct.") {
			text = "import \"struct\"\n" + text
		}
		j, s, err := compile([]schema.Source{{File: "policy/a.cue", Text: text}}, func(string) error { return nil })
		if err != nil || len(s.Problems) > 0 {
			t.Fatalf("%s\n%v %v", text, s.Problems, err)
		}
		for range 6 {
			u := randomUser(r)
			part, whole := verdict(t, j, s.Views[schema.KindUser], u), verdict(t, j, view{Whole: true}, u)
			if diff := cmp.Diff(whole, part); diff != "" {
				t.Fatalf("%s\nview %+v of %s\n(-whole +part):\n%s", text, s.Views, view{Whole: true}.appendResource(nil, u), diff)
			}
		}
	})
}

// verdict prints what is violated; the order of alternatives in one message is
// CUE's own.
func verdict(t *testing.T, j *judge, v view, r schema.Resource) string {
	t.Helper()
	resource, err := j.resource(unit{r.Key().Kind, v.appendResource(nil, r)})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range j.definitions[r.Key().Kind] {
		for _, v := range j.judge(d, resource) {
			fmt.Fprintf(&b, "%s %s: %s\n", v.Policy, v.Path, v.Message)
		}
	}
	return b.String()
}

// TestView: what a policy is shown of a user.
func TestView(t *testing.T) {
	tests := []struct {
		text string
		want view
	}{
		{`#User: mailboxActions: pop: false`, view{Fields: []string{"mailboxActions"}}},
		{`#User: {"quota": string, profiles: ["name"]}`, view{Fields: []string{"name", "profiles", "quota"}}},
		{`#User: X={role: X.status}`, view{Whole: true, Fields: []string{"role", "status"}}},
		{`#User: {role: "member", ...}`, view{Fields: []string{"role"}}},
		{`#User: [=~"x"]: string`, view{Whole: true}},
		{`#User: {_x: "role", (_x): "member"}`, view{Whole: true, Fields: []string{"role"}}},
		{`#User: {for k in ["a", "b"] {"\(k)"?: 1}}`, view{Whole: true}},
		{"import \"struct\"\n#User: struct.MinFields(3)", view{Whole: true}},
		{`#User: close({role: string})`, view{Whole: true, Fields: []string{"role"}}},
	}
	for _, tt := range tests {
		_, s, err := compile([]schema.Source{{File: "policy/a.cue", Text: tt.text}}, func(string) error { return nil })
		if err != nil || len(s.Problems) > 0 {
			t.Fatalf("%s: %v %v", tt.text, s.Problems, err)
		}
		if diff := cmp.Diff(tt.want, s.Views[schema.KindUser]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
	}
}

// TestResource: policies see a user as a declaration would be written.
func TestResource(t *testing.T) {
	u := &schema.User{Address: "ana@acme.example", Password: "sha256:canary", Profiles: []string{"é\"\\(x)"}}
	u.Schedule = []schema.ScheduleEntry{{Reason: "canary"}}
	u.Permissions.AccessHours = &schema.AccessHours{Mon: []schema.Hours{{Start: 540, End: 1080}}}
	got := string(view{Fields: []string{"address", "profiles", "quota", "language", "travelMode", "forwarding", "permissions", "password", "schedule"}}.appendResource(nil, u))
	want := `{"kind":"User","address":"ana@acme.example","profiles":["é\"\\(x)"],"quota":"unlimited","forwarding":{"to":[],"keepCopy":false},` +
		`"permissions":{"features":{"autoresponder":false,"forwarding":false,"filters":false,"allowBlockList":false,"sharedFolders":false,"changePassword":false},` +
		`"services":{"webmail":false,"smtp":false,"manageSieve":false},"onlyLocalSMTP":false,` +
		`"accessHours":{"mon":["09:00-18:00"],"tue":[],"wed":[],"thu":[],"fri":[],"sat":[],"sun":[]},"sendAs":[],"trustedNetworks":[]}}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := string(view{}.appendResource(nil, &schema.Domain{Name: "acme.example"})); got != `{"kind":"Domain"}` {
		t.Errorf("a domain of which nothing is looked at is %s", got)
	}
}

// BenchmarkWhole is the price of a user that no other is like.
func BenchmarkWhole(b *testing.B) {
	j, _, err := compile([]schema.Source{{File: "policy/a.cue", Text: helpers + "#User: {[string]: _, profiles: [...string], mailboxActions: pop: false, if list.Contains(profiles, \"sales\") {role: \"member\"}}\n"}}, func(string) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		u := randomUser(r)
		resource, err := j.resource(unit{schema.KindUser, view{Whole: true}.appendResource(nil, u)})
		if err != nil {
			b.Fatal(err)
		}
		j.judge(j.definitions[schema.KindUser][0], resource)
	}
}
