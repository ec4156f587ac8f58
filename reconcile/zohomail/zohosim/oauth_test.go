package zohosim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/zohomail/zohosim"
)

// TestTokens holds §1.1: how tokens are had, how long they are good, and how many
// there may be.
func TestTokens(t *testing.T) {
	s := start(t)
	s.clock.move(30 * time.Minute) // an hour after the token was fetched
	s.data(t, 401, "GET", accounts, "")
	_, body := s.refresh(t)
	var reply map[string]any
	if err := json.Unmarshal([]byte(body), &reply); err != nil || reply["expires_in"] != 3600.0 || reply["token_type"] != "Bearer" || reply["api_domain"] != s.url || reply["refresh_token"] != nil {
		t.Errorf("got %s, %v", body, err)
	}
	for range 9 {
		s.fetchToken(t)
	}
	s.data(t, 200, "GET", accounts, "")
	for range 2 {
		if status, body := s.refresh(t); status != 400 || !strings.Contains(body, `"error":"Access Denied"`) {
			t.Errorf("the eleventh: got %d %s", status, body)
		}
	}
	s.clock.move(10 * time.Minute)
	s.fetchToken(t)
}

// TestThirtyTokens: the oldest of more than thirty is dropped without a word.
func TestThirtyTokens(t *testing.T) {
	s := start(t)
	first := ""
	for i := range 31 {
		if i%10 == 0 {
			s.clock.move(10 * time.Minute)
		}
		if s.fetchToken(t); i == 0 {
			first = s.token
		}
	}
	if s.token = first; s.data(t, 401, "GET", accounts, "") == nil {
		t.Error("the first of 31 is good")
	}
}

// TestNoToken: what is wrong with credentials comes as HTTP 200, and with the
// header as 401.
func TestNoToken(t *testing.T) {
	s := startWith(t, zohosim.Options{Code: "once"})
	c := s.Credentials()
	form := "grant_type=refresh_token&refresh_token=" + c.RefreshToken + "&client_id=" + c.ClientID + "&client_secret=" + c.ClientSecret
	for from, want := range map[string]string{c.RefreshToken: "invalid_code", c.ClientSecret: "invalid_client", c.ClientID: "invalid_client", "=refresh_token&": "invalid_code"} {
		if status, body := s.ask(t, "POST", "/oauth/v2/token", strings.Replace(form, from, "=x&", 1)); status != 200 || body != `{"error":"`+want+`"}` {
			t.Errorf("without %s: got %d %s", from, status, body)
		}
	}
	code := "grant_type=authorization_code&code=once&client_id=" + c.ClientID + "&client_secret=" + c.ClientSecret
	if _, body := s.ask(t, "POST", "/oauth/v2/token?"+code, ""); !strings.Contains(body, c.RefreshToken) {
		t.Errorf("got %s", body)
	}
	if _, body := s.ask(t, "POST", "/oauth/v2/token?"+code, ""); body != `{"error":"invalid_code"}` {
		t.Errorf("the code works twice: %s", body)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/organization", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token) // as the token's type suggests
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != 401 {
		t.Errorf("got %v, %v", answer, err)
	}
	answer.Body.Close()
}

// TestTokenQuirks: each quirk of tokens.
func TestTokenQuirks(t *testing.T) {
	for _, c := range []struct {
		quirk  string
		token  string
		status int // of a call with the token from before
	}{
		{"wrong-region", `{"error":"invalid_code"}`, 401},
		{"revoked", `{"error":"invalid_code"}`, 401},
		{"refuse,only=token", `{"error":"invalid_code"}`, 200},
		{"token-throttle", `Access Denied`, 200},
		{"expire", `access_token`, 401},
	} {
		s := start(t, c.quirk)
		_, body := s.refresh(t)
		status, _ := s.ask(t, "GET", accounts, "")
		if !strings.Contains(body, c.token) || status != c.status {
			t.Errorf("%s: got %s and %d", c.quirk, body, status)
		}
	}
	s := start(t, "expire,nth=2,only=read")
	s.data(t, 200, "GET", accounts, "")
	s.data(t, 401, "GET", accounts, "")
	s.data(t, 401, "GET", accounts, "") // it does not come back
	s.fetchToken(t)
	s.data(t, 200, "GET", accounts, "")
}
