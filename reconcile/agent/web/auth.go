package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
)

// A Token lets somebody in. It does not show itself in logs and texts.
type Token string

const hiddenToken = "(token)"

// String hides the token.
func (Token) String() string { return hiddenToken }

// GoString hides the token.
func (Token) GoString() string { return hiddenToken }

// MarshalText hides the token.
func (Token) MarshalText() ([]byte, error) { return []byte(hiddenToken), nil }

// Check says what is wrong with a token that is to let somebody in.
func (t Token) Check() error {
	switch {
	case t == "":
		return errors.New("there is no token in it")
	case len(t) < shortestToken:
		return fmt.Errorf("the token is shorter than %d characters", shortestToken)
	}
	return nil
}

// Auth says who may see the page, and who may pause. The zero value lets nobody
// in.
type Auth struct {
	// Loopback says that the server listens on loopback alone. Where nothing
	// else is said here, who is on this machine may read. A token that is given
	// is asked for on loopback too: a proxy on this machine may bring anybody,
	// and need not say so.
	Loopback bool

	Token    Token // lets in who has it; "" nobody
	Operator Token // lets in, and lets pause; "": Token does

	Proxy Proxy

	// Hosts are the names that the page is asked for by, beside those of
	// loopback, without a port.
	Hosts []string

	// Secure says that browsers reach the page by HTTPS.
	Secure bool
}

// A Proxy knows who somebody is, and says so in a header.
type Proxy struct {
	Header   string         // such as X-Forwarded-User; "": there is no proxy
	Networks []netip.Prefix // that it speaks from; from elsewhere the header counts for nothing
}

const shortestToken = 16

// Check says what is wrong, in a way that a server should not be started with.
func (a Auth) Check() error {
	switch {
	case a.Token != "" && a.Token.Check() != nil:
		return a.Token.Check()
	case a.Operator != "" && a.Operator.Check() != nil:
		return a.Operator.Check()
	case a.Proxy.Header != "" && len(a.Proxy.Networks) == 0:
		return fmt.Errorf("the header %s is believed from no network: name the proxy's (--proxy-network)", a.Proxy.Header)
	case a.Proxy.Header != "" || a.Token != "" || a.Operator != "":
		return nil
	case !a.Loopback:
		return errors.New("the page would let nobody in: give a token (--token-file) or a proxy's header (--proxy-header), or listen on loopback")
	case a.elsewhere():
		return errors.New("the page is reached from elsewhere, and would let anybody in: give a token (--token-file) or a proxy's header (--proxy-header)")
	}
	return nil
}

// elsewhere reports whether the page is reached by another name than those of
// loopback, or in another way: then something on this machine passes others on.
func (a Auth) elsewhere() bool { return len(a.Hosts) > 0 || a.Secure }

// open reports whether who is on this machine may read without a token.
func (a Auth) open() bool {
	return a.Loopback && a.Token == "" && a.Operator == "" && a.Proxy.Header == "" && !a.elsewhere()
}

// A caller is who asks.
type caller struct {
	name     string // that the proxy gives; "" is not known
	reads    bool
	operates bool
	session  string // of the cookie that lets them in; "" is none
	bearer   bool   // they sent the token itself: no browser does that by itself
}

// identify finds out who asks. It does not count attempts.
func (s *site) identify(r *http.Request) caller {
	var c caller
	from := source(r)
	if name, ok := s.Auth.Proxy.person(r, from); ok {
		c.name, c.reads = name, true
	}
	if s.Auth.open() && from.IsLoopback() && !passedOn(r) {
		c.reads = true
	}
	is := s.keys.session(sessionOf(r, s.Auth.Secure))
	if is == nobodyRole {
		is, c.bearer = s.keys.role(bearer(r)), bearer(r) != ""
	} else {
		c.session = sessionOf(r, s.Auth.Secure)
	}
	c.reads = c.reads || is != nobodyRole
	c.operates = is == operatorRole
	return c
}

// source is the machine that a request comes from; the zero value when it
// cannot be told.
func source(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// passedOn reports whether a proxy has passed a request on: then it is not of
// this machine, whatever its address says.
func passedOn(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"}, func(h string) bool { return r.Header.Get(h) != "" })
}

// person is who the proxy says that asks.
func (p Proxy) person(r *http.Request, from netip.Addr) (string, bool) {
	if p.Header == "" || !slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(from) }) {
		return "", false
	}
	said := r.Header.Values(p.Header)
	const longest = 254 // of an address
	if len(said) != 1 || said[0] == "" || len(said[0]) > longest || strings.ContainsFunc(said[0], func(c rune) bool { return !unicode.IsPrint(c) }) {
		return "", false
	}
	return said[0], true
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// same compares two texts in a time that tells nothing of either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// knows reports whether the page may be asked for by a host's name. Where
// whoever is on loopback may read, a name that somebody else owns must not lead
// there: a browser would take the page for one of theirs.
func (a Auth) knows(host string) bool {
	if !a.Loopback {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
	if at, err := netip.ParseAddr(name); err == nil {
		return at.IsLoopback() || slices.Contains(a.Hosts, name)
	}
	return name == "localhost" || slices.ContainsFunc(a.Hosts, func(h string) bool { return strings.EqualFold(h, name) })
}
