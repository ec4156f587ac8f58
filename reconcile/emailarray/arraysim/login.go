package arraysim

import (
	"fmt"
	"time"

	"mailops/reconcile/simhttp"
)

// A token is what login returns.
type token struct {
	user  string // whose; "" is an administrator's
	given time.Time
}

// login answers action login (§4.3): for an administrator with a user name and a
// password; for a user, at the path for users, with the domain beside it and a
// password that getOTPass gave for one use.
func (s *Server) login(r *simhttp.Request, t *turn) result {
	c := s.Credentials()
	user := ""
	switch {
	case r.Path == userPath:
		user = t.address("username", "domain")
		if given := s.once[user]; given == "" || given != t.get("password") {
			return failed("simulator: the one-time password is not valid")
		}
		delete(s.once, user)
		if u, _ := s.users.Get(user); u.Disabled && s.quirks.DisabledOut {
			return failed("simulator: " + user + " is disabled")
		}
	case t.get("username") != c.Username || t.get("password") != c.Password:
		return failed("simulator: wrong user name or password")
	}
	text := s.secret("token")
	s.tokens[text] = token{user: user, given: t.now}
	return result{data: text}
}

// secret is a new token, or a new password.
func (s *Server) secret(of string) string {
	s.made++
	return s.random(fmt.Sprintf("%s %d", of, s.made))
}

// authorized checks the token of a call, and whose it is.
func (s *Server) authorized(r *simhttp.Request, t *turn) bool {
	text := t.get("token")
	if r.Expired {
		delete(s.tokens, text)
	}
	given, ok := s.tokens[text]
	if !ok || s.quirks.TokenLife > 0 && !t.now.Before(given.given.Add(s.quirks.TokenLife)) {
		return false
	}
	t.user = given.user
	return (t.user == "") == (r.Path == adminPath)
}

// oneTimePassword answers action getOTPass, which the vendor's module sends
// before it asks for a user's token.
func (s *Server) oneTimePassword(t *turn) result {
	address := t.address("username", "domain")
	if _, ok := s.users.Get(address); !ok {
		return failed("simulator: there is no user " + address)
	}
	s.once[address] = s.secret("once")
	return result{data: s.once[address]}
}
