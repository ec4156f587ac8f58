package zohosim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"mailops/reconcile/simhttp"
)

// TestAdmin: a test in another process sets quirks, and reads what happened.
func TestAdmin(t *testing.T) {
	s := start(t)
	if status, reply := s.ask(t, "PUT", simhttp.AdminPath+"quirks", `{"quirks":["ids=bare","cut,after,only=write,nth=3"]}`); status != 200 {
		t.Fatalf("got %d %s", status, reply)
	}
	if got := asJSON(t, s.record(t, "bob@acme.example")); !strings.Contains(got, `"accountId":5250000000000008003`) {
		t.Errorf("the quirk is not on: %s", got)
	}
	for path, want := range map[string]string{
		"quirks": `"ids": "bare"`, "state": `"primaryEmailAddress": "bob@acme.example"`, "lockouts": `"lockouts": 0`, "log": `"path": "/oauth/v2/token"`,
	} {
		status, reply := s.ask(t, "GET", simhttp.AdminPath+path, "")
		if status != 200 || !strings.Contains(reply, want) {
			t.Errorf("%s: got %d %s", path, status, reply)
		}
	}
	_, reply := s.ask(t, "GET", simhttp.AdminPath+"log", "")
	var log []simhttp.Entry
	if err := json.Unmarshal([]byte(reply), &log); err != nil || len(log) != 2 {
		t.Errorf("%d requests, %v", len(log), err)
	}
	for path, body := range map[string]string{"quirks": `{"quirks":["nothing"]}`, "other": `{}`} {
		if status, reply := s.ask(t, "PUT", simhttp.AdminPath+path, body); status < 400 {
			t.Errorf("%s: got %d %s", path, status, reply)
		}
	}
}
