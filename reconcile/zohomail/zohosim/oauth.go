package zohosim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mailops/reconcile/simhttp"
)

// The limits of §1.1, which the token endpoint documents.
const (
	tokenLife   = 3600 * time.Second
	tokenWindow = 10 * time.Minute
	perWindow   = 10 // access tokens per refresh token
	maxLive     = 30 // access tokens; the oldest is dropped without a word
)

// tokens are the access tokens that were handed out.
type tokens struct {
	live   []accessToken // the oldest first
	made   int
	window time.Time // when the first of the current window was handed out
	count  int       // in that window
	code   string    // what can be exchanged once
}

type accessToken struct {
	text  string
	until time.Time
}

// tokenPath is where the accounts host hands out tokens (§1.1).
const tokenPath = "/oauth/v2/token"

// token answers POST {accounts}/oauth/v2/token, from §1.1: errors arrive as
// HTTP 200, throttling as HTTP 400, and a refresh brings no new refresh token.
func (s *Server) token(r *simhttp.Request, now time.Time) simhttp.Answer {
	form, err := tokenForm(r)
	if err != nil || r.Method != http.MethodPost {
		return s.fail(http.StatusBadRequest, "simulator: POST a form")
	}
	c := s.Credentials()
	switch {
	case s.quirks.TokenThrottle:
		return deny()
	case r.Refused, s.quirks.WrongRegion, s.quirks.Revoked:
		return oauthError("invalid_code")
	case form.Get("client_id") != c.ClientID, form.Get("client_secret") != c.ClientSecret:
		return oauthError("invalid_client")
	}
	switch form.Get("grant_type") {
	case "refresh_token":
		if form.Get("refresh_token") != c.RefreshToken {
			return oauthError("invalid_code")
		}
		return s.grant(r, now, "")
	case "authorization_code":
		if s.tokens.code == "" || form.Get("code") != s.tokens.code {
			return oauthError("invalid_code")
		}
		s.tokens.code = ""
		return s.grant(r, now, c.RefreshToken)
	}
	return oauthError("invalid_code")
}

// tokenForm are the parameters of a token request, from the body and the query.
func tokenForm(r *simhttp.Request) (url.Values, error) {
	form, err := url.ParseQuery(string(r.Body))
	for name, values := range r.Query {
		form[name] = append(form[name], values...)
	}
	return form, err
}

// grant hands out an access token, up to ten in ten minutes (§1.1).
func (s *Server) grant(r *simhttp.Request, now time.Time, refresh string) simhttp.Answer {
	t := &s.tokens
	if !now.Before(t.window.Add(tokenWindow)) {
		t.window, t.count = now, 0
	}
	if t.count++; t.count > perWindow {
		return deny()
	}
	t.made++
	text := "1000." + s.random(fmt.Sprintf("access %d", t.made))
	t.live = append(t.live, accessToken{text, now.Add(tokenLife)})
	if len(t.live) > maxLive {
		t.live = t.live[1:]
	}
	reply := map[string]any{
		"access_token": text, "expires_in": int(tokenLife.Seconds()), "api_domain": r.Origin, "token_type": "Bearer",
	}
	if refresh != "" {
		reply["refresh_token"] = refresh
	}
	return simhttp.Answer{Status: http.StatusOK, Body: encode(reply), Changes: []string{"an access token was handed out"}}
}

func oauthError(text string) simhttp.Answer {
	return simhttp.Answer{Status: http.StatusOK, Body: encode(map[string]any{"error": text})}
}

// deny is the throttled token endpoint (§1.1).
func deny() simhttp.Answer {
	return simhttp.Answer{Status: http.StatusBadRequest, Body: encode(map[string]any{
		"error":             "Access Denied",
		"error_description": "You have made too many requests continuously. Please try again after some time.",
	})}
}

// authorized checks the header of §1.1: Zoho-oauthtoken, although a token's type
// is said to be Bearer.
func (s *Server) authorized(r *simhttp.Request, now time.Time) bool {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Zoho-oauthtoken ")
	if r.Expired {
		s.tokens.forget(text)
	}
	if !ok || s.quirks.Revoked || s.quirks.WrongRegion {
		return false
	}
	for _, t := range s.tokens.live {
		if t.text == text && now.Before(t.until) {
			return true
		}
	}
	return false
}

func (t *tokens) forget(text string) {
	for i := range t.live {
		if t.live[i].text == text {
			t.live[i].until = time.Time{}
		}
	}
}

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only maps, lists, texts and numbers are encoded
	}
	return data
}
