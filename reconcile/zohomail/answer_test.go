package zohomail

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/zohomail/zohosim"
)

// answering is a client of a service that always answers the same.
func answering(t *testing.T, body string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/v2/token" {
			body := `{"access_token":"` + "an-access-token" + `","expires_in":3600}`
			_, _ = w.Write([]byte(body))
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	at := clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	c, err := New(Options{
		Organization: "7", Mail: server.URL, Accounts: server.URL, Credentials: Credentials{"an-id", "a-secret", "a-refresh-token"},
		Clock: hosted.Clock{Now: at.now, Sleep: at.sleep},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func outcomeOf(err error) (hosted.Answer, bool) {
	var failed *hosted.Error
	if errors.As(err, &failed) {
		return failed.Answer, true
	}
	return hosted.Answer{}, false
}

// TestClassify: what each answer means, wherever its words are.
func TestClassify(t *testing.T) {
	api := API{Organization: "7"}
	id := ID{"1", "2"}
	imap, remove, role := api.SetIMAP(id, true), api.DeleteUsers("1"), api.ChangeRole("admin", "1", "2")
	ok := `{"status":{"code":200,"description":"success"}`
	no := func(where, text string) string {
		return `{"status":{"code":400,"description":"Bad"},"data":{"` + where + `":"` + text + `"}}`
	}
	for _, c := range []struct {
		name   string
		call   hosted.Call
		status int
		body   string
		want   hosted.Outcome
		text   string
	}{
		{"done", imap, 200, ok + `}`, hosted.Done, ""},
		{"created", imap, 201, `{"status":{"code":201},"data":{}}`, hosted.Done, ""},
		{"a code that is quoted", imap, 200, `{"status":{"code":"200"}}`, hosted.Done, ""},
		{"refused under 200", imap, 200, `{"status":{"code":400,"description":"Bad"},"data":{"moreInfo":"no"}}`, hosted.Refused, "no"},
		{"empty", imap, 200, ``, hosted.Unknown, "empty"},
		{"not an envelope", imap, 200, `{"error":"x"}`, hosted.Unknown, "not as documented"},
		{"cut JSON", imap, 200, `{"status":`, hosted.Unknown, "not as documented"},
		{"moreInfo", imap, 400, no("moreInfo", "bad key"), hosted.Refused, "bad key"},
		{"error", imap, 400, no("error", "bad key"), hosted.Refused, "bad key"},
		{"errorCode", imap, 400, no("errorCode", "BAD"), hosted.Refused, "BAD"},
		{"errorData", imap, 400, no("errorData", "bad key"), hosted.Refused, "bad key"},
		{"errorData is an object", imap, 400, `{"status":{"code":400},"data":{"errorData":{"a":"b"}}}`, hosted.Refused, `{"a":"b"}`},
		{"message", imap, 400, `{"status":{"code":400,"message":"bad key"},"data":{}}`, hosted.Refused, "bad key"},
		{"no words", imap, 400, ``, hosted.Refused, ""},
		{"enabled already", imap, 400, no("moreInfo", "IMAP ALREADY ENABLED"), hosted.Already, "IMAP ALREADY ENABLED"},
		{"enabled already, the other way", imap, 400, no("error", "ALREADY_ENABLED"), hosted.Already, "ALREADY_ENABLED"},
		{"disabled already", imap, 400, no("error", "not enabled"), hosted.Already, "not enabled"},
		{"not there", imap, 404, no("moreInfo", "Account id 1 is invalid"), hosted.Refused, "Account id 1 is invalid"},
		{"deleted already", remove, 404, no("moreInfo", "Account id 1 is invalid"), hosted.Already, ""},
		{"one of two deleted already", api.DeleteUsers("1", "2"), 404, no("moreInfo", "Account id 1 is invalid"), hosted.Refused, "invalid"},
		{"no such call", imap, 404, no("moreInfo", noRule), hosted.Failed, "no such call"},
		{"no licence", imap, 400, no("moreInfo", noLicence), hosted.Refused, "before there is a licence"},
		{"not permitted", imap, 400, no("moreInfo", "OPERATION_NOT_PERMITTED"), hosted.Refused, "OPERATION_NOT_PERMITTED"},
		{"forbidden", imap, 403, ``, hosted.Refused, ""},
		{"the token", imap, 401, no("moreInfo", "x"), hosted.TokenFailed, "not accepted"},
		{"broken", imap, 500, ``, hosted.Unknown, "empty"},
		{"broken, with words", imap, 500, `{"status":{"code":500},"data":{"moreInfo":"sorry"}}`, hosted.Unknown, "sorry"},
		{"too many, as 400", imap, 400, no("moreInfo", "You have made too many requests continuously."), hosted.Throttled, "too many"},
		{"too many, as 403", imap, 403, no("error", "Too Many Requests"), hosted.Throttled, ""},
		{"too many, without words", imap, 429, ``, hosted.Throttled, "too many"},
		{"too many, as 200", imap, 200, `{"error":"too many requests"}`, hosted.Throttled, ""},
		{"roles", role, 200, ok + `,"data":[{"1":true},{"2":true}]}`, hosted.Done, ""},
		{"roles in one", role, 200, ok + `,"data":{"1":"true","2":true}}`, hosted.Done, ""},
		{"roles without data", role, 200, ok + `}`, hosted.Done, ""},
		{"a role that is refused", role, 200, ok + `,"data":[{"1":true},{"2":false}]}`, hosted.Refused, "users 2"},
		{"roles that cannot be read", role, 200, ok + `,"data":7}`, hosted.Unknown, "cannot be read"},
	} {
		got := classify(c.call, hosted.Reply{Status: c.status, Body: []byte(c.body)}, nil, nil)
		if got.Outcome != c.want || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
	for _, c := range []struct {
		err  error
		want hosted.Outcome
	}{
		{&hosted.FetchError{Sent: true, Err: io.EOF}, hosted.Unknown},
		{&hosted.FetchError{Err: io.EOF}, hosted.Failed},
		{&hosted.FetchError{Sent: true, Err: hosted.ErrRedirect}, hosted.Failed},
		{&hosted.FetchError{Sent: true, Err: hosted.ErrLong}, hosted.Unknown},
	} {
		if got := classify(imap, hosted.Reply{}, c.err, nil); got.Outcome != c.want {
			t.Errorf("%v: got %+v", c.err, got)
		}
	}
}

// TestFaults: what breaks while a change is sent, what that means, and how often it
// was sent: what may have been done is not sent again.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		quirk string
		want  hosted.Outcome
		sent  int
		done  bool
	}{
		{"cut,only=write", hosted.Unknown, 1, false},
		{"cut,after,only=write", hosted.Unknown, 1, true},
		{"half,only=write", hosted.Unknown, 1, true},
		{"html,only=write", hosted.Unknown, 1, false},
		{"html,after,only=write", hosted.Unknown, 1, true},
		{"fail=500,only=write", hosted.Unknown, 1, false},
		{"fail=500,after,only=write", hosted.Unknown, 1, true},
		{"empty,only=write", hosted.Unknown, 1, true},
		{"huge=1073741824,only=write", hosted.Unknown, 1, true},
		{"slow=1m,only=write", hosted.Unknown, 1, true},
		{"fail=400,only=write", hosted.Refused, 1, false},
		{"fail=429,only=write,nth=1", hosted.Done, 2, true},
		{"expire,only=write,nth=1", hosted.Done, 2, true},
		{"expire,only=write", hosted.TokenFailed, 2, false},
	} {
		t.Run(c.quirk, func(t *testing.T) {
			s := stageWith(t, zohosim.Options{}, Options{Timeout: time.Second})
			s.add(t, zohosim.Sample(2, "acme.example"))
			s.quirk(t, c.quirk)
			got := s.Do(t.Context(), s.SetPOP(s.id(t, "user1@acme.example"), true), nil)
			if got.Outcome != c.want || s.requests() != c.sent || s.user(t, "user1@acme.example").POP != c.done {
				t.Errorf("got %+v after %d requests, POP %v", got, s.requests(), s.user(t, "user1@acme.example").POP)
			}
		})
	}
}

// TestUnreachable: nothing listens there. Nothing was sent, and that is told.
func TestUnreachable(t *testing.T) {
	s := stage(t)
	if _, err := s.ListUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(nil)
	listener.Close()
	s.Client.mail.Base = listener.URL
	if got := s.Do(t.Context(), s.SetPOP(s.id(t, "bob@acme.example"), true), nil); got.Outcome != hosted.Failed {
		t.Errorf("got %+v", got)
	}
	if _, err := s.ListUsers(t.Context()); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
