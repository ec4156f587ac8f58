package arraysim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/simhttp"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// A scene is an account, and a client of it.
type scene struct {
	*arraysim.Server
	clock    *clock
	primary  string // URLs
	fallback string
	token    string
}

// start starts an account with two users, ada, who is Enhanced, and bob, an alias
// of ada's and a list of both; quirks are set when they are there.
func start(t *testing.T, words ...string) *scene {
	t.Helper()
	s := &scene{clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}}
	s.Server = arraysim.New(arraysim.Options{Now: s.clock.now, MaxBasic: 2, MaxEnhanced: 2})
	err := s.Add(arraysim.State{
		Users: []arraysim.User{
			{Username: "ada", Domain: "acme.example", Name: "Ada Abdi", AccountType: "2", QuotaMB: 5000, UsageMB: 12, Forwards: []string{"bob@acme.example"}},
			{Username: "bob", Domain: "acme.example", Name: "Bob Berg"},
		},
		Aliases: []arraysim.Alias{{Alias: "sales", Domain: "acme.example", Forward: "ada@acme.example"}},
		Lists:   []arraysim.List{{Name: "team", Domain: "acme.example", Members: []string{"ada@acme.example", "bob@acme.example"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.primary, s.fallback = serve(t, s.Primary()), serve(t, s.Fallback())
	s.signIn(t)
	s.clock.move(time.Hour) // what is there has been for long
	s.quirk(t, words...)
	return s
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// quirk replaces the quirks.
func (s *scene) quirk(t *testing.T, words ...string) {
	t.Helper()
	q, err := arraysim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	s.SetQuirks(q)
}

// signIn fetches an administrator's token.
func (s *scene) signIn(t *testing.T) {
	t.Helper()
	c := s.Credentials()
	_, reply := post(t, s.primary+"/admin/json.php", url.Values{"action": {"login"}, "username": {c.Username}, "password": {c.Password}})
	s.token = said(t, reply).Data.(string)
}

// A reply is what every call returns.
type reply struct {
	Code int            `json:"returncode"`
	Data any            `json:"returndata"`
	Meta map[string]any `json:"meta"`
}

func said(t *testing.T, body string) (r reply) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

// post sends a form; a connection that ends is status 0.
func post(t *testing.T, to string, form url.Values) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, string(data)
}

// ask sends an action with its parameters, as in action=getAllDomains.
func (s *scene) ask(t *testing.T, query string) (status int, body string) {
	t.Helper()
	form, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("token", s.token)
	return post(t, s.primary+"/admin/json.php", form)
}

// TestContract sends each action as reference/seed-systems.md §4.3 has it, and
// compares the reply and what changed.
func TestContract(t *testing.T) {
	for _, c := range []struct{ query, reply, changes string }{
		{"action=getAllUsersDomain&domain=acme.example&slicing=0&offset=0&limit=0&showQuota=1&getOTPAndToken=0",
			`{"meta":{"all":2},"returncode":1,"returndata":[` +
				`{"account_type":"2","disabled":0,"email":"ada@acme.example","lastauth_timestamp":"","quota":"5000","uname":"Ada Abdi","usage":12,"username":"ada"},` +
				`{"account_type":1,"disabled":"0","email":"bob@acme.example","lastauth_timestamp":"","quota":1000,"uname":"Bob Berg","usage":"0","username":"bob"}]}`, ""},
		{"action=getAllUsersDomain&domain=acme.example&slicing=1&offset=1&limit=5&showQuota=0&getOTPAndToken=0",
			`{"meta":{"all":2},"returncode":1,"returndata":[{"account_type":1,"disabled":"0","email":"bob@acme.example","lastauth_timestamp":"","uname":"Bob Berg","username":"bob"}]}`, ""},
		{"action=getTotalUsersDomain&domain=acme.example&atype=B", `{"returncode":1,"returndata":["1",1]}`, ""},
		{"action=searchUsers&domain=acme.example&search=BERG&slicing=0&offset=0&limit=0",
			`{"meta":{"all":1},"returncode":1,"returndata":[{"account_type":"1","disabled":0,"email":"bob@acme.example","lastauth_timestamp":"","quota":"1000","uname":"Bob Berg","usage":0,"username":"bob"}]}`, ""},
		{"action=getUserInfo&username=ada&domain=acme.example",
			`{"returncode":1,"returndata":{"account_type":"2","disabled":0,"email":"ada@acme.example","lastauth_timestamp":"","quota":"5000","uname":"Ada Abdi","usage":12,"username":"ada"}}`, ""},
		{"action=addUser&username=eve&domain=acme.example&account_type=1&password=Secret%231&quota=0.5&uname=Eve&twofa_allowed=1&user_language=en", `{"returncode":1,"returndata":""}`, "eve@acme.example created"},
		{"action=updateUser&editusername=bob&editdomain=acme.example&edituname=Bobby&editaccount_type=2&editquota=2&editpassword=Secret%231", `{"returncode":1,"returndata":""}`,
			"bob@acme.example: uname Bob Berg -> Bobby|bob@acme.example: account_type 1 -> 2|bob@acme.example: quota 1000 -> 2000|bob@acme.example: passwords 0 -> 1"},
		{"action=updateUser&editusername=bob&editdomain=acme.example&editquota=1.5", `{"returncode":1,"returndata":""}`, "bob@acme.example: quota 1000 -> 1500"},
		{"action=removeUser&username=bob&domain=acme.example", `{"returncode":1,"returndata":""}`, "bob@acme.example removed"},
		{"action=disableUser&username=bob&domain=acme.example", `{"returncode":1,"returndata":""}`, "bob@acme.example: disabled false -> true"},
		{"action=enableUser&username=bob&domain=acme.example", `{"returncode":1,"returndata":""}`, ""},

		{"action=addAlias&alias=info&domain=acme.example&forward=bob@acme.example", `{"returncode":1,"returndata":""}`, "alias info@acme.example to bob@acme.example added"},
		{"action=removeAlias&alias=sales&domain=acme.example", `{"returncode":1,"returndata":""}`, "alias sales@acme.example removed"},
		{"action=getAllAliasesDomain&domain=acme.example", `{"returncode":1,"returndata":[{"alias":"sales","domain":"acme.example","forward":"ada@acme.example"}]}`, ""},
		{"action=addList&newlname=all&domain=acme.example&newlisttype=1", `{"returncode":1,"returndata":""}`, "list all@acme.example added"},
		{"action=removeList&lname=team&domain=acme.example", `{"returncode":1,"returndata":""}`, "list team@acme.example removed"},
		{"action=getAllListsDomain&domain=acme.example", `{"returncode":1,"returndata":[{"listtype":"1","lname":"team"}]}`, ""},
		{"action=getListMembers&lname=team&domain=acme.example", `{"returncode":1,"returndata":["ada@acme.example","bob@acme.example"]}`, ""},
		{"action=addListMember&editlname=team&editdomain=acme.example&newmember=x@elsewhere.example", `{"returncode":1,"returndata":""}`, "list team@acme.example: x@elsewhere.example joined"},
		{"action=removeListMember&lname=team&domain=acme.example&member=bob@acme.example", `{"returncode":1,"returndata":""}`, "list team@acme.example: bob@acme.example left"},
		{"action=getAllForwardsDomain&domain=acme.example", `{"returncode":1,"returndata":[{"forward":"bob@acme.example","username":"ada"}]}`, ""},

		{"action=getAllDomains", `{"returncode":1,"returndata":[{"active":"1","domain":"acme.example","domaintype":"2","id":"1","isauditdomain":"0"}]}`, ""},
		{"action=getDomainInfo&domain=acme.example", `{"returncode":1,"returndata":{"active":"1","aliases":1,"audit_enabled":"0","catchall":"","domaintype":"2","dtzone":"","exchange_enabled":"0","expiry_notifications":0,"homecountry":"","lists":1,"localdelivery":"1","totalQuota":6000,"vusers":2,"webmail":"1"}}`, ""},
		{"action=addDomain&newdomain=new.example", `{"returncode":1,"returndata":""}`, "domain new.example added"},
		{"action=removeDomain&domain=acme.example", `{"returncode":1,"returndata":""}`, "domain acme.example removed, with all that was there"},
		{"action=updateDomain&domain=acme.example&editdomainactive=0", `{"returncode":1,"returndata":""}`, "domain acme.example: active false"},
		{"action=isDomainAvailable&domain=new.example", `{"returncode":1,"returndata":""}`, ""},
		{"action=getDomainAssignedQuota&domain=acme.example", `{"returncode":1,"returndata":{"totalquota":"6000"}}`, ""},
		{"action=getAdminStats", `{"returncode":1,"returndata":{"autogrow_quota":"0","curdomains":"1","cureemails":"1","curemails":1,"curquota":"6000","maxdomains":"100","maxeemails":"2","maxemails":"2","maxquota":"1000000"}}`, ""},
	} {
		t.Run(c.query, func(t *testing.T) {
			s := start(t)
			if status, body := s.ask(t, c.query); status != 200 || body != c.reply {
				t.Errorf("got  %d %s\nwant %s", status, body, c.reply)
			}
			log := s.Log()
			if got := strings.Join(log[len(log)-1].Changes, "|"); got != c.changes {
				t.Errorf("got  %s\nwant %s", got, c.changes)
			}
		})
	}
}

// TestErrors: what is wrong comes under HTTP 200 with returncode 0, and changes
// nothing.
func TestErrors(t *testing.T) {
	s := start(t)
	before := s.State()
	for query, text := range map[string]string{
		"action=nothing": "no action nothing",
		"action=addForward&newforward=x@elsewhere.example":                                                        "no action", // it takes a user's token, at another path
		"action=getUserInfo&username=ada":                                                                         "domain is missing",
		"action=getUserInfo&username=no&domain=acme.example":                                                      "no user",
		"action=addUser&username=eve&domain=acme.example&account_type=1&password=weak&quota=1&uname=E":            "eight characters",
		"action=addUser&username=eve&domain=acme.example&account_type=3&password=Secret%231&quota=1&uname=E":      "1 or 2",
		"action=addUser&username=eve&domain=acme.example&account_type=1&password=Secret%231&quota=much&uname=E":   "number of GB",
		"action=addUser&username=eve&domain=acme.example&account_type=1&password=Secret%231&quota=&uname=E":       "wanted",
		"action=addUser&username=bob&domain=acme.example&account_type=1&password=Secret%231&quota=1&uname=E":      "exists",
		"action=addUser&username=sales&domain=acme.example&account_type=1&password=Secret%231&quota=1&uname=E":    "exists", // an alias
		"action=addUser&username=team&domain=acme.example&account_type=1&password=Secret%231&quota=1&uname=E":     "exists", // a list
		"action=addUser&username=eve&domain=elsewhere.example&account_type=1&password=Secret%231&quota=1&uname=E": "no domain",
		"action=updateUser&username=bob&domain=acme.example&uname=x":                                              "editusername is missing",
		"action=addAlias&alias=info&domain=acme.example&forward=x@elsewhere.example":                              "no user",
		"action=addListMember&lname=team&domain=acme.example&member=x@elsewhere.example":                          "editlname is missing",
		"action=addListMember&editlname=team&editdomain=acme.example&newmember=bob@acme.example":                  "is a member",
		"action=removeListMember&lname=team&domain=acme.example&member=no@acme.example":                           "no member",
		"action=isDomainAvailable&domain=acme.example":                                                            "taken",
		"action=getAllUsersDomain&domain=acme.example&slicing=1":                                                  "numbers",
	} {
		status, body := s.ask(t, query)
		got := said(t, body)
		if message, _ := got.Data.(string); status != 200 || got.Code != 0 || !strings.Contains(message, text) {
			t.Errorf("%s: got %d %s", query, status, body)
		}
	}
	if !reflect.DeepEqual(before, s.State()) {
		t.Error("an error changed something")
	}
}

// TestDomainVerification: a record to publish.
func TestDomainVerification(t *testing.T) {
	_, body := start(t).ask(t, "action=getDomainVerification&domain=acme.example")
	if record := said(t, body).Data.(map[string]any); record["type"] != "TXT" || record["host"] != "acme.example" || record["value"] == "" {
		t.Errorf("got %s", body)
	}
}

// TestQuotaTrap: the quota is written in GB and read in MB. Whoever writes what
// was read asks for a thousand times as much.
func TestQuotaTrap(t *testing.T) {
	s := start(t, "numbers=bare")
	for gb, mb := range map[string]float64{"5": 5000, "0.5": 500, "1.25": 1250} {
		s.ask(t, "action=updateUser&editusername=bob&editdomain=acme.example&editquota="+gb)
		_, body := s.ask(t, "action=getUserInfo&username=bob&domain=acme.example")
		if got := said(t, body).Data.(map[string]any)["quota"]; got != mb {
			t.Errorf("%s GB: got %v", gb, got)
		}
	}
}

// TestHosts: both hosts know the same state; the primary one can fail alone; and
// users ask the fallback one alone.
func TestHosts(t *testing.T) {
	s := start(t, "fail=502,host=primary")
	list := url.Values{"action": {"getAllDomains"}, "token": {s.token}}
	if status, _ := post(t, s.primary+"/admin/json.php", list); status != 502 {
		t.Errorf("the primary host says %d", status)
	}
	if status, body := post(t, s.fallback+"/admin/json.php", list); status != 200 || said(t, body).Code != 1 {
		t.Errorf("the fallback host says %d %s", status, body)
	}
	s.quirk(t)
	if status, _ := post(t, s.primary+"/json.php", list); status != 404 {
		t.Errorf("the primary host says %d to users", status)
	}
	if log := s.Log(); log[1].Host != arraysim.Primary || log[2].Host != arraysim.Fallback {
		t.Errorf("the log has %v", log)
	}
}

// TestUserToken: a user's forwards take a user's token, which takes a password
// for one use.
func TestUserToken(t *testing.T) {
	s := start(t)
	_, body := s.ask(t, "action=getOTPass&username=bob&domain=acme.example")
	once := said(t, body).Data.(string)
	login := url.Values{"action": {"login"}, "username": {"bob"}, "domain": {"acme.example"}, "password": {once}}
	_, body = post(t, s.fallback+"/json.php", login)
	token := said(t, body).Data.(string)
	if _, body := post(t, s.fallback+"/json.php", login); said(t, body).Code != 0 {
		t.Errorf("the password works twice: %s", body)
	}
	for _, c := range []struct{ query, reply string }{
		{"action=addForward&newforward=x@elsewhere.example", `{"returncode":1,"returndata":""}`},
		{"action=getForwards", `{"returncode":1,"returndata":[{"forward":"x@elsewhere.example","username":"bob"}]}`},
		{"action=removeForward&forward=x@elsewhere.example", `{"returncode":1,"returndata":""}`},
		{"action=getForwards", `{"returncode":1,"returndata":[]}`},
	} {
		form, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		form.Set("token", token)
		if _, body := post(t, s.fallback+"/json.php", form); body != c.reply {
			t.Errorf("%s: got %s", c.query, body)
		}
		form.Set("token", s.token)
		if _, body := post(t, s.fallback+"/json.php", form); said(t, body).Code != 0 {
			t.Errorf("%s with an administrator's token: got %s", c.query, body)
		}
	}
	if status, body := post(t, s.primary+"/admin/json.php", url.Values{"action": {"getAllDomains"}, "token": {token}}); said(t, body).Code != 0 {
		t.Errorf("an administrator's action with a user's token: got %d %s", status, body)
	}
}

// TestLicences: what is licensed is counted by type, and no more is added.
func TestLicences(t *testing.T) {
	s := start(t)
	add := func(name, accountType string) int {
		_, body := s.ask(t, fmt.Sprintf("action=addUser&username=%s&domain=acme.example&account_type=%s&password=Secret%%231&quota=1&uname=x", name, accountType))
		return said(t, body).Code
	}
	if got := [4]int{add("c", "1"), add("d", "1"), add("e", "2"), add("f", "2")}; got != [4]int{1, 0, 1, 0} {
		t.Errorf("got %v", got)
	}
	_, body := s.ask(t, "action=updateUser&editusername=c&editdomain=acme.example&editaccount_type=2")
	if said(t, body).Code != 0 {
		t.Errorf("a third became Enhanced: %s", body)
	}
}

// TestSecrets: no password and no token is in the log or the state.
func TestSecrets(t *testing.T) {
	s := start(t)
	s.ask(t, "action=updateUser&editusername=bob&editdomain=acme.example&editpassword=Secret%231")
	if !s.PasswordIs("bob@acme.example", "Secret#1") {
		t.Error("the password was not set")
	}
	log, err := json.Marshal([]any{s.Log(), s.State()})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Secret#1", s.token, s.Credentials().Password} {
		if strings.Contains(string(log), secret) {
			t.Errorf("%s is written down", secret)
		}
	}
	want := simhttp.Entry{
		At: s.clock.now(), Host: arraysim.Primary, Method: "POST", Path: "/admin/json.php", Action: "updateUser", Kind: simhttp.Write,
		Fields: []string{"action=updateUser", "editdomain=acme.example", "editpassword=***", "editusername=bob", "token=***"}, Status: 200,
		Changes: []string{"bob@acme.example: passwords 0 -> 1"},
	}
	if got := s.Log()[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestState: what an account shows of itself begins another that is the same.
func TestState(t *testing.T) {
	s := start(t)
	s.ask(t, "action=updateDomain&domain=acme.example&editdomainactive=0")
	data, err := json.Marshal(s.State())
	if err != nil {
		t.Fatal(err)
	}
	state, err := simhttp.ReadState[arraysim.State](strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	other := arraysim.New(arraysim.Options{Domains: state.DomainNames()})
	if err := other.Add(state); err != nil {
		t.Fatal(err)
	}
	if got := other.State(); !reflect.DeepEqual(got, state) {
		t.Errorf("got  %+v\nwant %+v", got, state)
	}
}

// TestManyAtOnce: actions that come at once leave what actions in turn would.
func TestManyAtOnce(t *testing.T) {
	s := start(t, "late=1s")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			s.ask(t, fmt.Sprintf("action=addListMember&editlname=team&editdomain=acme.example&newmember=u%d@elsewhere.example", i))
			s.ask(t, "action=getListMembers&lname=team&domain=acme.example")
		})
	}
	all.Wait()
	if members := len(s.State().Lists[0].Members); members != 22 || len(s.Log()) != 41 {
		t.Errorf("%d members, %d requests", members, len(s.Log()))
	}
}
