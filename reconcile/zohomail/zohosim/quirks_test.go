package zohosim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/zohomail/zohosim"
)

const allowIMAP = `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`

// TestLate: reads show each record as it was, and writes see it as it is.
func TestLate(t *testing.T) {
	s := start(t, "late=30s")
	s.put(t, bob, allowIMAP)
	s.data(t, 200, "POST", accounts, `{"primaryEmailAddress":"eve@acme.example","password":"x"}`)
	s.data(t, 200, "DELETE", accounts, `{"emailList":["ada@acme.example"]}`)
	expect := func(imap bool, users string) {
		t.Helper()
		if got := s.record(t, "bob@acme.example")["imapAccessEnabled"]; got != imap {
			t.Errorf("IMAP is %v", got)
		}
		if got := strings.Join(s.listed(t, ""), " "); got != users {
			t.Errorf("got %s", got)
		}
	}
	expect(false, "ada@acme.example bob@acme.example")
	s.record(t, "ada@acme.example") // who is gone still shows
	s.data(t, 404, "GET", accounts+"/eve@acme.example", "")
	if status, _ := s.ask(t, "PUT", accounts+"/ADA", `{"zuid":"700000001","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`); status != 404 {
		t.Errorf("who is gone was changed: %d", status)
	}
	s.clock.move(30 * time.Second)
	expect(true, "bob@acme.example eve@acme.example")
}

// listed are the addresses on a page.
func (s *scene) listed(t *testing.T, query string) (out []string) {
	t.Helper()
	rows, ok := s.data(t, 200, "GET", accounts+query, "").([]any)
	if !ok {
		t.Fatal("the data is no list")
	}
	for _, row := range rows {
		out = append(out, row.(map[string]any)["primaryEmailAddress"].(string))
	}
	return out
}

// TestRegress: a changed name shows as the one before at every second look.
func TestRegress(t *testing.T) {
	s := start(t, "regress=30s")
	s.put(t, bob, `{"mode":"updatePersonalInfo","zuid":"700000002","displayName":"Bobby"}`)
	for i, want := range []string{"Bobby", "Bob Berg", "Bobby", "Bob Berg"} {
		if got := s.record(t, "bob@acme.example")["displayName"]; got != want {
			t.Errorf("look %d: got %v, want %s", i+1, got, want)
		}
	}
	s.clock.move(30 * time.Second)
	for range 3 {
		if got := s.record(t, "bob@acme.example")["displayName"]; got != "Bobby" {
			t.Errorf("got %v", got)
		}
	}
}

