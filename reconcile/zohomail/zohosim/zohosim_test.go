package zohosim_test

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

	"mailops/reconcile/simhttp"
	"mailops/reconcile/zohomail/zohosim"
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

// A scene is an organization, and a client of it.
type scene struct {
	*zohosim.Server
	clock *clock
	url   string
	token string
}

// start starts an organization with two users, ada and bob, and a group of both;
// quirks are set when they are there and a token was fetched.
func start(t *testing.T, words ...string) *scene {
	t.Helper()
	return startWith(t, zohosim.Options{}, words...)
}

func startWith(t *testing.T, o zohosim.Options, words ...string) *scene {
	t.Helper()
	s := &scene{clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}}
	o.Now = s.clock.now
	s.Server = zohosim.New(o)
	err := s.Add(zohosim.State{
		Users: []zohosim.User{
			{Address: "ada@acme.example", FirstName: "Ada", LastName: "Abdi", Role: "super_admin"},
			{Address: "bob@acme.example", FirstName: "Bob", LastName: "Berg"},
		},
		Groups: []zohosim.Group{{Address: "team@acme.example", Members: []zohosim.Member{{"ada@acme.example", "moderator"}, {"bob@acme.example", "member"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.fetchToken(t)
	s.clock.move(time.Hour / 2) // what is there has been for long
	q, err := zohosim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	s.SetQuirks(q)
	return s
}

// refresh asks for a token.
func (s *scene) refresh(t *testing.T) (status int, body string) {
	t.Helper()
	c := s.Credentials()
	return s.ask(t, "POST", "/oauth/v2/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {c.RefreshToken}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret},
	}.Encode())
}

func (s *scene) fetchToken(t *testing.T) {
	t.Helper()
	_, body := s.refresh(t)
	var reply struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || reply.Token == "" {
		t.Fatalf("no token in %s, %v", body, err)
	}
	s.token = reply.Token
}

// ask sends a request; a connection that ends is status 0. ZOID stands for the
// organization, and ADA and BOB for their account ids.
func (s *scene) ask(t *testing.T, method, path, body string) (status int, reply string) {
	t.Helper()
	names := strings.NewReplacer("ZOID", "60001234567", "ADA", "5250000000000008002", "BOB", "5250000000000008003")
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+names.Replace(path), strings.NewReader(names.Replace(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Zoho-oauthtoken "+s.token)
	if path == "/oauth/v2/token" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
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

// data is the data of a reply that must have this status.
func (s *scene) data(t *testing.T, status int, method, path, body string) any {
	t.Helper()
	got, reply := s.ask(t, method, path, body)
	if got != status {
		t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, got, reply, status)
	}
	var envelope struct {
		Status struct {
			Code        int    `json:"code"`
			Description string `json:"description"`
		} `json:"status"`
		Data any `json:"data"`
	}
	decoder := json.NewDecoder(strings.NewReader(reply))
	decoder.UseNumber()
	if err := decoder.Decode(&envelope); err != nil || envelope.Status.Code != status {
		t.Fatalf("%s %s: %s, %v", method, path, reply, err)
	}
	return envelope.Data
}

// record is what one user's record says.
func (s *scene) record(t *testing.T, address string) map[string]any {
	t.Helper()
	record, ok := s.data(t, 200, "GET", "/api/organization/ZOID/accounts/"+address, "").(map[string]any)
	if !ok {
		t.Fatalf("%s has no record", address)
	}
	return record
}

// put changes something that must succeed.
func (s *scene) put(t *testing.T, path, body string) {
	t.Helper()
	s.data(t, 200, "PUT", path, body)
}

const (
	accounts = "/api/organization/ZOID/accounts"
	bob      = accounts + "/BOB"
	bobByID  = accounts + "/700000002"
	team     = "/api/organization/ZOID/groups/800000003"
)

func asJSON(t *testing.T, data any) string {
	t.Helper()
	if data == nil {
		return ""
	}
	out, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestRecord: a record has every field that §1.4 lists, and new users have the
// defaults of §2.1.
func TestRecord(t *testing.T) {
	record := start(t).record(t, "bob@acme.example")
	for _, name := range strings.Fields(`zuid accountId accountName accountDisplayName displayName firstName lastName gender country language timeZone
		mobileNumber phoneNumer address URI isLogoExist primaryEmailAddress mailboxAddress incomingUserName emailAddress role roleName iamUserRole
		isCustomAdmin iamStatus type sequence enabled status mailboxStatus incomingBlocked outgoingBlocked imapAccessEnabled popAccessEnabled
		activeSyncEnabled imapBlocked popBlocked webBlocked smtpStatus spamcheckEnabled popFetchTime mxStatus tfaEnabled lastLogin lastPasswordReset
		lastClient accountCreationTime mailboxCreationTime userExpiry planType planStorage basicStorage usedStorage allowedStorage extraStorage
		extraEDiscoveryStorage ediscoveryStorage policyId sendMailDetails mailForward`) {
		if _, ok := record[name]; !ok {
			t.Errorf("%s is missing", name)
		}
		delete(record, name)
	}
	if len(record) > 0 {
		t.Errorf("what is not documented: %v", record)
	}
	record = start(t).record(t, "bob@acme.example")
	for name, want := range map[string]any{
		"incomingBlocked": false, "outgoingBlocked": false, "spamcheckEnabled": true, "imapAccessEnabled": false, "popAccessEnabled": false,
		"activeSyncEnabled": false, "accountId": "5250000000000008003", "zuid": json.Number("700000002"),
		"planStorage": json.Number("5"), "allowedStorage": json.Number("5242880"), "userExpiry": json.Number("-1"), "type": "ZOHO_ACCOUNT",
	} {
		if record[name] != want {
			t.Errorf("%s is %v, want %v", name, record[name], want)
		}
	}
}

// TestPolarity: of some settings true is what is allowed, of others what is
// blocked; each goes there and back, and moves no other.
func TestPolarity(t *testing.T) {
	settings := map[string]string{
		"updateIMAPStatus": "imapAccessEnabled", "updatePOPStatus": "popAccessEnabled", "updateMobileSyncStatus": "activeSyncEnabled",
		"updateIncomingStatus": "incomingBlocked", "updateOutgoingStatus": "outgoingBlocked",
	}
	s := start(t)
	for mode, key := range settings {
		for _, value := range []string{"true", "false"} {
			s.put(t, bob, `{"zuid":"700000002","mode":"`+mode+`","`+key+`":"`+value+`"}`)
			record := s.record(t, "bob@acme.example")
			for _, other := range settings {
				if record[other] != (other == key && value == "true") {
					t.Errorf("%s %s: %s is %v", key, value, other, record[other])
				}
			}
		}
	}
	s.put(t, bob, `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`)
	if u := s.Users()[1]; !u.IMAP || u.IncomingBlocked {
		t.Errorf("IMAP is allowed, and got %+v", u)
	}
	s.put(t, bob, `{"zuid":"700000002","mode":"updateIncomingStatus","incomingBlocked":"true"}`)
	if u := s.Users()[1]; !u.IMAP || !u.IncomingBlocked {
		t.Errorf("incoming is blocked, and got %+v", u)
	}
}

// TestLog: a test finds in the log what was asked and what changed, and no
// secret.
func TestLog(t *testing.T) {
	s := start(t)
	for range 2 {
		s.put(t, bob, `{"zuid":"700000002","mode":"updateIMAPStatus","imapAccessEnabled":"true"}`)
	}
	s.put(t, bobByID, `{"mode":"resetPassword","password":"Secret#1"}`)
	if !s.PasswordIs("bob@acme.example", "Secret#1") {
		t.Error("the password was not set")
	}
	log := s.Log()
	want := simhttp.Entry{
		At: s.clock.now(), Method: "PUT", Path: "/api/organization/60001234567/accounts/5250000000000008003", Action: "updateIMAPStatus", Kind: simhttp.Write,
		Fields: []string{"imapAccessEnabled=true", "mode=updateIMAPStatus", "zuid=700000002"}, Status: 200,
		Changes: []string{"bob@acme.example: imapAccessEnabled false -> true"},
	}
	if !reflect.DeepEqual(log[1], want) {
		t.Errorf("got  %+v\nwant %+v", log[1], want)
	}
	if len(log) != 4 || log[2].Changes != nil {
		t.Errorf("the second changed %v", log[2].Changes)
	}
	whole := fmt.Sprint(log) + asJSON(t, log) + asJSON(t, s.Users())
	for _, secret := range []string{"Secret#1", s.token, s.Credentials().ClientSecret, s.Credentials().RefreshToken} {
		if strings.Contains(whole, secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

// TestManyAtOnce: calls that come at once leave what calls in turn would.
func TestManyAtOnce(t *testing.T) {
	s := start(t, "late=1s")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			body := fmt.Sprintf(`{"primaryEmailAddress":"u%d@acme.example","password":"x","groupMailList":["team@acme.example"]}`, i)
			if status, reply := s.ask(t, "POST", accounts, body); status != 200 {
				t.Errorf("got %d %s", status, reply)
			}
			s.ask(t, "GET", accounts, "")
		})
	}
	all.Wait()
	if users, members := len(s.Users()), len(s.Groups()[0].Members); users != 22 || members != 22 || len(s.Log()) != 41 {
		t.Errorf("%d users, %d members, %d requests", users, members, len(s.Log()))
	}
}

// TestAddresses: an address that was given up can be had again, and an alias
// names its user.
func TestAddresses(t *testing.T) {
	s := start(t)
	s.put(t, bobByID, `{"zuid":"700000002","mode":"addEmailAlias","emailAlias":["b@acme.example"]}`)
	if got := s.record(t, "b@acme.example")["primaryEmailAddress"]; got != "bob@acme.example" {
		t.Errorf("got %v", got)
	}
	create := `{"primaryEmailAddress":"b@acme.example","password":"x"}`
	if status, reply := s.ask(t, "POST", accounts, create); status != 400 {
		t.Errorf("an alias was given away: %d %s", status, reply)
	}
	s.put(t, bobByID, `{"zuid":"700000002","mode":"deleteEmailAlias","emailAlias":["b@acme.example"]}`)
	s.data(t, 200, "POST", accounts, create)
	s.data(t, 200, "DELETE", accounts, `{"emailList":["bob@acme.example"]}`)
	s.data(t, 200, "DELETE", team, "")
	s.data(t, 200, "POST", accounts, `{"primaryEmailAddress":"bob@acme.example","password":"x"}`)
	s.data(t, 200, "POST", accounts, `{"primaryEmailAddress":"team@acme.example","password":"x"}`)
}

// TestState: what an organization shows of itself begins another that is the same.
func TestState(t *testing.T) {
	s := start(t)
	s.put(t, bob, `{"mode":"addMailForward","zuid":"700000002","mailForward":"x@elsewhere.example"}`)
	s.put(t, bob, `{"mode":"disableUser","zuid":"700000002","blockIncoming":"true"}`)
	state, err := simhttp.ReadState[zohosim.State](strings.NewReader(asJSON(t, zohosim.State{Users: s.Users(), Groups: s.Groups()})))
	if err != nil {
		t.Fatal(err)
	}
	other := zohosim.New(zohosim.Options{Domains: state.Domains()})
	if err := other.Add(state); err != nil {
		t.Fatal(err)
	}
	if got, want := asJSON(t, other.Users()), asJSON(t, s.Users()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := asJSON(t, other.Groups()), asJSON(t, s.Groups()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestDeterministic: the same seed has the same ids and secrets, another one has
// others.
func TestDeterministic(t *testing.T) {
	one, same, other := zohosim.New(zohosim.Options{}), zohosim.New(zohosim.Options{}), zohosim.New(zohosim.Options{Seed: 7})
	if one.Credentials() != same.Credentials() || one.Credentials() == other.Credentials() {
		t.Error("credentials do not follow the seed")
	}
}
