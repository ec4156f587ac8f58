// Package zohosim simulates the part of Zoho Mail's administration API that a
// store of users needs: one organization, its users, aliases, forwards and
// groups, and the endpoint that hands out OAuth tokens. It is built from
// documentation and from what public clients show, as reference/seed-systems.md
// §1 collects it, and was never compared with the service. What the sources do
// not say, it does not do; where they contradict each other, a quirk says who is
// right. A text that begins with "simulator:" is its own and no word of Zoho's.
// Imports: the standard library and simhttp, so that a store cannot lean on a
// mistake that it shares with its simulator.
package zohosim

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"mailops/reconcile/simhttp"
)

// Options say what a simulated organization begins with. The zero value is an
// organization without users at acme.example.
type Options struct {
	Now          func() time.Time // nil is the machine's clock
	Out          io.Writer        // where requests are written, a line each; nil is nowhere
	Organization int64            // the zoid; 0 is 60001234567
	Name         string
	Domains      []string // the first is the primary one
	Everywhere   bool     // it takes addresses at other domains too, as if they were verified
	Licences     int      // how many users there may be; 0 is any number
	Seed         int64    // tokens differ by it
	Code         string   // an authorization code that can be exchanged once; "" is none
	Quirks       Quirks
}

// Credentials are what a client needs.
type Credentials struct {
	ClientID, ClientSecret, RefreshToken string
}

// A Server is a simulated organization.
type Server struct {
	front simhttp.Front

	mu      sync.Mutex
	options Options
	quirks  Quirks
	users   simhttp.Table[int64, User]  // by zuid
	groups  simhttp.Table[int64, Group] // by zgid
	owners  map[string]int64            // the zuid or zgid that has an address
	account map[int64]int64             // the zuid of an accountId
	tokens  tokens
	looks   map[int64]int // how often a user was read since the name changed
	ids     int64         // how many were given
}

// New makes a simulated organization.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Organization == 0 {
		o.Organization = 60001234567
	}
	if len(o.Domains) == 0 {
		o.Domains = []string{"acme.example"}
	}
	if o.Name == "" {
		o.Name = "Acme"
	}
	s := &Server{options: o, looks: make(map[int64]int), owners: make(map[string]int64), account: make(map[int64]int64)}
	s.tokens.code = o.Code
	s.front = simhttp.Front{Service: service{s}, Admin: service{s}, Now: o.Now, Out: o.Out}
	s.SetQuirks(o.Quirks)
	return s
}

// ServeHTTP answers calls of the API, of the accounts host, and below
// simhttp.AdminPath.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.front.Serve("", w, r) }

// Organization is the zoid.
func (s *Server) Organization() int64 { return s.options.Organization }

// Credentials are what the token endpoint accepts.
func (s *Server) Credentials() Credentials {
	return Credentials{
		ClientID: "1000." + s.random("client"), ClientSecret: s.random("secret"),
		RefreshToken: "1000." + s.random("refresh"),
	}
}

// Log is every request until now.
func (s *Server) Log() []simhttp.Entry { return s.front.Log() }

// Lockouts is how often too many requests led to a lock-out.
func (s *Server) Lockouts() int { return s.front.Lockouts() }

// SetQuirks replaces the quirks.
func (s *Server) SetQuirks(q Quirks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.quirks = q
	s.front.Arm(q.Quirks)
}

// AddUser adds a user beside the API, as an administrator does in the console,
// and returns it with its ids.
func (s *Server) AddUser(u User) (User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, address := range append([]string{u.Address}, u.Aliases...) {
		if problem := s.cannotHave(address); problem != "" {
			return User{}, fmt.Errorf("add %s: %s", u.Address, problem)
		}
	}
	return s.put(s.options.Now(), u), nil
}

// RemoveUser removes a user beside the API.
func (s *Server) RemoveUser(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.byAddress(address)
	if !ok {
		return fmt.Errorf("remove %s: there is no such user", address)
	}
	s.remove(s.options.Now(), u)
	return nil
}

// AddGroup adds a group beside the API, and returns it with its id.
func (s *Server) AddGroup(g Group) (Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if problem := s.cannotHave(g.Address); problem != "" {
		return Group{}, fmt.Errorf("add %s: %s", g.Address, problem)
	}
	return s.putGroup(s.options.Now(), g), nil
}

// Users are the users as they are, in the order in which they were added.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []User
	for _, u := range s.users.All() {
		out = append(out, u)
	}
	return out
}

// Groups are the groups as they are, in the order in which they were added.
func (s *Server) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Group
	for _, g := range s.groups.All() {
		out = append(out, g)
	}
	return out
}

// PasswordIs reports whether a user has this password. No password is shown.
func (s *Server) PasswordIs(address, password string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.byAddress(address)
	return ok && u.password == password
}

// random is a secret that the seed decides.
func (s *Server) random(of string) string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%d %s", s.options.Seed, of)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// next counts the ids that were given.
func (s *Server) next() int64 {
	s.ids++
	return s.ids
}

// cannotHave says why nobody can be given an address, or "".
func (s *Server) cannotHave(address string) string {
	_, domain, _ := strings.Cut(address, "@")
	if !s.options.Everywhere && !slices.Contains(s.options.Domains, domain) {
		return fmt.Sprintf("simulator: %q is at none of the organization's domains", address)
	}
	id, taken := s.owners[address]
	if _, group := s.groups.Get(id); group {
		return fmt.Sprintf("simulator: %s is a group", address)
	}
	if taken {
		return fmt.Sprintf("simulator: %s exists", address)
	}
	return ""
}
