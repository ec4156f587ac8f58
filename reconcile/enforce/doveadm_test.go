package enforce_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/enforce"
	"mailops/schema"
)

// TestDoveadm talks to a server that answers as Dovecot 2.3.19 was seen to,
// broken lists included. The end-to-end proofs talk to a real one.
func TestDoveadm(t *testing.T) {
	var asked []string
	answers := map[string]string{
		`"who"`:            `[["doveadmResponse",[{"username":"ana@acme.example","connections":"1","service":"sieve","pids":"(13199)","ips":"(127.0.0.1)"}],{"username":"bruno@acme.example","connections":"2","service":"imap","pids":"(1 2)","ips":"(10.0.0.1 2001:db8::1)"},"mailops"]]`,
		`"kick"`:           `[["error",{"type":"exitCode", "exitCode":68},"mailops"]]`,
		`"authCacheFlush"`: `[["doveadmResponse",[{"entries":"0"}],"mailops"]]`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "X-Dovecot-API c2VjcmV0" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, string(body))
		for command, answer := range answers {
			if strings.Contains(string(body), command) {
				_, _ = io.WriteString(w, answer)
			}
		}
	}))
	defer server.Close()
	d := enforce.Dovecot{URL: server.URL, Key: "secret"}
	sessions, err := d.Sessions(t.Context())
	if err != nil || len(sessions) != 2 || sessions[1].User != "bruno@acme.example" || !slices.Equal(sessions[1].IPs, []string{"10.0.0.1", "2001:db8::1"}) {
		t.Errorf("sessions %+v, error %v", sessions, err)
	}
	if err := d.Kick(t.Context(), "nobody@acme.example"); err != nil {
		t.Errorf("nobody to kick: %v", err)
	}
	for _, users := range [][]schema.Address{nil, {"ana@acme.example"}} {
		if err := d.Flush(t.Context(), users); err != nil {
			t.Errorf("flush %v: %v", users, err)
		}
	}
	want := []string{
		`[["who",{},"mailops"]]`, `[["kick",{"mask":["nobody@acme.example"]},"mailops"]]`,
		`[["authCacheFlush",{"user":[]},"mailops"]]`, `[["authCacheFlush",{"user":["ana@acme.example"]},"mailops"]]`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	for _, broken := range []string{`[["error",{"type":"unknownMethod"},"mailops"]]`, `[["error",{"type":"exitCode","exitCode":75},"mailops"]]`, `[]`, `[["doveadmResponse"]]`, `[["doveadmResponse",[1],"t"]]`, ``, `{`} {
		answers[`"kick"`] = broken
		if err := d.Kick(t.Context(), "ana@acme.example"); err == nil {
			t.Errorf("the answer %q is no error", broken)
		}
	}
	wrong := enforce.Dovecot{URL: server.URL, Key: "wrong"}
	if _, err := wrong.Sessions(t.Context()); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong key: %v", err)
	}
}
