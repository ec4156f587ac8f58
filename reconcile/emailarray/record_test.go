package emailarray

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// TestUser: rows as they come, quoted and not, whole and not.
func TestUser(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`{"username":"ada","email":"ada@a.example","uname":"Ada","account_type":"2","quota":"5000","usage":12,"disabled":0,"lastauth_timestamp":"1780000000"}`,
			"ada@a.example Ada enhanced 5GB active, used 12000000, last 1780000000"},
		{`{"username":"Ada","uname":"Ada","account_type":1,"quota":500,"disabled":"1","lastauth_timestamp":"2026-07-01 12:00"}`,
			"ada@a.example Ada basic 500MB suspended, used 0, last 0"},
		{`{"email":"ada@a.example","uname":null,"account_type":"3","quota":null,"disabled":"","lastauth_timestamp":"null"}`,
			"ada@a.example   unlimited active, used 0, last 0, unknown accountType quota status"},
		{`{"username":"null","uname":"null","account_type":1,"quota":500,"disabled":0}`, "null@a.example null basic 500MB active, used 0, last 0"},
		{`{"username":"ada@b.example"}`, "a user of a.example has no address that can be read"},
		{`{"username":"a b"}`, "a user of a.example has no address that can be read"},
		{`{}`, "a user of a.example has no address that can be read"},
	} {
		var row userRow
		if err := json.Unmarshal([]byte(c.row), &row); err != nil {
			t.Fatal(err)
		}
		u, o, unknown, err := Settings{}.user(row, "a.example")
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s %s %s %s %s, used %d, last %d", u.Address, u.Name, u.AccountType, u.Quota, u.Status, o.StorageUsed, o.LastSignInUnix)
			if len(unknown) > 0 {
				got += ", unknown " + strings.Join(unknown, " ")
			}
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.row, got, c.want)
		}
	}
}

// TestDisabled: what a disabled user is, a setting says.
func TestDisabled(t *testing.T) {
	u, _, _, err := Settings{Disabled: schema.StatusDeactivated}.user(userRow{Username: "ada", Disabled: "1"}, "a.example")
	if err != nil || u.Status != schema.StatusDeactivated {
		t.Errorf("got %v, %v", u, err)
	}
}

