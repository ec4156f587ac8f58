package zohomail

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

// TestParseRecord: values come in many forms, and what is not understood is not
// taken for anything.
func TestParseRecord(t *testing.T) {
	const ids = `"zuid":1,"accountId":"5250000000000008001","primaryEmailAddress":"A@X.example"`
	for _, c := range []struct {
		name, more string
		want       func(Record) bool
	}{
		{"ids above 2^53, bare", `,"accountId":9007199254740993`, func(r Record) bool { return r.Account == "9007199254740993" }},
		{"ids above 2^53, quoted", `,"zuid":"9007199254740993"`, func(r Record) bool { return r.ZUID == "9007199254740993" }},
		{"flags as texts", `,"imapAccessEnabled":"true","popAccessEnabled":"false"`, func(r Record) bool { return *r.IMAP && !*r.POP }},
		{"flags that are none", `,"imapAccessEnabled":"null","popAccessEnabled":null,"status":1`, func(r Record) bool { return r.IMAP == nil && r.POP == nil && r.Status == nil }},
		{"the string null", `,"displayName":"null","language":"null","timeZone":""`, func(r Record) bool { return r.Name == "" && r.Language == "" && r.Timezone == "" }},
		{"numbers quoted", `,"usedStorage":"12","allowedStorage":5242880`, func(r Record) bool { return *r.UsedKB == 12 && *r.AllowedKB == 5242880 }},
		{"a fraction", `,"usedStorage":1.5`, func(r Record) bool { return r.UsedKB == nil }},
		{"no role but its name", `,"roleName":"admin"`, func(r Record) bool { return r.Role == "admin" }},
		{"one address as an object", `,"emailAddress":{"mailId":"b@x.example","isAlias":"true"}`, func(r Record) bool { return fmt.Sprint(r.Aliases) == "[b@x.example]" }},
		{"no forwards", ``, func(r Record) bool { return !r.ForwardsShown }},
		{"null forwards", `,"mailForward":null`, func(r Record) bool { return !r.ForwardsShown }},
		{"forwards that cannot be read", `,"mailForward":"x@y.example"`, func(r Record) bool { return !r.ForwardsShown }},
		{"empty forwards", `,"mailForward":[]`, func(r Record) bool { return r.ForwardsShown && r.Forwards == nil }},
		{"forwards", `,"mailForward":[{"mailForward":"x@y.example","deleteCopy":"true","status":false},{"mailForward":"z@y.example"}]`,
			func(r Record) bool {
				return r.ForwardsShown && fmt.Sprint(r.Forwards) == "[{x@y.example true true} {z@y.example false false}]"
			}},
		{"an account elsewhere", `,"type":"IMAP_ACCOUNT"`, func(r Record) bool { return r.External }},
		{"blocks", `,"imapBlocked":true,"popBlocked":false,"webBlocked":"true"`, func(r Record) bool { return fmt.Sprint(r.Blocked) == "[imap web]" }},
	} {
		if r, err := ParseRecord([]byte("{" + ids + c.more + "}")); err != nil || !c.want(r) {
			t.Errorf("%s: got %+v, %v", c.name, r, err)
		}
	}
	for _, bad := range []string{``, `null`, `[]`, `{}`, `{"zuid":1}`, `{"zuid":"x","accountId":1,"primaryEmailAddress":"a@x"}`, `{"zuid":1,"accountId":2,"primaryEmailAddress":"null"}`,
		`{"zuid":1,"accountId":2,"primaryEmailAddress":"a@x","emailAddress":"b@x"}`, `{"zuid":1,"accountId":2,"primaryEmailAddress":"a@x","emailAddress":[1]}`} {
		if r, err := ParseRecord([]byte(bad)); err == nil {
			t.Errorf("%s: got %+v", bad, r)
		}
	}
}

