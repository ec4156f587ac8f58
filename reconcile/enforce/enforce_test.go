package enforce_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/enforce"
	"mailops/schema"
)

const (
	ana   = schema.Address("ana@acme.example")
	bruno = schema.Address("bruno@acme.example")
)

// A gate is a store as mail servers see it, in memory.
type gate struct {
	mu      sync.Mutex
	access  map[schema.Address]reconcile.Access
	notices chan reconcile.Notice
	broken  error
}

func newGate() *gate {
	return &gate{access: map[schema.Address]reconcile.Access{ana: allowed(), bruno: allowed()}, notices: make(chan reconcile.Notice, 1000)}
}

// allowed is a user who may use everything but backups.
func allowed() reconcile.Access {
	return reconcile.Access{Password: "p1", Refused: map[string]string{"backup": "not deactivated"}, Masters: map[string]bool{}}
}

func (g *gate) Access(_ context.Context, users []schema.Address) (map[schema.Address]reconcile.Access, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[schema.Address]reconcile.Access)
	for _, u := range users {
		if a, ok := g.access[u]; ok {
			out[u] = a
		}
	}
	return out, g.broken
}

func (g *gate) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case n := <-g.notices:
				if !yield(n) {
					return
				}
			}
		}
	}
}

func (g *gate) ClosedTo(context.Context, schema.Address, schema.Address) (schema.Address, error) {
	return "", nil
}

func (g *gate) Close() error { return nil }

// set changes what a user may do, and tells it.
func (g *gate) set(user schema.Address, change func(*reconcile.Access)) {
	g.mu.Lock()
	a := g.access[user]
	refused := make(map[string]string)
	for service, reason := range a.Refused {
		refused[service] = reason
	}
	a.Refused = refused
	change(&a)
	g.access[user] = a
	g.mu.Unlock()
	g.notices <- reconcile.Notice{Users: []schema.Address{user}}
}

// A server has sessions and a log of what was asked of it.
type server struct {
	mu       sync.Mutex
	sessions []enforce.Session
	log      []string
	broken   error
	looks    int
}

func (s *server) Sessions(context.Context) ([]enforce.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return slices.Clone(s.sessions), s.broken
}

func (s *server) Kick(_ context.Context, user schema.Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.log = append(s.log, "kick "+string(user))
	s.sessions = slices.DeleteFunc(s.sessions, func(e enforce.Session) bool { return e.User == user })
	return nil
}

func (s *server) Flush(_ context.Context, users []schema.Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	names := "everybody"
	if len(users) > 0 {
		names = string(users[0])
	}
	s.log = append(s.log, "flush "+names)
	return nil
}

// done returns the log so far, and empties it.
func (s *server) done() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := strings.Join(s.log, ", ")
	s.log = nil
	return out
}

func (s *server) open(user schema.Address, service string, ips ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions = append(s.sessions, enforce.Session{User: user, Service: service, IPs: ips})
}

func (s *server) looked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looks
}

