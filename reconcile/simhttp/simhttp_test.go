package simhttp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile/simhttp"
)

// counting is a service that counts: it returns how often it was asked to write.
type counting struct {
	mu sync.Mutex
	n  int
}

func (c *counting) Describe(r *simhttp.Request) {
	r.Kind, r.Fields, r.Refusable = simhttp.Read, simhttp.JSON(r.Body), r.Path == "/refusable"
	if r.Method == http.MethodPut {
		r.Kind, r.Action = simhttp.Write, "count"
	}
	if r.Path == "/token" {
		r.Kind = simhttp.Token
	}
}

func (c *counting) Serve(r *simhttp.Request, _ time.Time) simhttp.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.Refused:
		return simhttp.Answer{Status: 200, Body: []byte(`{"refused":true}`)}
	case r.Expired:
		return simhttp.Answer{Status: 401, Body: []byte(`{}`)}
	case r.Kind == simhttp.Read:
		return simhttp.Answer{Status: 200, Body: []byte(`{}`)}
	}
	c.n++
	return simhttp.Answer{Status: 200, Body: []byte(`{"n":1}`), Changes: []string{"counted"}}
}

func (c *counting) Error(status int, text string) simhttp.Answer {
	return simhttp.Answer{Status: status, Body: []byte(`{"error":"` + text + `"}`)}
}

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

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

// serve starts a counting service with the quirks of some words.
func serve(t *testing.T, words ...string) (*simhttp.Front, *counting, *clock, string) {
	t.Helper()
	var q simhttp.Quirks
	for _, word := range words {
		if known, err := q.Set(word); !known || err != nil {
			t.Fatalf("%s: known %v, %v", word, known, err)
		}
	}
	c, at := &counting{}, &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}
	f := &simhttp.Front{Service: c, Now: at.now}
	f.Arm(q)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.Serve("main", w, r) }))
	t.Cleanup(server.Close)
	return f, c, at, server.URL
}

