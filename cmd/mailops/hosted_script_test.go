package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/simhttp"
	"mailops/reconcile/zohomail/zohosim"
)

// cmdSimulate starts a simulated service, with so many people or what a file has,
// and sets MAILOPS_STORE and the credentials of it: simulate zohomail|emailarray
// USERS|FILE [LICENCES]. Where it can be asked is in $SIMULATOR.
func cmdSimulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: simulate zohomail|emailarray USERS|FILE [LICENCES]")
	}
	licences := 0
	if len(args) > 2 {
		var err error
		licences, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	switch args[0] {
	case "zohomail":
		state := zohosim.State{}
		if n, err := strconv.Atoi(args[1]); err == nil {
			state = zohosim.Sample(n, "acme.example")
		} else {
			ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &state))
		}
		s := zohosim.New(zohosim.Options{Domains: state.Domains(), Licences: licences})
		ts.Check(s.Add(state))
		host := serveSimulator(ts, s)
		c := s.Credentials()
		ts.Setenv("MAILOPS_ZOHO_CLIENT_ID", c.ClientID)
		ts.Setenv("MAILOPS_ZOHO_CLIENT_SECRET", c.ClientSecret)
		ts.Setenv("MAILOPS_ZOHO_REFRESH_TOKEN", c.RefreshToken)
		ts.Setenv("MAILOPS_STORE", "zohomail://"+strconv.FormatInt(s.Organization(), 10)+"?mail="+host+"&accounts="+host+"&tls=off&rate=6000")
	case "emailarray":
		var state arraysim.State
		ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &state))
		s := arraysim.New(arraysim.Options{Domains: state.DomainNames(), MaxBasic: licences, MaxEnhanced: licences})
		ts.Check(s.Add(state))
		fallback := serveSimulator(ts, s.Fallback())
		host := serveSimulator(ts, s.Primary())
		c := s.Credentials()
		ts.Setenv("MAILOPS_EMAILARRAY_USERNAME", c.Username)
		ts.Setenv("MAILOPS_EMAILARRAY_PASSWORD", c.Password)
		ts.Setenv("MAILOPS_STORE", "emailarray://"+host+"?fallback="+fallback+"&tls=off&rate=6000")
	default:
		ts.Fatalf("there is no simulator of %s", args[0])
	}
}

// serveSimulator serves a simulator for as long as the script runs, and returns
// where.
func serveSimulator(ts *testscript.TestScript, h http.Handler) string {
	server := httptest.NewServer(h)
	ts.Defer(server.Close)
	ts.Setenv("SIMULATOR", server.URL)
	u, err := url.Parse(server.URL)
	ts.Check(err)
	return u.Host
}

// cmdQuirks sets the quirks of the simulated service: quirks WORDS...
func cmdQuirks(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: quirks WORDS...")
	}
	body, err := json.Marshal(map[string][]string{"quirks": append([]string{}, args...)})
	ts.Check(err)
	request, err := http.NewRequest(http.MethodPut, ts.Getenv("SIMULATOR")+simhttp.AdminPath+"quirks", bytes.NewReader(body))
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		ts.Fatalf("the simulator answers %s", response.Status)
	}
}

// cmdSimulated writes what the simulated service tells of itself into a file:
// simulated log|state|lockouts FILE.
func cmdSimulated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: simulated log|state|lockouts FILE")
	}
	response, err := http.Get(ts.Getenv("SIMULATOR") + simhttp.AdminPath + args[0])
	ts.Check(err)
	defer response.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text.Bytes(), 0o600))
}