func (s *server) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// story runs an enforcer in a bubble of its own time.
func story(t *testing.T, o enforce.Options, tell func(t *testing.T, g *gate, s *server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g, s := newGate(), new(server)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- enforce.Run(ctx, g, s, o) }()
		synctest.Wait()
		tell(t, g, s)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// soon lets the time pass within which access must be gone.
func soon() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func refuse(service, reason string) func(*reconcile.Access) {
	return func(a *reconcile.Access) { a.Refused[service] = reason }
}

func TestTakenAway(t *testing.T) {
	for _, test := range []struct {
		name    string
		session enforce.Session
		change  func(*reconcile.Access)
		kicked  bool
	}{
		{"imap off", enforce.Session{Service: "imap"}, refuse("imap", "IMAP is not enabled"), true},
		{"pop off, and the session is imap", enforce.Session{Service: "imap"}, refuse("pop3", "POP3 is not enabled"), false},
		{"webmail off", enforce.Session{Service: "imap"}, refuse("webmail", "Webmail is not enabled"), true},
		{"sieve off", enforce.Session{Service: "sieve"}, refuse("sieve", "ManageSieve is not enabled"), true},
		{"delivery is no session", enforce.Session{Service: "lmtp"}, refuse("imap", "IMAP is not enabled"), false},
		{"another name", enforce.Session{Service: "imap"}, func(*reconcile.Access) {}, false},
		{"a new password", enforce.Session{Service: "imap"}, func(a *reconcile.Access) { a.Password = "p2" }, true},
		{"another network", enforce.Session{Service: "imap", IPs: []string{"192.0.2.1"}}, func(a *reconcile.Access) { a.Networks = []string{"10.0.0.0/8"} }, true},
		{"the same network", enforce.Session{Service: "imap", IPs: []string{"10.1.2.3", "::ffff:10.1.2.3"}}, func(a *reconcile.Access) { a.Networks = []string{"10.0.0.0/8"} }, false},
		{"no network at all", enforce.Session{Service: "imap", IPs: []string{"10.1.2.3"}}, func(a *reconcile.Access) { a.Networks = []string{"nonsense"} }, true},
		{"a backup of somebody deactivated", enforce.Session{Service: "pop3", IPs: []string{"127.0.0.1"}}, func(a *reconcile.Access) {
			a.Refused = map[string]string{"pop3": "deactivated", "imap": "deactivated"}
			a.Networks = []string{"10.0.0.0/8"}
		}, true}, // it was a sign-in of the user's before, as far as one knows
	} {
		t.Run(test.name, func(t *testing.T) {
			story(t, enforce.Options{}, func(t *testing.T, g *gate, s *server) {
				test.session.User = ana
				s.open(ana, test.session.Service, test.session.IPs...)
				s.open(bruno, "imap", "192.0.2.7")
				g.notices <- reconcile.Notice{}
				soon()
				if got := s.done(); got != "" {
					t.Fatalf("before the change: %s", got)
				}
				g.set(ana, test.change)
				soon()
				want := map[bool]string{true: "kick ana@acme.example"}[test.kicked]
				if got := s.done(); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

// TestFirstLook: what one finds when one starts may be older than a change, so
// it is ended where anything refuses it. Later, who comes is let in by the
// store as it is.
func TestFirstLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := newGate(), new(server)
		g.access[ana] = reconcile.Access{Refused: map[string]string{"imap": "off", "backup": "not deactivated"}}
		s.open(ana, "imap") // may be webmail
		s.open(bruno, "imap")
		s.open("gone@x", "pop3") // is nobody
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- enforce.Run(ctx, g, s, enforce.Options{}) }()
		soon()
		got := strings.Split(s.done(), ", ")
		slices.Sort(got)
		if want := []string{"kick ana@acme.example", "kick gone@x"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		s.open(ana, "imap") // by webmail
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := s.done(); got != "" {
			t.Errorf("later: %q", got)
		}
		stop()
		<-ended
	})
}

// TestHours: nothing in the store changes when hours end, so one looks at each
// full minute.
func TestHours(t *testing.T) {
	story(t, enforce.Options{}, func(t *testing.T, g *gate, s *server) {
		s.open(ana, "imap")
		soon()
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)) - time.Second)
		g.mu.Lock()
		g.access[ana] = reconcile.Access{Password: "p1", Refused: map[string]string{"imap": "hours", "webmail": "hours", "activesync": "hours"}}
		g.mu.Unlock()
		synctest.Wait()
		if got := s.done(); got != "" {
			t.Fatalf("before the minute: %s", got)
		}
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		if got := s.done(); got != "kick ana@acme.example" {
			t.Errorf("after the minute: %q", got)
		}
	})
}

// TestLoginInFlight: a sign-in that was answered before the change may become a
// session after one looked.
func TestLoginInFlight(t *testing.T) {
	story(t, enforce.Options{}, func(t *testing.T, g *gate, s *server) {
		s.open(ana, "pop3")
		g.notices <- reconcile.Notice{}
		soon()
		g.set(ana, refuse("pop3", "off"))
		time.Sleep(200 * time.Millisecond)
		s.open(ana, "pop3")
		soon()
		if got := s.done(); got != "kick ana@acme.example, kick ana@acme.example" {
			t.Errorf("got %q", got)
		}
	})
}

// TestGrantEnds: who came in by a grant is out when it ends.
func TestGrantEnds(t *testing.T) {
	story(t, enforce.Options{}, func(t *testing.T, g *gate, s *server) {
		g.set(ana, func(a *reconcile.Access) { a.Masters = map[string]bool{"support": true} })
		s.open(ana, "imap")
		g.notices <- reconcile.Notice{}
		soon()
		g.set(ana, func(a *reconcile.Access) { a.Masters = nil })
		soon()
		if got := s.done(); got != "kick ana@acme.example" {
			t.Errorf("got %q", got)
		}
	})
}

// TestQueue: what the mail server does not take is done when it is back, and
// not before it makes sense to try.
func TestQueue(t *testing.T) {
	story(t, enforce.Options{Cache: true}, func(t *testing.T, g *gate, s *server) {
		if got := s.done(); got != "flush everybody" {
			t.Fatalf("at the start: %q", got)
		}
		s.open(ana, "sieve")
		g.notices <- reconcile.Notice{Users: []schema.Address{bruno}}
		soon()
		s.done()
		s.breaks(errors.New("down"))
		g.set(ana, refuse("sieve", "off"))
		before := s.looked()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if tries := s.looked() - before; tries < 10 || tries > 40 {
			t.Errorf("%d tries in ten minutes", tries)
		}
		s.breaks(nil)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if got := s.done(); got != "flush ana@acme.example, kick ana@acme.example" {
			t.Errorf("after the outage: %q", got)
		}
		g.mu.Lock()
		g.broken = reconcile.ErrUnreachable
		g.mu.Unlock()
		g.notices <- reconcile.Notice{}
		soon()
		if got := s.done(); got != "flush everybody" { // nobody is ended because the store is away
			t.Errorf("without the store: %q", got)
		}
	})
}

// TestBurst: a thousand changes are few looks.
func TestBurst(t *testing.T) {
	story(t, enforce.Options{}, func(t *testing.T, g *gate, s *server) {
		soon()
		before := s.looked()
		for range 1000 {
			g.notices <- reconcile.Notice{}
		}
		soon()
		soon()
		if looks := s.looked() - before; looks < 1 || looks > 4 {
			t.Errorf("%d looks", looks)
		}
	})
}