// ask sends a request and returns what came of it.
func ask(t *testing.T, method, url string) (status int, header http.Header, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(`{"password":"Secret","name":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	return reply.StatusCode, reply.Header, string(data), err
}

// TestFaults shows each fault: what a client sees of a write, and whether the
// server acted.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		quirk  string
		status int
		body   string // the beginning
		broken bool
		acted  int
	}{
		{"cut", 0, "", true, 0},
		{"cut,after", 0, "", true, 1},
		{"fail", 500, `{"error":"simulator`, false, 0},
		{"fail=502,after", 502, `{"error":"simulator`, false, 1},
		{"html", 200, "<!DOCTYPE html>", false, 0},
		{"html,after", 200, "<!DOCTYPE html>", false, 1},
		{"half", 200, `{"n`, true, 1},
		{"slow=1ms", 200, `{"n":1}`, false, 1},
		{"huge=100000", 200, `{"filler":"xxx`, false, 1},
		{"empty", 200, "", false, 1},
		{"expire", 401, `{}`, false, 0},
		{"refuse", 200, `{"refused":true}`, false, 0},
	} {
		t.Run(c.quirk, func(t *testing.T) {
			f, service, _, url := serve(t, c.quirk)
			status, _, body, err := ask(t, http.MethodPut, url+"/refusable")
			if status != c.status || !strings.HasPrefix(body, c.body) || (err != nil) != c.broken || service.count() != c.acted {
				t.Errorf("got %d %.40q, %v, acted %d", status, body, err, service.count())
			}
			log := f.Log()
			if len(log) != 1 || log[0].Status != c.status || len(log[0].Changes) != c.acted || log[0].Fault == "" {
				t.Errorf("the log has %+v", log)
			}
		})
	}
}

// TestHugeAnswerIsTheAnswer: whoever reads to the end gets valid JSON.
func TestHugeAnswerIsTheAnswer(t *testing.T) {
	_, _, _, url := serve(t, "huge=200000")
	_, _, body, err := ask(t, http.MethodPut, url)
	var got struct {
		Filler string `json:"filler"`
		N      int    `json:"n"`
	}
	if err := errors.Join(err, json.Unmarshal([]byte(body), &got)); err != nil || len(got.Filler) != 200000 || got.N != 1 {
		t.Errorf("%v, filler %d, n %d", err, len(got.Filler), got.N)
	}
}

// TestHugeEndsWithTheClient: a gigabyte is streamed, and no more of it than the
// client takes.
func TestHugeEndsWithTheClient(t *testing.T) {
	_, _, _, url := serve(t, "huge")
	reply, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.CopyN(io.Discard, reply.Body, 1<<24); n != 1<<24 || err != nil || reply.ContentLength >= 0 {
		t.Errorf("read %d of %d, %v", n, reply.ContentLength, err)
	}
	reply.Body.Close()
} // and the server closes, which waits for the answer

// TestSlowEndsWithTheClient: a client that goes away is not waited for.
func TestSlowEndsWithTheClient(t *testing.T) {
	_, service, _, url := serve(t, "slow=1h")
	client := &http.Client{Timeout: 50 * time.Millisecond}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := client.Do(r)
	if err == nil {
		_, err = io.ReadAll(reply.Body)
		reply.Body.Close()
	}
	if err == nil || service.count() != 1 {
		t.Errorf("%v, acted %d", err, service.count())
	} // and the server closes at the end of the test, within its time
}

// TestWhich shows which of six requests a fault hits: three writes, each after a
// read.
func TestWhich(t *testing.T) {
	for quirk, want := range map[string][]int{
		"fail":                           {0, 1, 2, 3, 4, 5},
		"fail,nth=2":                     {1},
		"fail,nth=2,times=3":             {1, 2, 3},
		"fail,times=2":                   {0, 1},
		"fail,only=write":                {1, 3, 5},
		"fail,only=write,nth=3":          {5},
		"fail,only=read,nth=1":           {0},
		"fail,method=PUT,nth=1":          {1},
		"fail,path=/b":                   {2, 3},
		"fail,action=count,nth=2":        {3},
		"fail,host=other":                nil,
		"fail,host=main,only=read,nth=3": {4},
		"refuse":                         nil, // none of these can be refused within a 200
	} {
		t.Run(quirk, func(t *testing.T) {
			f, _, _, url := serve(t, quirk)
			for _, path := range []string{"/a", "/b", "/c"} {
				for _, method := range []string{http.MethodGet, http.MethodPut} {
					if _, _, _, err := ask(t, method, url+path); err != nil {
						t.Fatal(err)
					}
				}
			}
			var hit []int
			for i, e := range f.Log() {
				if e.Fault != "" {
					hit = append(hit, i)
				}
			}
			if !slices.Equal(hit, want) {
				t.Errorf("hit %v, want %v", hit, want)
			}
		})
	}
}

// TestThrottle: three a minute, whichever minute; one more locks the client out,
// for as long as it was told and no longer. Tokens are not counted.
func TestThrottle(t *testing.T) {
	for as, want := range map[string]int{"429": 429, "429-retry-after": 429, "400": 400, "403": 403} {
		f, service, at, url := serve(t, "throttle=3", "lock=5m", "throttled-as="+as)
		expect := func(path string, status int) http.Header {
			t.Helper()
			got, header, _, err := ask(t, http.MethodPut, url+path)
			if got != status || err != nil {
				t.Fatalf("%s: got %d, %v, want %d", as, got, err, status)
			}
			return header
		}
		expect("", 200)
		at.move(50 * time.Second)
		expect("", 200)
		expect("", 200)
		at.move(10 * time.Second)
		expect("", 200) // the first is a minute ago
		expect("/token", 200)
		header := expect("", want)
		if retry := header.Get("Retry-After"); (retry == "300") != (as == "429-retry-after") {
			t.Errorf("%s: Retry-After is %q", as, retry)
		}
		expect("/token", 200)
		at.move(5*time.Minute - time.Second)
		expect("", want)
		at.move(time.Second)
		expect("", 200)
		if f.Lockouts() != 1 || service.count() != 7 {
			t.Errorf("%s: %d lock-outs, acted %d", as, f.Lockouts(), service.count())
		}
	}
}

// TestLockedOutIsNotHit: who is locked out meets no fault, and the log says which
// of both it was.
func TestLockedOutIsNotHit(t *testing.T) {
	f, _, _, url := serve(t, "throttle=1", "fail,after,nth=2")
	for range 2 {
		if _, _, _, err := ask(t, http.MethodPut, url); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.Log()[1]; got.Fault != "locked out" || got.Status != 429 || got.Changes != nil {
		t.Errorf("the log has %+v", got)
	}
}

// TestWordsThatAreWrong: a quirk that is misspelt is an error, not none.
func TestWordsThatAreWrong(t *testing.T) {
	for _, word := range []string{
		"late=soon", "throttle=many", "lock=x", "throttled-as=500", "fail=x", "cut=1", "slow=x", "huge=x",
		"cut,when=now", "cut,nth=x", "cut,only=tokens", "slow,after",
	} {
		if known, err := new(simhttp.Quirks).Set(word); !known || err == nil {
			t.Errorf("%s: known %v, %v", word, known, err)
		}
	}
	if known, err := new(simhttp.Quirks).Set("first-row=1"); known || err != nil {
		t.Errorf("a simulator's own quirk: known %v, %v", known, err)
	}
}

// TestFaultsOfAStruct: what words take for granted holds for faults that a test
// writes as structs.
func TestFaultsOfAStruct(t *testing.T) {
	f, _, _, url := serve(t)
	f.Arm(simhttp.Quirks{Faults: []simhttp.Fault{{Kind: simhttp.Fail}}})
	if status, _, _, err := ask(t, http.MethodPut, url); status != 500 || err != nil {
		t.Errorf("got %d, %v", status, err)
	}
}

// TestMask: no secret is written down, wherever it stands.
func TestMask(t *testing.T) {
	got := simhttp.JSON([]byte(`{"password":"Secret","adminPassword":"Secret","zuid":12345678901234567890,"list":[{"confirmKey":"Secret","to":"a"}],"oneTimePassword":true,"resetAuthToken":"true"}`))
	want := []string{
		"adminPassword=***", `list=[{"confirmKey":"***","to":"a"}]`, "oneTimePassword=true", "password=***", "resetAuthToken=true", "zuid=12345678901234567890",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	form := simhttp.Query(map[string][]string{"editpassword": {"Secret"}, "token": {"Secret"}, "client_secret": {"Secret"}, "getOTPAndToken": {"0"}})
	if form != "client_secret=***&editpassword=***&getOTPAndToken=0&token=***" {
		t.Errorf("got %q", form)
	}
	if got := simhttp.JSON([]byte("Secret")); !slices.Equal(got, []string{"unreadable: 6 bytes"}) {
		t.Errorf("got %q", got)
	}
}

// TestOut: each request is a line.
func TestOut(t *testing.T) {
	var out bytes.Buffer
	f, _, _, url := serve(t)
	f.Out = &out
	if _, _, _, err := ask(t, http.MethodPut, url+"/x?token=Secret"); err != nil {
		t.Fatal(err)
	}
	f.Log() // waits for the entry
	if got := out.String(); got != "12:00:00 main PUT /x token=*** count name=x password=*** -> 200 (counted)\n" {
		t.Errorf("got %q", got)
	}
}

// TestTable: a record is read as it was.
func TestTable(t *testing.T) {
	var table simhttp.Table[string, int]
	start := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	table.Put(at(1), "b", 1)
	table.Put(at(2), "a", 2)
	table.Put(at(3), "b", 3)
	table.Delete(at(4), "b")
	table.Put(at(5), "b", 5)
	for second, want := range map[int][]int{0: nil, 1: {1}, 2: {1, 2}, 3: {3, 2}, 4: {2}, 5: {5, 2}, 9: {5, 2}} {
		var got []int
		for _, n := range table.AllAt(at(second)) {
			got = append(got, n)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %d: got %v, want %v", second, got, want)
		}
	}
	if n, ok := table.Get("b"); n != 5 || !ok {
		t.Errorf("got %d, %v", n, ok)
	}
	if _, ok := table.At(at(4), "b"); ok {
		t.Error("what is deleted is there")
	}
}
