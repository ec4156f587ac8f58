package zohomail

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/zohomail/zohosim"
	"mailops/schema"
)

// A clock moves when somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

// A scene is a simulated organization and a client of it, with one clock.
type scene struct {
	*zohosim.Server
	*Client
	clock *clock
	url   string
	o     Options
}

// stage starts an organization of two users, ada and bob, and a group of both.
func stage(t *testing.T, words ...string) *scene {
	t.Helper()
	s := stageWith(t, zohosim.Options{}, Options{}, words...)
	s.add(t, zohosim.State{
		Users: []zohosim.User{
			{Address: "ada@acme.example", DisplayName: "Ada Abdi", Role: "super_admin"},
			{Address: "bob@acme.example", DisplayName: "Bob Berg"},
		},
		Groups: []zohosim.Group{{Address: "team@acme.example", Members: []zohosim.Member{{Address: "ada@acme.example", Role: "moderator"}, {Address: "bob@acme.example", Role: "member"}}}},
	})
	return s
}

func stageWith(t *testing.T, sim zohosim.Options, o Options, words ...string) *scene {
	t.Helper()
	s := &scene{clock: &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)}}
	q, err := zohosim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	sim.Now, sim.Quirks = s.clock.now, q
	s.Server = zohosim.New(sim)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	c := s.Credentials()
	o.Organization, o.Mail, o.Accounts = strconv.FormatInt(s.Server.Organization(), 10), server.URL, server.URL
	o.Credentials = Credentials{c.ClientID, c.ClientSecret, c.RefreshToken}
	o.Clock = hosted.Clock{Now: s.clock.now, Sleep: s.clock.sleep}
	s.o = o
	s.Client = s.client(t)
	return s
}

// ServeHTTP is the simulator's: the client has none.
func (s *scene) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Server.ServeHTTP(w, r) }

// client is another client, as of another process.
func (s *scene) client(t *testing.T) *Client {
	t.Helper()
	c, err := New(s.o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *scene) add(t *testing.T, state zohosim.State) {
	t.Helper()
	if err := s.Add(state); err != nil {
		t.Fatal(err)
	}
}

// quirk replaces the quirks.
func (s *scene) quirk(t *testing.T, words ...string) {
	t.Helper()
	q, err := zohosim.ParseQuirks(words...)
	if err != nil {
		t.Fatal(err)
	}
	s.SetQuirks(q)
}

// user is a user of the simulator, as it is.
func (s *scene) user(t *testing.T, address string) zohosim.User {
	t.Helper()
	for _, u := range s.Users() {
		if u.Address == address {
			return u
		}
	}
	t.Fatalf("there is no %s", address)
	return zohosim.User{}
}

// id is how the API names a user of the simulator.
func (s *scene) id(t *testing.T, address string) ID {
	t.Helper()
	u := s.user(t, address)
	return ID{strconv.FormatInt(u.ZUID, 10), strconv.FormatInt(u.AccountID, 10)}
}

// do sends a call that must come out well.
func (s *scene) do(t *testing.T, call hosted.Call) hosted.Answer {
	t.Helper()
	answer := s.Do(t.Context(), call, passwords)
	if !answer.Outcome.OK() {
		t.Fatalf("%s: %+v", call, answer)
	}
	return answer
}

// passwords are the secrets that calls of tests name.
var passwords = hosted.Secrets{"first": "Secret#1-of-tests"}

// requests counts those that are not for tokens.
func (s *scene) requests() (n int) {
	for _, e := range s.Log() {
		if e.Kind != "token" {
			n++
		}
	}
	return n
}

// mapped reads a user in the schema's words.
func (s *scene) mapped(t *testing.T, address string) Mapped {
	t.Helper()
	r, found, err := s.User(t.Context(), address)
	if err != nil || !found {
		t.Fatalf("%s: %v, %v", address, found, err)
	}
	return s.Map(r)
}

var active = schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true}
