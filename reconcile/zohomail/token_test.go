package zohomail

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/zohomail/zohosim"
)

// asked counts requests for tokens.
func (s *scene) asked() (n int) {
	for _, e := range s.Log() {
		if e.Kind == "token" {
			n++
		}
	}
	return n
}

// keeping is a scene whose clients keep their state.
func keeping(t *testing.T, words ...string) *scene {
	t.Helper()
	s := stageWith(t, zohosim.Options{}, Options{State: filepath.Join(t.TempDir(), "state"), PerMinute: 1000}, words...)
	s.add(t, zohosim.Sample(3, "acme.example"))
	return s
}

// TestTokenKept: one token serves all processes for an hour, in files that nobody
// else may read.
func TestTokenKept(t *testing.T) {
	s := keeping(t)
	for range 6 {
		if _, err := s.client(t).ListUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.clock.sleep(t.Context(), 14*time.Minute)
	}
	if s.asked() != 2 {
		t.Errorf("%d tokens in 70 minutes", s.asked())
	}
	files, err := filepath.Glob(filepath.Join(s.o.State, "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
	token := filepath.Join(s.o.State, "zoho-"+s.o.Credentials.digest(s.o.Accounts)+".token")
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client(t).ListUsers(t.Context()); err == nil || !strings.Contains(err.Error(), "can be used by others") {
		t.Errorf("a token that others can read: %v", err)
	}
}

// TestTokenLimit: whatever happens, ten tokens in ten minutes are the most that is
// asked for, over processes too.
func TestTokenLimit(t *testing.T) {
	for _, quirk := range []string{"expire", "fail=401,only=read", "revoked", "cut,only=token", "html,only=token", "empty,only=token"} {
		s := keeping(t, quirk)
		var last error
		for range 30 {
			if _, last = s.client(t).ListUsers(t.Context()); last == nil {
				t.Fatalf("%s: it went well", quirk)
			}
		}
		if s.asked() > mostTokens {
			t.Errorf("%s: %d tokens were asked for", quirk, s.asked())
		}
		a, _ := outcomeOf(last)
		if a.Outcome != hosted.Throttled || a.Until.Sub(s.clock.now()) > 11*time.Minute {
			t.Errorf("%s: %v", quirk, last)
		}
		s.clock.sleep(t.Context(), 11*time.Minute)
		s.quirk(t)
		if _, err := s.client(t).ListUsers(t.Context()); err != nil {
			t.Errorf("%s: eleven minutes later: %v", quirk, err)
		}
	}
}

// TestTokenThrottled: the token endpoint's own lock-out is waited for, by the next
// process too.
func TestTokenThrottled(t *testing.T) {
	s := keeping(t, "token-throttle")
	for range 3 {
		_, err := s.client(t).ListUsers(t.Context())
		if a, _ := outcomeOf(err); a.Outcome != hosted.Throttled || s.asked() != 1 {
			t.Errorf("%v after %d", err, s.asked())
		}
	}
	s.clock.sleep(t.Context(), 11*time.Minute)
	s.quirk(t)
	if _, err := s.client(t).ListUsers(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTokenHints: what is wrong with credentials, told apart.
func TestTokenHints(t *testing.T) {
	for _, c := range []struct {
		first bool // the credentials worked before
		quirk string
		spoil func(*Options)
		want  string
	}{
		{false, "wrong-region", nil, "another region, or was revoked"},
		{false, "revoked", nil, "another region, or was revoked"},
		{true, "revoked", nil, "was good here until 2026-07-01, and has been revoked"},
		{false, "", func(o *Options) { o.Credentials.ClientSecret = "another-one" }, "invalid_client: the client id or the client secret"},
		{false, "", func(o *Options) { o.Credentials.RefreshToken = "another-one" }, "invalid_code"},
		{false, "huge=1073741824,only=token", nil, "too long"},
		{false, "fail=500,only=token", nil, "without a token"},
	} {
		s := keeping(t)
		if c.first {
			if _, err := s.client(t).ListUsers(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if c.spoil != nil {
			c.spoil(&s.o)
		}
		if c.quirk != "" {
			s.quirk(t, c.quirk)
		}
		_, err := s.client(t).ListUsers(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.quirk, err)
		}
	}
}

// TestTokenTogether: many at a time get one token.
func TestTokenTogether(t *testing.T) {
	s := keeping(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.ListUsers(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s.asked() != 1 {
		t.Errorf("%d tokens", s.asked())
	}
}

// TestCredentials: from the environment, or a file of one's own.
func TestCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("url=http://127.0.0.1:1\nclient_id = 1000.A\nclient_secret=bee-bee\nrefresh_token=1000.C\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{EnvFile: file, EnvClientSecret: "from-the-environment"}
	getenv := func(name string) string { return env[name] }
	if c, err := ReadCredentials(getenv); err != nil || c != (Credentials{"1000.A", "from-the-environment", "1000.C"}) {
		t.Errorf("got %#v, %v", c, err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCredentials(getenv); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read: %v", err)
	}
	env = map[string]string{EnvClientID: "a", EnvClientSecret: "b\nc", EnvRefreshToken: "d"}
	if _, err := ReadCredentials(getenv); err == nil || strings.Contains(err.Error(), "b\nc") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadCredentials(func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), EnvClientID) {
		t.Errorf("got %v", err)
	}
}

// TestOptions: what cannot work is said before anybody is asked.
func TestOptions(t *testing.T) {
	good := Credentials{"a", "b", "c"}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Organization: "7", Region: "eu", Credentials: good}, ""},
		{Options{Organization: "7", Region: "ca", Mail: "https://mail.zoho.ca", Credentials: good}, ""},
		{Options{Organization: "7", Region: "ae", Credentials: good}, "not documented"},
		{Options{Organization: "7", Region: "ae", Accounts: "https://accounts.example", Credentials: good}, ""},
		{Options{Organization: "7", Credentials: good}, "a region"},
		{Options{Organization: "7", Region: "mars", Credentials: good}, "one of ae, au, ca, cn, eu, in, jp, sa, us"},
		{Options{Organization: "7/x", Region: "eu", Credentials: good}, "its id is a number"},
		{Options{Organization: "7", Region: "eu", Mail: "http://mail.zoho.eu", Credentials: good}, "https://"},
		{Options{Organization: "7", Region: "eu"}, "credentials"},
		{Options{Organization: "7", Region: "eu", Credentials: good, Settings: Settings{Bools: "x"}}, "setting bools"},
		{Options{Organization: "7", Region: "eu", Credentials: good, Settings: Settings{PageSize: -1}}, "below zero"},
	} {
		if _, err := New(c.o); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
}