// TestPages: how a list of seven is cut into pages, however one counts.
func TestPages(t *testing.T) {
	for _, c := range []struct{ quirk, query, want string }{
		{"", "", "1 2 3 4 5 6 7"},
		{"", "?start=0&limit=3", "1 2 3"},
		{"", "?start=3&limit=3", "4 5 6"},
		{"", "?start=6&limit=3", "7"},
		{"", "?start=7&limit=3", ""},
		{"first-row=1", "", "1 2 3 4 5 6 7"},
		{"first-row=1", "?start=0&limit=3", "1 2 3"},
		{"first-row=1", "?start=1&limit=3", "1 2 3"},
		{"first-row=1", "?start=4&limit=3", "4 5 6"},
		{"repeat-row", "?start=0&limit=3", "1 2 3"},
		{"repeat-row", "?start=3&limit=3", "3 4 5"},
		{"repeat-row", "?start=6&limit=3", "5 6 7"},
		{"repeat-row", "?start=9&limit=3", "7"},
		{"repeat-row", "?start=1&limit=1", "2"},
		{"max-limit=2", "?start=0&limit=100", "1 2"},
	} {
		t.Run(c.quirk+c.query, func(t *testing.T) {
			s := start(t)
			for n := 3; n <= 7; n++ {
				if _, err := s.AddUser(zohosim.User{Address: fmt.Sprintf("u%d@acme.example", n)}); err != nil {
					t.Fatal(err)
				}
			}
			if c.quirk != "" {
				s.quirk(t, c.quirk)
			}
			short := strings.NewReplacer("ada", "1", "bob", "2", "u", "", "@acme.example", "")
			if got := short.Replace(strings.Join(s.listed(t, c.query), " ")); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// quirk replaces the quirks.
func (s *scene) quirk(t *testing.T, words ...string) {
	t.Helper()
	q, err := zohosim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	s.SetQuirks(q)
}

// TestTenRows: without a limit there are ten.
func TestTenRows(t *testing.T) {
	s := start(t)
	for n := range 20 {
		if _, err := s.AddUser(zohosim.User{Address: fmt.Sprintf("u%d@acme.example", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(s.listed(t, "")); got != 10 {
		t.Errorf("got %d", got)
	}
}

// TestShapes: each quirk of a reply's shape.
func TestShapes(t *testing.T) {
	user := func(t *testing.T, s *scene) string { return asJSON(t, s.record(t, "bob@acme.example")) }
	list := func(t *testing.T, s *scene) string { return asJSON(t, s.data(t, 200, "GET", accounts+"?limit=1", "")) }
	groups := func(t *testing.T, s *scene) string {
		return asJSON(t, s.data(t, 200, "GET", "/api/organization/ZOID/groups", ""))
	}
	for _, c := range []struct {
		quirk      string
		get        func(*testing.T, *scene) string
		with, sans string // is there with the quirk, and only then; and the other way round
	}{
		{"ids=bare", user, `"accountId":5250000000000008003,`, `"accountId":"5250000000000008003"`},
		{"ids=quoted", user, `"zuid":"700000002"`, `"zuid":700000002`},
		{"null-strings", user, `"gender":"null"`, `"gender":""`},
		{"no-forward", user, `"zuid"`, `"mailForward":[]`},
		{"no-role-name", user, `"zuid"`, `"roleName":"member"`},
		{"one-as-object", list, `{"URI"`, `[{"URI"`},
		{"groups-stop=1", groups, `"count":1`, `"count":2`},
	} {
		t.Run(c.quirk, func(t *testing.T) {
			s := start(t)
			if _, err := s.AddGroup(zohosim.Group{Address: "second@acme.example"}); err != nil {
				t.Fatal(err)
			}
			if got := c.get(t, s); !strings.Contains(got, c.sans) {
				t.Errorf("without the quirk: %s", got)
			}
			s.quirk(t, c.quirk)
			if got := c.get(t, s); !strings.Contains(got, c.with) || strings.HasPrefix(got, c.sans) || c.sans[0] == '"' && strings.Contains(got, c.sans) {
				t.Errorf("with the quirk: %s", got)
			}
		})
	}
}

// TestCreated: a creation is 200 or 201.
func TestCreated(t *testing.T) {
	start(t, "created=201").data(t, 201, "POST", accounts, `{"primaryEmailAddress":"eve@acme.example","password":"x"}`)
	start(t, "created=201").data(t, 201, "POST", "/api/organization/ZOID/groups", `{"emailId":"n@acme.example","mailGroupMemberList":[{"memberEmailId":"ada@acme.example"}]}`)
}

// TestBools: what is accepted as true.
func TestBools(t *testing.T) {
	bare := strings.Replace(allowIMAP, `"true"`, "true", 1)
	for quirk, want := range map[string][2]int{"bools=both": {200, 200}, "bools=strings": {200, 400}, "bools=booleans": {400, 200}} {
		s := start(t, quirk)
		quoted, _ := s.ask(t, "PUT", bob, allowIMAP)
		plain, _ := s.ask(t, "PUT", bob, bare)
		if got := [2]int{quoted, plain}; got != want {
			t.Errorf("%s: got %v", quirk, got)
		}
	}
}

// TestForwardForms: what is accepted as mailForward.
func TestForwardForms(t *testing.T) {
	for quirk, want := range map[string][2]int{"forward-form=both": {200, 200}, "forward-form=list": {200, 400}, "forward-form=string": {400, 200}} {
		s := start(t, quirk)
		list, _ := s.ask(t, "PUT", bob, `{"mode":"addMailForward","zuid":"700000002","mailForward":[{"mailForwardTo":"ada@acme.example"}]}`)
		plain, _ := s.ask(t, "PUT", bob, `{"mode":"addMailForward","zuid":"700000002","mailForward":"x@acme.example"}`)
		if got := [2]int{list, plain}; got != want {
			t.Errorf("%s: got %v", quirk, got)
		}
	}
}

// TestAlready: what is asked for twice is done, or an error that changes nothing.
func TestAlready(t *testing.T) {
	off := strings.Replace(allowIMAP, `"true"`, `"false"`, 1)
	for quirk, want := range map[string][2]string{"already=spaces": {"ALREADY ENABLED", "NOT ENABLED"}, "already=underscores": {"ALREADY_ENABLED", "ALREADY DISABLED"}} {
		s := start(t)
		for _, body := range []string{off, allowIMAP, allowIMAP} {
			s.put(t, bob, body)
		}
		s.quirk(t, quirk)
		for i, body := range []string{allowIMAP, off, off} {
			status, reply := s.ask(t, "PUT", bob, body)
			text := []string{want[0], "", want[1]}[i]
			if status != 400 && text != "" || !strings.Contains(reply, text) {
				t.Errorf("%s %s: got %d %s", quirk, body, status, reply)
			}
		}
	}
	s := start(t, "already=spaces")
	disable := `{"mode":"disableUser","zuid":"700000002"}`
	s.put(t, bob, disable)
	if status, reply := s.ask(t, "PUT", bob, disable); status != 400 || !strings.Contains(reply, "NOT ENABLED") {
		t.Errorf("got %d %s", status, reply)
	}
}

// TestErrorForms: where an error's text is.
func TestErrorForms(t *testing.T) {
	for form, want := range map[string]string{
		"moreInfo": `{"data":{"moreInfo":"Account id 1 is invalid"},"status":{"code":404,"description":"Invalid Input"}}`,
		"error":    `"data":{"error":"Account`, "errorCode": `"data":{"errorCode":"Account`, "errorData": `"data":{"errorData":"Account`,
		"message": `"message":"Account id 1 is invalid"}`,
	} {
		if status, reply := start(t, "errors-in="+form).ask(t, "GET", accounts+"/1", ""); status != 404 || !strings.Contains(reply, want) {
			t.Errorf("%s: got %d %s", form, status, reply)
		}
	}
	if status, reply := start(t, "errors-in=empty").ask(t, "GET", accounts+"/1", ""); status != 404 || reply != "" {
		t.Errorf("empty: got %d %q", status, reply)
	}
}

// TestDisabled: how a record shows that a user is disabled is a quirk; that
// incoming mail is blocked is shown in any case, and goes back.
func TestDisabled(t *testing.T) {
	for form, want := range map[string]string{
		"enabled and status": "false false enabled", "enabled": "false true enabled", "status": "true false enabled",
		"mailboxStatus": "true true disabled", "nothing": "true true enabled",
	} {
		s := start(t, "disabled-as="+form)
		s.put(t, bob, `{"mode":"disableUser","blockIncoming":"true","zuid":"700000002"}`)
		record := s.record(t, "bob@acme.example")
		if got := fmt.Sprintf("%v %v %v", record["enabled"], record["status"], record["mailboxStatus"]); got != want {
			t.Errorf("%s: got %s", form, got)
		}
		if record["incomingBlocked"] != true {
			t.Errorf("%s: incoming is not blocked", form)
		}
		s.put(t, bob, `{"mode":"enableUser","unblockIncoming":"false","zuid":"700000002"}`)
		if record := s.record(t, "bob@acme.example"); record["enabled"] != true || record["incomingBlocked"] != true {
			t.Errorf("%s: enabling did more or less: %v", form, record)
		}
		s.put(t, bob, `{"mode":"enableUser","unblockIncoming":"true","zuid":"700000002"}`)
		if record := s.record(t, "bob@acme.example"); record["incomingBlocked"] != false {
			t.Errorf("%s: incoming is blocked", form)
		}
	}
}

// TestForwarding: outside the organization, the owner of the address confirms it.
func TestForwarding(t *testing.T) {
	s := start(t)
	send := func(mode, to, key string) int {
		t.Helper()
		status, _ := s.ask(t, "PUT", bob, fmt.Sprintf(`{"mode":%q,"zuid":"700000002","mailForward":[{"mailForwardTo":%q,"confirmKey":%q}]}`, mode, to, key))
		return status
	}
	active := func() (out []string) {
		for _, f := range s.record(t, "bob@acme.example")["mailForward"].([]any) {
			if f := f.(map[string]any); f["status"] == true {
				out = append(out, f["mailForward"].(string))
			}
		}
		return out
	}
	send("addMailForward", "ada@acme.example", "")
	send("addMailForward", "x@elsewhere.example", "")
	if got := active(); !slices.Equal(got, []string{"ada@acme.example"}) {
		t.Errorf("got %v", got)
	}
	if send("verifyMailForward", "x@elsewhere.example", "wrong") != 400 || send("resendMailForwardVerficationMail", "x@elsewhere.example", "") != 200 ||
		send("verifyMailForward", "x@elsewhere.example", s.Users()[1].Forwards[1].Key) != 200 {
		t.Error("confirming does not go by the key")
	}
	send("disableMailForward", "ada@acme.example", "")
	if got := active(); !slices.Equal(got, []string{"x@elsewhere.example"}) {
		t.Errorf("got %v", got)
	}
	send("enableMailForward", "ada@acme.example", "")
	send("deleteMailForward", "x@elsewhere.example", "")
	if got := active(); !slices.Equal(got, []string{"ada@acme.example"}) {
		t.Errorf("got %v", got)
	}
}

// TestLicences: beyond the licences, the error that clients look for.
func TestLicences(t *testing.T) {
	s := startWith(t, zohosim.Options{Licences: 2})
	if status, reply := s.ask(t, "POST", accounts, `{"primaryEmailAddress":"eve@acme.example","password":"x"}`); status != 400 || !strings.Contains(reply, "MAXIMUM USER LICENSE LIMIT REACHED") {
		t.Errorf("got %d %s", status, reply)
	}
}

// TestThirdWrite: the third write is cut after it acted, and a retry doubles
// nothing that the log would not show.
func TestThirdWrite(t *testing.T) {
	s := start(t, "cut,after,only=write,nth=3")
	for i, name := range []string{"c", "d", "e"} {
		status, _ := s.ask(t, "POST", accounts, `{"primaryEmailAddress":"`+name+`@acme.example","password":"x"}`)
		if want := []int{200, 200, 0}[i]; status != want {
			t.Errorf("write %d: got %d", i+1, status)
		}
	}
	if status, reply := s.ask(t, "POST", accounts, `{"primaryEmailAddress":"e@acme.example","password":"x"}`); status != 400 || !strings.Contains(reply, "exists") {
		t.Errorf("the retry: got %d %s", status, reply)
	}
	if got := len(s.Users()); got != 5 {
		t.Errorf("%d users", got)
	}
}

// TestRefused: a role that is not changed, under HTTP 200.
func TestRefused(t *testing.T) {
	s := start(t, "refuse")
	data := s.data(t, 200, "PUT", accounts, `{"mode":"changeRole","userList":["700000002"],"role":"admin"}`)
	if asJSON(t, data) != `[{"700000002":false}]` || s.Users()[1].Role != "member" {
		t.Errorf("got %v, %s", data, s.Users()[1].Role)
	}
}

// TestThrottle: a lock-out in the service's shape.
func TestThrottle(t *testing.T) {
	for as, want := range map[string]int{"429": 429, "400": 400, "403": 403} {
		s := start(t, "throttle=2", "throttled-as="+as)
		s.data(t, 200, "GET", accounts, "")
		s.data(t, 200, "GET", accounts, "")
		s.data(t, want, "GET", accounts, "")
		if s.fetchToken(t); s.Lockouts() != 1 {
			t.Errorf("%d lock-outs", s.Lockouts())
		}
	}
}

// TestWords: every quirk that the help names is understood, and others are not.
func TestWords(t *testing.T) {
	for _, line := range strings.Split(zohosim.Words, "\n") {
		word, _, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "and,") || slices.Contains([]string{"after", "only=write", "host=primary", "nth=3", "times=2", "as"}, word) {
			continue
		}
		if _, err := zohosim.ParseQuirks(word); err != nil {
			t.Error(err)
		}
	}
	for _, word := range []string{"nothing", "first-row=2", "ids=x", "created=202", "repeat-row=1", "errors-in=nowhere"} {
		if _, err := zohosim.ParseQuirks(word); err == nil {
			t.Errorf("%s was understood", word)
		}
	}
}