// TestMap: a record in the words of the schema: polarity, statuses, units, and what
// cannot be observed.
func TestMap(t *testing.T) {
	yes, no := true, false
	number := func(n int64) *int64 { return &n }
	full := Record{ID: ID{"1", "2"}, Address: "Ana@Acme.example", Name: "Ana", Role: "super_admin", Enabled: &yes, Status: &yes, MailboxStatus: "enabled",
		IncomingBlocked: &no, OutgoingBlocked: &yes, IMAP: &yes, POP: &no, ActiveSync: &no, SpamCheck: &yes, ForwardsShown: true,
		UsedKB: number(3), AllowedKB: number(5242880), LastSignIn: number(1750000000123), Aliases: []string{"A@acme.example"}}
	for _, c := range []struct {
		name   string
		change func(*Record)
		s      Settings
		want   string
	}{
		{"all", func(*Record) {}, Settings{}, "superAdmin active 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"a role of their own", func(r *Record) { r.Role = "helpdesk" }, Settings{}, "admin active 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"a member with rights", func(r *Record) { r.Role, r.Custom = "member", true }, Settings{}, "admin active 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"suspended", func(r *Record) { r.Enabled = &no }, Settings{}, "superAdmin suspended 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"suspended, by status alone", func(r *Record) { r.Status = &no }, Settings{}, "superAdmin suspended 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"suspended, by the mailbox's", func(r *Record) { r.MailboxStatus = "off" }, Settings{}, "superAdmin suspended 5GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
		{"deactivated", func(r *Record) { r.Status, r.IncomingBlocked = &no, &yes }, Settings{}, "superAdmin deactivated 5GiB {true false true true false false} [] keep [forwarding.keepCopy mailboxActions.incoming]"},
		{"blocked", func(r *Record) { r.IncomingBlocked = &yes }, Settings{}, "superAdmin active 5GiB {false false true true false false} [] keep [forwarding.keepCopy]"},
		{"a status that nobody shows", func(r *Record) { r.Status = &no }, Settings{Disabled: ShownNowhere}, "superAdmin active 5GiB {true false true true false false} [] keep [forwarding.keepCopy status]"},
		{"nothing", func(r *Record) { *r = Record{ID: r.ID, Address: r.Address} }, Settings{},
			"member active unlimited {true true true false false false} [] keep [forwarding.keepCopy forwarding.to mailboxActions.activeSync mailboxActions.imap mailboxActions.incoming mailboxActions.outgoing mailboxActions.pop mailboxActions.spamCheck quota role status]"},
		{"forwards", func(r *Record) { r.Forwards = []Forward{{"Z@y.example", true, true}, {"b@y.example", true, false}} }, Settings{},
			"superAdmin active 5GiB {true false true true false false} [b@y.example z@y.example] drop []"},
		{"a plan in gigabytes", func(r *Record) { r.AllowedKB, r.PlanGB = nil, number(30) }, Settings{}, "superAdmin active 30GiB {true false true true false false} [] keep [forwarding.keepCopy]"},
	} {
		r := full
		c.change(&r)
		m := c.s.Map(r)
		keep := map[bool]string{true: "keep", false: "drop"}[m.User.Forwarding.KeepCopy]
		got := fmt.Sprintf("%s %s %s %v %v %s %v", m.User.Role, m.User.Status, m.User.Quota, m.User.MailboxActions, m.User.Forwarding.To, keep, m.Unseen)
		if got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
	m := Settings{}.Map(full)
	if m.User.Address != "ana@acme.example" || len(m.Aliases) != 1 || m.Aliases[0].Address != "a@acme.example" || m.Aliases[0].To[0] != m.User.Address ||
		m.Observed != (schema.Observed{StorageUsed: 3072, LastSignInUnix: 1750000000}) {
		t.Errorf("got %+v", m)
	}
}

// TestAbilities: every live field is in the table, with why and where from, and
// what the table says can be read is read.
func TestAbilities(t *testing.T) {
	for _, kind := range schema.LiveKinds {
		for _, f := range schema.Fields(kind) {
			a := AbilityOf(kind, f.Path)
			if a.From == "" || a.Can != hosted.ReadSet && a.Why == "" {
				t.Errorf("%s %s: got %+v", kind, f.Path, a)
			}
		}
		for _, a := range abilities()[kind] {
			if !slices.ContainsFunc(schema.Fields(kind), func(f schema.Field) bool { return AbilityOf(kind, f.Path) == a }) {
				t.Errorf("%s %s is in the table, and no field is", kind, a.Path)
			}
		}
	}
	unlike := zohosim.User{
		Address: "eva@acme.example", DisplayName: "Eva", Role: "admin", Language: "pt", TimeZone: "Europe/Lisbon", IMAP: true, POP: true, ActiveSync: true,
		OutgoingBlocked: true, NoSpamCheck: true, Disabled: true, Forwards: []zohosim.Forward{{To: "x@acme.example"}}, DeleteCopy: true,
	}
	blocked := zohosim.User{Address: "fay@acme.example", IncomingBlocked: true}
	s := stage(t)
	s.add(t, zohosim.State{Users: []zohosim.User{unlike, blocked}})
	for _, f := range schema.Fields(schema.KindUser) {
		shown := false
		for _, a := range []string{unlike.Address, blocked.Address} {
			shown = shown || !f.Equal(s.mapped(t, a).User, hosted.BlankUser(schema.Address(a)))
		}
		if can := AbilityOf(schema.KindUser, f.Path).Can; can.Reads() != shown {
			t.Errorf("%s: %s, and shown %v", f.Path, can, shown)
		}
	}
}

// FuzzAnswers: no answer makes a reader panic, and what is read says who it is.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"status":{"code":200},"data":[{"zuid":1,"accountId":"5250000000000008001","primaryEmailAddress":"a@x.example","mailForward":[{"mailForward":"b@x.example"}]}]}`), 200)
	f.Add([]byte(`{"status":{"code":"x"},"data":{"count":1,"groups":[{"zgid":"1","emailId":"g@x.example","mailGroupMemberList":{"memberEmailId":"a@x.example"}}]}}`), 201)
	f.Add([]byte(`{"status":{"code":400},"data":{"errorData":{"a":[1]},"moreInfo":null}}`), 400)
	f.Add([]byte(`[[[[`), 500)
	f.Add([]byte(`{"status":{"code":200},"data":[{"1":true},{"2":"false"}]}`), 200)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		for _, call := range everyCall(API{Organization: "7"}) {
			answer := classify(call, hosted.Reply{Status: status, Body: body}, nil, []string{"a-secret-thing"})
			if answer.Outcome == "" || len([]rune(answer.Text)) > 400 {
				t.Fatalf("%s: %+v", call.Name, answer)
			}
			NewID(answer.Data)
			_, _ = ParseMembers(answer.Data)
			if rows, _, err := groupRows(answer.Data); err == nil {
				readRows(t, rows)
			}
		}
		readRows(t, []json.RawMessage{body})
	})
}

func readRows(t *testing.T, rows []json.RawMessage) {
	for _, row := range rows {
		if g, err := ParseGroup(row); err == nil && (g.List().Address == "" || !digits(g.ZGID)) {
			t.Fatalf("a group without a name: %+v", g)
		}
		r, err := ParseRecord(row)
		if err != nil {
			continue
		}
		if m := (Settings{}).Map(r); m.User.Address == "" || !digits(m.ZUID) || !digits(m.Account) || m.User.Quota < 0 || m.Observed.StorageUsed < 0 {
			t.Fatalf("a user without a name: %+v", m)
		}
	}
}