// TestOthers: rows of the other kinds.
func TestOthers(t *testing.T) {
	const at = "a.example"
	show := func(r schema.Resource, unknown []string, err error) string {
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(r.Key(), " ", schema.Targets(r), " ", unknown)
	}
	decode := func(text string, into any) {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	aliasOf := func(text string) string {
		var row aliasRow
		decode(text, &row)
		a, unknown, err := alias(row, at)
		return show(a, unknown, err)
	}
	listOf := func(text, members string) string {
		var row listRow
		var all []memberRow
		decode(text, &row)
		decode(members, &all)
		l, unknown, err := list(row, all, at)
		return show(l, unknown, err)
	}
	domainOf := func(text string) string {
		var info domainInfo
		decode(text, &info)
		d, unknown := domain(at, info)
		return fmt.Sprint(d.Name, " ", d.CatchAll, " ", d.Timezone, " ", unknown)
	}
	for _, c := range [][2]string{
		{aliasOf(`{"alias":"sales","domain":"a.example","forward":"Ada@a.example"}`), "Alias/sales@a.example [ada@a.example] []"},
		{aliasOf(`{"alias":"sales@a.example","forward":"ada"}`), "Alias/sales@a.example [] [to]"},
		{aliasOf(`{"forward":"ada@a.example"}`), "an alias of a.example has no address that can be read"},
		{listOf(`{"lname":"team","listtype":1}`, `["b@a.example","a@a.example","b@a.example"]`), "DistributionList/team@a.example [a@a.example b@a.example] []"},
		{listOf(`{"lname":"team"}`, `[{"member":"b@a.example"},{"other":1}]`), "DistributionList/team@a.example [b@a.example] [members]"},
		{listOf(`{"lname":7}`, `[]`), "DistributionList/7@a.example [] []"},
		{listOf(`{"lname":null}`, `[]`), "a list of a.example has no address that can be read"},
		{domainOf(`{"dtzone":"Europe/Lisbon","catchall":"office@a.example"}`), "a.example office@a.example Europe/Lisbon []"},
		{domainOf(`{"dtzone":"null","catchall":""}`), "a.example   []"},
		{domainOf(`{"dtzone":"33","catchall":"reject"}`), "a.example   [catchAll timezone]"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %s, want %s", c[0], c[1])
		}
	}
}

// TestAbilities: every live field is below a row, every row is of a field, and what
// cannot be done has a reason.
func TestAbilities(t *testing.T) {
	for _, kind := range schema.LiveKinds {
		used := make(map[string]bool)
		for _, f := range schema.Fields(kind) {
			a := abilities()[kind].Of(f.Path)
			used[a.Path] = true
			if a.Path == "" || a.From == "" || a.Why == "" && a.Can != hosted.ReadSet {
				t.Errorf("%s %s: %+v", kind, f.Path, a)
			}
		}
		for _, a := range abilities()[kind] {
			if !used[a.Path] {
				t.Errorf("%s has no field of its own at %s", kind, a.Path)
			}
		}
	}
	if a := abilities()[schema.KindUser].Of("shoeSize"); a.Can != hosted.Neither {
		t.Errorf("a field that nobody knows: %+v", a)
	}
}

// TestReadsWhatItCan: the mapping fills the fields that can be read, and no other.
func TestReadsWhatItCan(t *testing.T) {
	row := userRow{Username: "ada", Name: "Ada", AccountType: "2", Quota: "5000", Disabled: "1"}
	u, _, _, err := Settings{}.user(row, "a.example")
	if err != nil {
		t.Fatal(err)
	}
	u.Forwarding.To = []schema.Address{"bob@a.example"} // which come by a call of their own
	d, _ := domain("a.example", domainInfo{Timezone: "Europe/Lisbon", CatchAll: "office@a.example"})
	al, _, err := alias(aliasRow{Alias: "sales", Forward: "ada@a.example"}, "a.example")
	if err != nil {
		t.Fatal(err)
	}
	l, _, err := list(listRow{Name: "team"}, []memberRow{{"ada@a.example"}}, "a.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []schema.Resource{d, u, al, l} {
		for _, f := range schema.Fields(r.Key().Kind) {
			if read := !f.Equal(r, hosted.Blank(r.Key())); read != abilities()[r.Key().Kind].Of(f.Path).Can.Reads() {
				t.Errorf("%s %s: read is %v", r.Key().Kind, f.Path, read)
			}
		}
	}
}

// TestFigures: figures as texts and numbers, and one that is missing.
func TestFigures(t *testing.T) {
	row, err := object[statsRow](json.RawMessage(`{"curemails":2,"maxemails":"10","cureemails":"1","maxeemails":null}`))
	if err != nil {
		t.Fatal(err)
	}
	f := row.figures()
	if want := (Figures{2, 10, 1, -1, -1, -1, -1, -1}); f != want {
		t.Errorf("got %+v", f)
	}
	if l := f.Licences(); l.Basic == nil || *l.Basic != 10 || l.Enhanced != nil || l.Storage != schema.Unlimited {
		t.Errorf("got %+v", l)
	}
}

// TestClassify: what answers mean to a read and to a write.
func TestClassify(t *testing.T) {
	read, write := listDomains(), DisableUser("ada@a.example")
	for _, c := range []struct {
		status      int
		body        string
		read, write hosted.Outcome
		text        string
	}{
		{200, `{"returncode":1,"returndata":[]}`, hosted.Done, hosted.Done, ""},
		{200, `{"returncode":"1","returndata":""}`, hosted.Done, hosted.Done, ""},
		{200, `{"returncode":0,"returndata":"no\nsuch user s3cret"}`, hosted.Refused, hosted.Refused, "no such user (secret)"},
		{200, `{"returncode":"0","returndata":{"a":1}}`, hosted.Refused, hosted.Refused, "refused without words"},
		{200, `{"returncode":0,"returndata":"Too many requests"}`, hosted.Throttled, hosted.Throttled, "too many requests"},
		{200, `{"returncode":2}`, hosted.Failed, hosted.Unknown, "the answer has a returncode that is not documented"},
		{200, `{"returndata":[]}`, hosted.Failed, hosted.Unknown, "the answer is not one of this API's"},
		{200, `{"returncode":null}`, hosted.Failed, hosted.Unknown, "the answer is not one of this API's"},
		{200, `[1]`, hosted.Failed, hosted.Unknown, "the answer is not one of this API's"},
		{200, ``, hosted.Failed, hosted.Unknown, "the answer is not one of this API's"},
		{429, ``, hosted.Throttled, hosted.Throttled, "too many requests"},
		{403, `{"returncode":0,"returndata":"You have made too many requests continuously."}`, hosted.Throttled, hosted.Throttled, "too many requests"},
		{403, `{"returncode":0,"returndata":"go away"}`, hosted.Failed, hosted.Failed, "go away"},
		{404, `{}`, hosted.Failed, hosted.Failed, ""},
		{502, `{"returncode":0,"returndata":"bad gateway"}`, hosted.Failed, hosted.Unknown, "bad gateway"},
	} {
		got := hosted.Reply{Status: c.status, Body: []byte(c.body)}
		r, w := classify(read, got, "s3cret"), classify(write, got, "s3cret")
		if r.Outcome != c.read || w.Outcome != c.write || r.Text != c.text {
			t.Errorf("%d %s: read %s, write %s, %q", c.status, c.body, r.Outcome, w.Outcome, r.Text)
		}
	}
}

// FuzzAnswer: no answer makes reading panic, and one that is understood becomes
// resources that the schema can hold.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"returncode":1,"returndata":[{"username":"ada","account_type":1,"quota":"5000","disabled":"0"}],"meta":{"all":1}}`,
		`{"returncode":"1","returndata":["a@b.example",{"member":"c@d.example"}]}`,
		`{"returncode":0,"returndata":"no"}`, `{"returncode":1,"returndata":{"dtzone":null,"catchall":[],"maxemails":1e400}}`,
		`{"returncode":1,"returndata":[{"alias":"a","forward":"x@y.example"},{"lname":"l"},{"domain":"a.example"}]}`, "null", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := classify(listDomains(), hosted.Reply{Status: 200, Body: body})
		if r.Outcome != hosted.Done {
			return
		}
		users, _ := rows[userRow](r.Data)
		for _, row := range users {
			if u, o, _, err := (Settings{}).user(row, "a.example"); err == nil {
				sound(t, u)
				if o.StorageUsed < 0 || o.LastSignInUnix < 0 {
					t.Errorf("observed %+v", o)
				}
			}
		}
		aliases, _ := rows[aliasRow](r.Data)
		for _, row := range aliases {
			if a, _, err := alias(row, "a.example"); err == nil {
				sound(t, a)
			}
		}
		members, _ := rows[memberRow](r.Data)
		if l, _, err := list(listRow{Name: "team"}, members, "a.example"); err == nil {
			sound(t, l)
		}
		if info, err := object[domainInfo](r.Data); err == nil {
			d, _ := domain("a.example", info)
			sound(t, d)
		}
		if row, err := object[statsRow](r.Data); err == nil {
			row.figures().Licences()
		}
	})
}

// sound holds that a resource is in canonical form and survives its own JSON.
func sound(t *testing.T, r schema.Resource) {
	t.Helper()
	if a := r.Key().Address(); r.Key().Kind != schema.KindDomain && a.Domain() != "a.example" {
		t.Errorf("%s is not at a.example", r.Key())
	}
	for _, f := range schema.Fields(r.Key().Kind) {
		again, err := schema.New(r.Key())
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Set(again, f.Get(r)); err != nil || f.Get(again) != f.Get(r) {
			t.Errorf("%s of %s: %v", f.Path, r.Key(), err)
		}
	}
	for _, to := range schema.Targets(r) {
		if at, ok := address(word(to), ""); !ok || at != to {
			t.Errorf("%s leads to %q", r.Key(), to)
		}
	}
}
