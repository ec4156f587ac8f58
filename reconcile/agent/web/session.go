package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A role is what a token is for.
type role string

const (
	nobodyRole   role = ""
	readerRole   role = "reader"
	operatorRole role = "operator"
)

// sessionTime is how long somebody stays signed in: a day's work.
const sessionTime = 12 * time.Hour

// keys know tokens, and make and know what is derived from them. They are of
// this process: a cookie cannot be used to try tokens, and after a restart people
// sign in again.
type keys struct {
	Auth
	key [32]byte
}

func newKeys(a Auth) keys {
	k := keys{Auth: a}
	_, _ = rand.Read(k.key[:]) // never fails
	return k
}

// role is what a token is for.
func (k *keys) role(token string) role {
	asOperator, asReader := same(token, string(k.Operator)), same(token, string(k.Token))
	switch {
	case token == "":
		return nobodyRole
	case asOperator, asReader && k.Operator == "":
		return operatorRole
	case asReader:
		return readerRole
	}
	return nobodyRole
}

// open makes the session of a role: the role, when it ends, something that
// makes it the only one, and the proof.
func (k *keys) open(is role, now time.Time) string {
	claim := fmt.Sprintf("%s.%d.%s", is, now.Add(sessionTime).Unix(), rand.Text())
	return claim + "." + k.prove("session", claim, string(k.token(is)))
}

// session is the role of a session that holds now.
func (k *keys) session(value string) role {
	at := strings.LastIndexByte(value, '.')
	if at < 0 {
		return nobodyRole
	}
	claim := value[:at]
	parts := strings.Split(claim, ".")
	if len(parts) != 3 {
		return nobodyRole
	}
	is := role(parts[0])
	token := k.token(is)
	until, err := strconv.ParseInt(parts[1], 10, 64)
	if token == "" || err != nil || !same(value[at+1:], k.prove("session", claim, string(token))) || time.Now().Unix() >= until {
		return nobodyRole
	}
	return is
}

// token is the one of a role.
func (k *keys) token(is role) Token {
	switch {
	case is == operatorRole && k.Operator != "", is == readerRole && k.Operator == "":
		return k.Operator
	case is == operatorRole, is == readerRole:
		return k.Token
	}
	return ""
}

// stamp is what a form of a session holds, so that no other page can send it.
func (k *keys) stamp(session string) string {
	if session == "" {
		return ""
	}
	return k.prove("form", session, "")
}

func (k *keys) prove(use, claim, token string) string {
	sum := hmac.New(sha256.New, k.key[:])
	for _, part := range []string{use, claim, token} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil))
}

// The names of the cookie. A browser takes the second from HTTPS alone.
const (
	cookieName       = "mailops"
	secureCookieName = "__Host-mailops"
)

func cookieNamed(secure bool) string {
	if secure {
		return secureCookieName
	}
	return cookieName
}

func sessionOf(r *http.Request, secure bool) string {
	c, err := r.Cookie(cookieNamed(secure))
	if err != nil {
		return ""
	}
	return c.Value
}

func cookie(value string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: cookieNamed(secure), Value: value, Path: "/", HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode, MaxAge: int(sessionTime.Seconds())}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}
