package arraysim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/simhttp"
)

// TestLate: reads show each record as it was, and writes see it as it is.
func TestLate(t *testing.T) {
	s := start(t, "late=30s", "numbers=quoted")
	s.ask(t, "action=disableUser&username=bob&domain=acme.example")
	s.ask(t, "action=addAlias&alias=info&domain=acme.example&forward=bob@acme.example")
	s.ask(t, "action=removeListMember&lname=team&domain=acme.example&member=bob@acme.example")
	s.ask(t, "action=addDomain&newdomain=new.example")
	if _, body := s.ask(t, "action=addAlias&alias=info&domain=acme.example&forward=bob@acme.example"); said(t, body).Code != 0 {
		t.Errorf("a write did not see the write before: %s", body)
	}
	for query, text := range map[string]string{
		"action=getUserInfo&username=bob&domain=acme.example":  `"disabled":"1"`,
		"action=getAllUsersDomain&domain=acme.example":         `"disabled":"1"`,
		"action=getAllAliasesDomain&domain=acme.example":       `"info"`,
		"action=getListMembers&lname=team&domain=acme.example": `returndata":["ada@acme.example"]`,
		"action=getAllDomains":                                 `new.example`,
	} {
		if _, body := s.ask(t, query); strings.Contains(body, text) {
			t.Errorf("%s: got %s at once", query, body)
		}
		s.clock.move(30 * time.Second)
		if _, body := s.ask(t, query); !strings.Contains(body, text) {
			t.Errorf("%s: got %s later", query, body)
		}
		s.clock.move(-30 * time.Second)
	}
}

// TestShapes: each quirk of a reply's shape.
func TestShapes(t *testing.T) {
	for _, c := range []struct{ quirk, query, with string }{
		{"numbers=mixed", "action=getAllUsersDomain&domain=acme.example&showQuota=1", `"quota":"5000","uname":"Ada Abdi","usage":12,`},
		{"numbers=quoted", "action=getAllUsersDomain&domain=acme.example&showQuota=1", `"quota":"1000","uname":"Bob Berg","usage":"0"`},
		{"numbers=bare", "action=getAllUsersDomain&domain=acme.example&showQuota=1", `"quota":5000,"uname":"Ada Abdi","usage":12,`},
		{"member-form=objects", "action=getListMembers&lname=team&domain=acme.example", `[{"member":"ada@acme.example"},`},
		{"null-strings", "action=getUserInfo&username=bob&domain=acme.example", `"lastauth_timestamp":"null"`},
	} {
		if _, body := start(t, c.quirk).ask(t, c.query); !strings.Contains(body, c.with) {
			t.Errorf("%s: got %s", c.quirk, body)
		}
	}
}

// TestDisabledOut: a disabled user is signed in, unless the quirk says otherwise.
func TestDisabledOut(t *testing.T) {
	for quirk, code := range map[string]int{"numbers=mixed": 1, "disabled-out": 0} {
		s := start(t, quirk)
		s.ask(t, "action=disableUser&username=bob&domain=acme.example")
		_, once := s.ask(t, "action=getOTPass&username=bob&domain=acme.example")
		password := fmt.Sprint(said(t, once).Data)
		_, body := post(t, s.fallback+"/json.php", url.Values{"action": {"login"}, "username": {"bob"}, "domain": {"acme.example"}, "password": {password}})
		if got := said(t, body).Code; got != code {
			t.Errorf("%s: got %s", quirk, body)
		}
	}
}

// TestTokenLife: a token is good for ever, or for as long as the quirk says, or
// until it is told to expire.
func TestTokenLife(t *testing.T) {
	s := start(t)
	works := func() bool {
		_, body := s.ask(t, "action=getAllDomains")
		return said(t, body).Code == 1
	}
	if !works() {
		t.Error("the token is an hour old, and does not work")
	}
	if s.quirk(t, "token-life=300s"); works() {
		t.Error("the token is an hour old, and works")
	}
	if s.signIn(t); !works() {
		t.Error("a new token does not work")
	}
	s.clock.move(300 * time.Second)
	if works() {
		t.Error("the token is 300 seconds old, and works")
	}
	s.signIn(t)
	s.quirk(t, "expire,nth=1,only=read")
	if works() || works() {
		t.Error("the token expired, and works")
	}
	if s.signIn(t); !works() {
		t.Error("a new token does not work")
	}
}

// TestFaults: what goes wrong with the service's requests.
func TestFaults(t *testing.T) {
	const disable = "action=disableUser&username=bob&domain=acme.example"
	for _, c := range []struct {
		quirk  string
		status int
		body   string
		acted  bool
	}{
		{"refuse,action=disableUser", 200, `{"returncode":0,"returndata":"simulator`, false},
		{"cut,only=write", 0, "", false},
		{"cut,after,only=write", 0, "", true},
		{"empty,only=write", 200, "", true},
		{"html", 200, "<!DOCTYPE", false},
		{"fail", 500, `{"returncode":0`, false},
		{"huge=1000,path=/admin", 200, `{"filler":"x`, true},
	} {
		s := start(t, c.quirk)
		status, body := s.ask(t, disable)
		if status != c.status || !strings.HasPrefix(body, c.body) && status > 0 || s.Users()[1].Disabled != c.acted {
			t.Errorf("%s: got %d %s, acted %v", c.quirk, status, body, s.Users()[1].Disabled)
		}
	}
}

// TestThrottle: a lock-out concerns both hosts, and no sign-in.
func TestThrottle(t *testing.T) {
	s := start(t, "throttle=1", "throttled-as=400")
	form := url.Values{"action": {"getAllDomains"}, "token": {s.token}}
	if status, _ := post(t, s.primary+"/admin/json.php", form); status != 200 {
		t.Errorf("got %d", status)
	}
	if status, body := post(t, s.fallback+"/admin/json.php", form); status != 400 || said(t, body).Code != 0 || s.Lockouts() != 1 {
		t.Errorf("got %d %s, %d lock-outs", status, body, s.Lockouts())
	}
	s.signIn(t)
}

// TestAdmin: a test in another process sets quirks, and reads what happened.
func TestAdmin(t *testing.T) {
	s := start(t)
	if status, body := s.admin(t, http.MethodPut, "quirks", `{"quirks":["numbers=bare"]}`); status != 200 {
		t.Fatalf("got %d %s", status, body)
	}
	if _, body := s.ask(t, "action=getUserInfo&username=ada&domain=acme.example"); !strings.Contains(body, `"quota":5000`) {
		t.Errorf("the quirk is not on: %s", body)
	}
	for path, want := range map[string]string{"quirks": `"numbers": "bare"`, "state": `"username": "bob"`, "log": `"action": "login"`, "lockouts": "0"} {
		if status, body := s.admin(t, http.MethodGet, path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
}

// admin asks what no service has.
func (s *scene) admin(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, simhttp.AdminPath+path, strings.NewReader(body))
	w := httptest.NewRecorder()
	s.Primary().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestWords: every quirk that the help names is understood, and others are not.
func TestWords(t *testing.T) {
	for _, line := range strings.Split(arraysim.Words, "\n") {
		word, _, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || slices.Contains([]string{"and", "and,", "the", "after", "only=write", "host=primary", "nth=3", "times=2", "as"}, word) {
			continue
		}
		if _, err := arraysim.ParseQuirks(word); err != nil {
			t.Error(err)
		}
	}
	for _, word := range []string{"nothing", "numbers=x", "member-form=x", "token-life=long"} {
		if _, err := arraysim.ParseQuirks(word); err == nil {
			t.Errorf("%s was understood", word)
		}
	}
}
