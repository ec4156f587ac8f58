// Package arraysim simulates the API of EmailArray, which PolarisMail operates:
// forms that are posted, JSON that comes back, and a returncode that says under
// HTTP 200 whether anything was done. It is built from what the vendor's own
// module for a billing system and a public client send and read, as
// reference/seed-systems.md §4.3 collects it, and was never compared with the
// service. What no client does, it does not do. A text that begins with
// "simulator:" is its own and no word of the service's. Imports: the standard
// library and simhttp, so that a store cannot lean on a mistake that it shares
// with its simulator.
package arraysim

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

// The hosts of the service, as faults and the log name them.
const (
	Primary  = "primary"  // cfcp.emailarray.com
	Fallback = "fallback" // cp.emailarray.com, asked when the primary one answers 500 and above; users ask it alone
)

// Options say what a simulated account begins with. The zero value is an account
// with the domain acme.example and no users.
type Options struct {
	Now         func() time.Time // nil is the machine's clock
	Out         io.Writer        // where requests are written, a line each; nil is nowhere
	Domains     []string
	MaxBasic    int   // how many Basic mailboxes there may be; 0 is 100
	MaxEnhanced int   // and Enhanced ones; 0 is 100
	MaxQuotaMB  int64 // 0 is 1000 GB
	Seed        int64 // tokens and the password differ by it
	Quirks      Quirks
}

// Credentials are what an administrator signs in with.
type Credentials struct {
	Username, Password string
}

// A Server is a simulated account.
type Server struct {
	front simhttp.Front

	mu      sync.Mutex
	options Options
	quirks  Quirks
	domains simhttp.Table[string, Domain]
	users   simhttp.Table[string, User]  // by address
	aliases simhttp.Table[string, Alias] // by address
	lists   simhttp.Table[string, List]  // by address
	tokens  map[string]token
	once    map[string]string // one-time passwords, by address
	made    int               // tokens and one-time passwords
}

// New makes a simulated account.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if len(o.Domains) == 0 {
		o.Domains = []string{"acme.example"}
	}
	o.MaxBasic, o.MaxEnhanced = orElse(o.MaxBasic, 100), orElse(o.MaxEnhanced, 100)
	if o.MaxQuotaMB == 0 {
		o.MaxQuotaMB = 1_000_000
	}
	s := &Server{options: o, tokens: make(map[string]token), once: make(map[string]string)}
	for i, name := range o.Domains {
		s.domains.Put(o.Now(), name, Domain{ID: i + 1, Name: name})
	}
	s.front = simhttp.Front{Service: service{s}, Admin: service{s}, Now: o.Now, Out: o.Out}
	s.SetQuirks(o.Quirks)
	return s
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Primary answers as cfcp.emailarray.com does.
func (s *Server) Primary() http.Handler { return host{s, Primary} }

// Fallback answers as cp.emailarray.com does, which users ask too.
func (s *Server) Fallback() http.Handler { return host{s, Fallback} }

// A host is one of the service's. Both know the same state.
type host struct {
	server *Server
	name   string
}

// ServeHTTP answers calls of the API, and below simhttp.AdminPath.
func (h host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.server.front.Serve(h.name, w, r) }

// Credentials are what login accepts.
func (s *Server) Credentials() Credentials {
	return Credentials{Username: "admin", Password: s.random("password")}
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

// Add adds what a state has, beside the API.
func (s *Server) Add(state State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.options.Now()
	for _, d := range state.Domains {
		before, _ := s.domains.Get(d.Name)
		d.ID = before.ID
		s.domains.Put(now, d.Name, d)
	}
	for _, u := range state.Users {
		if problem := s.cannotHave(u.Username, u.Domain); problem != "" {
			return fmt.Errorf("add %s: %s", u.Address(), problem)
		}
		s.users.Put(now, u.Address(), u.filled())
	}
	for _, a := range state.Aliases {
		if problem := s.cannotHave(a.Alias, a.Domain); problem != "" {
			return fmt.Errorf("add %s: %s", a.Address(), problem)
		}
		s.aliases.Put(now, a.Address(), a)
	}
	for _, l := range state.Lists {
		if problem := s.cannotHave(l.Name, l.Domain); problem != "" {
			return fmt.Errorf("add %s: %s", l.Address(), problem)
		}
		s.lists.Put(now, l.Address(), l.filled())
	}
	return nil
}

// RemoveUser removes a user beside the API.
func (s *Server) RemoveUser(address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users.Get(address); !ok {
		return fmt.Errorf("remove %s: there is no such user", address)
	}
	s.users.Delete(s.options.Now(), address)
	return nil
}

// State is what the account has, in the order in which it was added.
func (s *Server) State() (out State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.domains.All() {
		out.Domains = append(out.Domains, d)
	}
	for _, u := range s.users.All() {
		out.Users = append(out.Users, u)
	}
	for _, a := range s.aliases.All() {
		out.Aliases = append(out.Aliases, a)
	}
	for _, l := range s.lists.All() {
		out.Lists = append(out.Lists, l)
	}
	return out
}

// Users are the users, in the order in which they were added.
func (s *Server) Users() []User { return s.State().Users }

// PasswordIs reports whether a user has this password. No password is shown.
func (s *Server) PasswordIs(address, password string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users.Get(address)
	return ok && u.password == password
}

// random is a secret that the seed decides.
func (s *Server) random(of string) string {
	h := fnv.New128a()
	fmt.Fprintf(h, "%d %s", s.options.Seed, of)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// cannotHave says why a name cannot be given at a domain, or "". Names are unique
// across mailboxes, aliases and lists (§4.1).
func (s *Server) cannotHave(name, domain string) string {
	address := name + "@" + domain
	_, known := s.domains.Get(domain)
	_, user := s.users.Get(address)
	_, alias := s.aliases.Get(address)
	_, list := s.lists.Get(address)
	switch {
	case !known:
		return fmt.Sprintf("simulator: there is no domain %q", domain)
	case name == "" || strings.Contains(name, "@"):
		return fmt.Sprintf("simulator: %q is no name", name)
	case user || alias || list:
		return fmt.Sprintf("simulator: %s exists", address)
	}
	return ""
}

// strong reports whether a password is what the panel asks for: eight
// characters, of four kinds (§4.1).
func strong(password string) bool {
	kinds := [4]bool{}
	for _, c := range password {
		switch {
		case c >= 'a' && c <= 'z':
			kinds[0] = true
		case c >= 'A' && c <= 'Z':
			kinds[1] = true
		case c >= '0' && c <= '9':
			kinds[2] = true
		default:
			kinds[3] = true
		}
	}
	return len(password) >= 8 && !slices.Contains(kinds[:], false)
}
