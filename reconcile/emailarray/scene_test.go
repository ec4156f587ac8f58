package emailarray_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/reconcile/emailarray"
	"mailops/reconcile/emailarray/arraysim"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/reconcile/simhttp"
	"mailops/schema"
)

// clock is a clock that a test moves, as does who waits.
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

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.move(d)
	return ctx.Err()
}

// A request is one that came to the service, whole.
type request struct {
	host, method, path, kind string
	form                     url.Values
}

// A scene is a simulated account, and a client of it.
type scene struct {
	*arraysim.Server
	emailarray.Service
	clock   *clock
	options emailarray.Options

	mu  sync.Mutex
	got []request
}

const acme = "acme.example"

// people are two users, an alias and a list, and a domain without any.
var people = arraysim.State{
	Domains: []arraysim.Domain{{Name: acme}, {Name: "empty.example"}},
	Users: []arraysim.User{
		{Username: "ada", Domain: acme, Name: "Ada Abdi", AccountType: "2", QuotaMB: 5000, UsageMB: 12, LastAuth: "1780000000", Forwards: []string{"bob@acme.example", "ada@partner.example"}},
		{Username: "bob", Domain: acme, Name: "Bob Berg", QuotaMB: 500, Disabled: true},
	},
	Aliases: []arraysim.Alias{{Alias: "sales", Domain: acme, Forward: "ada@acme.example"}},
	Lists:   []arraysim.List{{Name: "team", Domain: acme, Members: []string{"bob@acme.example", "ada@acme.example"}}},
}

// start starts an account with people, and a client whose options may be changed.
func start(t *testing.T, state arraysim.State, change func(*emailarray.Options), quirks ...string) *scene {
	t.Helper()
	s := &scene{clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}}
	s.Server = arraysim.New(arraysim.Options{Now: s.clock.now, MaxBasic: 5000, MaxEnhanced: 5000, Domains: state.DomainNames()})
	if err := s.Add(state); err != nil {
		t.Fatal(err)
	}
	s.clock.move(time.Hour) // what is there has been for long
	c := s.Credentials()
	s.options = emailarray.Options{
		Primary: s.serve(t, arraysim.Primary, s.Primary()), Fallback: s.serve(t, arraysim.Fallback, s.Fallback()),
		Credentials: emailarray.Credentials{Username: c.Username, Password: c.Password},
		Clock:       hosted.Clock{Now: s.clock.now, Sleep: s.clock.sleep},
		Limit:       1 << 20,
	}
	if change != nil {
		change(&s.options)
	}
	s.renew(t)
	s.quirk(t, quirks...)
	return s
}

// renew makes a new client, as another process would.
func (s *scene) renew(t *testing.T) {
	t.Helper()
	client, err := emailarray.New(s.options)
	if err != nil {
		t.Fatal(err)
	}
	s.Service = emailarray.Service{Client: client}
}

// serve serves a host, and writes down what comes.
func (s *scene) serve(t *testing.T, name string, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.got = append(s.got, request{name, r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), form})
		s.mu.Unlock()
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// quirk replaces the quirks.
func (s *scene) quirk(t *testing.T, words ...string) {
	t.Helper()
	q, err := arraysim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	s.SetQuirks(q)
}

// sent are the actions that arrived since a length of the log.
func (s *scene) sent(since int) (out []string) {
	for _, e := range s.Log()[since:] {
		out = append(out, e.Action)
	}
	return out
}

// writes are the requests that changed something.
func writes(log []simhttp.Entry) (out []simhttp.Entry) {
	return slices.DeleteFunc(slices.Clone(log), func(e simhttp.Entry) bool { return len(e.Changes) == 0 })
}

// apply makes one resource of another, and sends again what is known not to have
// been done, as an apply would.
func (s *scene) apply(t *testing.T, before, after schema.Resource) {
	t.Helper()
	for _, call := range s.calls(t, before, after) {
		if a := s.do(t, call); !a.Outcome.OK() {
			t.Fatalf("%s: %s: %v", call.Name, a.Outcome, a.Err(call.Name))
		}
	}
}

// calls are those of all operations that make one resource of another.
func (s *scene) calls(t *testing.T, before, after schema.Resource) (out []hosted.Call) {
	t.Helper()
	for _, o := range s.operations(t, before, after) {
		out = append(out, o.Call)
	}
	return out
}

// operations are all that make one resource of another: what creates it, and what
// follows.
func (s *scene) operations(t *testing.T, before, after schema.Resource) []piecemeal.Operation {
	t.Helper()
	out, err := s.Operations(before, after, nil)
	if err != nil {
		t.Fatal(err)
	}
	if before == nil {
		if len(out) != 1 || !out[0].Creates {
			t.Fatalf("%s is created by %+v", after.Key(), out)
		}
		more, err := s.Operations(s.Newcomer(after), after, nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, more...)
	}
	return out
}

func (s *scene) do(t *testing.T, call hosted.Call) (a hosted.Answer) {
	t.Helper()
	for range 3 {
		if a = s.Do(t.Context(), call, nil); a.Outcome != hosted.Unknown {
			return a
		}
	}
	return a
}

// read reads all there is.
func (s *scene) read(t *testing.T) piecemeal.Reading {
	t.Helper()
	r, err := s.Read(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
