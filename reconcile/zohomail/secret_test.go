package zohomail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"mailops/reconcile/internal/hosted"
)

// TestNoSecret: a service that says back all that it was sent, in every way in
// which an answer can be wrong, makes no error, answer or journal tell a secret.
func TestNoSecret(t *testing.T) {
	const access = "1000.access-token-of-tests"
	secrets := []string{"client-secret-of-tests", "refresh-token-of-tests", access, passwords["first"]}
	for status := range map[int]bool{200: true, 302: true, 400: true, 401: true, 403: true, 404: true, 429: true, 500: true} {
		for _, form := range []string{`{"status":{"code":400,"description":%q},"data":{"moreInfo":%q}}`, `{"error":%q,"error_description":%q}`, `<html>%s %s`, `%s %s`} {
			for _, tokens := range []bool{true, false} {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					known := secrets // to whom they are sent
					if r.URL.Path == "/oauth/v2/token" {
						known = secrets[:2]
					}
					body := fmt.Sprintf(form, strings.Join(known, " "), r.Header.Get("Authorization"))
					if r.URL.Path == "/oauth/v2/token" && tokens {
						_, _ = fmt.Fprintf(w, `{"access_token":%q}`, access)
						return
					}
					w.Header().Set("Location", "https://elsewhere.example/?"+url.QueryEscape(strings.Join(secrets, " ")))
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				}))
				s := echo(t, server.URL, secrets)
				answer := s.Do(t.Context(), s.CreateUser(NewUser{Address: "a@acme.example", Password: "first"}), passwords)
				_, errList := s.ListUsers(t.Context())
				journal, err := json.Marshal([]any{s.CreateUser(NewUser{Address: "a@acme.example", Password: "first"}), answer})
				if err != nil || answer.Outcome.OK() || errList == nil {
					t.Fatalf("%d %s: %+v, %v, %v", status, form, answer, errList, err)
				}
				told := fmt.Sprintf("%s %v %+v %#v %v %+v %#v", journal, answer, answer, answer, errList, s.options, s.options)
				for _, secret := range secrets {
					if strings.Contains(told, secret) || strings.Contains(told, url.QueryEscape(secret)) {
						t.Errorf("%d %s: told: %s", status, form, told)
					}
				}
				server.Close()
			}
		}
	}
}

func echo(t *testing.T, base string, secrets []string) *Client {
	t.Helper()
	at := clock{}
	c, err := New(Options{
		Organization: "7", Mail: base, Accounts: base, PerMinute: 1000, Credentials: Credentials{"an-id", secrets[0], secrets[1]},
		Clock: hosted.Clock{Now: at.now, Sleep: at.sleep},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
