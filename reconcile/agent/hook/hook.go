// Package hook takes in the webhooks of forges. A webhook says that something
// was pushed, and nothing more: what it brings is not believed, and its sender
// is known by a signature. It begins a look at the repository, which finds what
// really happened there; a lost webhook is made good by the next poll.
// Imports: the standard library.
package hook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
)

// A Secret is shared with one forge. It does not show itself in logs and texts.
type Secret string

const hiddenSecret = "(secret)"

// String hides the secret.
func (Secret) String() string { return hiddenSecret }

// GoString hides the secret.
func (Secret) GoString() string { return hiddenSecret }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hiddenSecret), nil }

// Secrets are those of each kind of sender. A kind without one has no hook: its
// path is not found.
type Secrets struct {
	GitHub Secret

	// GitLab is a signing token of GitLab 19 (whsec_...), and then requests must
	// be signed; or a secret token, which GitLab sends as it is.
	GitLab Secret

	Gitea   Secret // of Forgejo as well
	Generic Secret
}

// A Result is what became of a request.
type Result string

// The results; those from Refused on were not believed.
const (
	Triggered Result = "triggered"
	Ping      Result = "ping"      // the forge tries whether somebody answers
	Ignored   Result = "ignored"   // nothing was pushed, or to another branch
	Repeated  Result = "repeated"  // it was here before
	Refused   Result = "refused"   // the signature is missing or wrong
	Stale     Result = "stale"     // it was signed too long ago, or before the agent began
	TooLarge  Result = "too-large" // the body is
	Broken    Result = "broken"    // the body did not come, or not in time
)

// Options says which webhooks are taken in, and what they do.
type Options struct {
	Secrets Secrets

	// Branch is the only one whose pushes trigger; "" is all. A push that does
	// not say its branch in its first 4 KiB triggers.
	Branch string

	// Trigger is called for each push, by many at once, before the answer. It
	// must not wait. The kind is github, gitlab, gitea or generic.
	Trigger func(kind string)

	Count func(kind string, r Result) // is called for each request; nil: nobody counts
	Limit int64                       // bytes of a body; 0 is 1 MiB
	Log   *slog.Logger                // hears of refusals, once a minute at most; nil is silent
}

// The limits of a request.
const (
	usualLimit     = 1 << 20
	bodyTime       = 10 * time.Second // for a body to come; no forge waits longer for an answer
	shortestSecret = 16
)

type handler struct {
	Options
	began time.Time
	seen  seen
	quiet sparse
}

// New returns the handler of POST /hooks/github, gitlab, gitea and generic.
//
// The answers: 200 when the request is believed, whether it triggers or not: a
// forge that is told otherwise tries again, and gives up on the hook after a
// while. So a repeated request is a 200 that says so. 403 when it is not
// believed, for whatever reason; 413 and 400 or 408 for bodies that are too
// large or do not come; 404 and 405 for other paths and methods.
//
// A request is repeated when its delivery id or its signature was here within
// the last hour. Only generic requests and those with GitLab's signing token
// are dated, so only they are known as old after a restart; of the others, an
// old one costs one look at the repository.
//
// The time for headers, and the number of connections, are the server's matter.
func New(o Options) (http.Handler, error) {
	if o.Limit == 0 {
		o.Limit = usualLimit
	}
	h := &handler{Options: o, began: time.Now()}
	mux := http.NewServeMux()
	for _, s := range []sender{
		{kind: "github", secret: o.Secrets.GitHub, claims: github},
		{kind: "gitlab", secret: o.Secrets.GitLab, claims: gitlab},
		{kind: "gitea", secret: o.Secrets.Gitea, claims: gitea},
		{kind: "generic", secret: o.Secrets.Generic, claims: generic},
	} {
		if s.secret == "" {
			continue
		}
		if err := s.prepare(); err != nil {
			return nil, fmt.Errorf("the secret of %s webhooks %w", s.kind, err)
		}
		mux.HandleFunc("POST /hooks/"+s.kind, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, s) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// It holds for the rest of a body that is not read here as well. A server
		// that has no deadlines has no connection to hold up either.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
		mux.ServeHTTP(w, r)
	}), nil
}

// Check says what is wrong with the secret of a kind of webhooks.
func (s Secret) Check(kind string) error {
	if s == "" {
		return errors.New("is empty")
	}
	return (&sender{kind: kind, secret: s}).prepare()
}

// A sender is who may send requests of a kind.
type sender struct {
	kind   string
	secret Secret
	key    []byte // what the secret stands for
	claims func(http.Header) claim
}

// prepare makes the key of the secret.
func (s *sender) prepare() error {
	s.key = []byte(s.secret)
	if encoded, signing := strings.CutPrefix(string(s.secret), "whsec_"); signing && s.kind == "gitlab" {
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return errors.New("begins as a signing token but does not go on as base64") // err shows a part of it
		}
		s.key, s.claims = key, standard
	}
	if len(s.key) < shortestSecret {
		return fmt.Errorf("is shorter than %d bytes", shortestSecret)
	}
	return nil
}

// serve answers a request of a kind.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, s sender) {
	result, status := h.judge(w, r, s)
	if h.Count != nil {
		h.Count(s.kind, result)
	}
	if result == Triggered && h.Trigger != nil {
		h.Trigger(s.kind)
	}
	if status == http.StatusOK {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, string(result)+"\n") // who does not hear it asks again
		return
	}
	h.quiet.warn(h.Log, s.kind, result)
	http.Error(w, http.StatusText(status), status)
}

// judge finds out what a request is, and the status to answer with.
func (h *handler) judge(w http.ResponseWriter, r *http.Request, s sender) (Result, int) {
	now := time.Now()
	c := s.claims(r.Header)
	switch {
	case !c.complete():
		return Refused, http.StatusForbidden // the body is not even read
	case c.dated && !h.fresh(now, c.stamp):
		return Stale, http.StatusForbidden
	}
	sum := hmac.New(sha256.New, s.key)
	_, _ = io.WriteString(sum, c.before) // hashes take everything
	head, err := readBody(w, r, h.Limit, sum)
	large := new(http.MaxBytesError)
	switch {
	case errors.As(err, &large):
		return TooLarge, http.StatusRequestEntityTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Broken, http.StatusRequestTimeout
	case err != nil:
		return Broken, http.StatusBadRequest
	}
	right := sum.Sum(nil)
	if !c.holds(s.key, right) {
		return Refused, http.StatusForbidden
	}
	switch ref := refOf(head, r.Header.Get("Content-Type")); {
	case c.event == ping:
		return Ping, http.StatusOK
	case c.event != push, h.Branch != "" && ref != "" && ref != "refs/heads/"+h.Branch:
		return Ignored, http.StatusOK
	case h.seen.before(now, s.kind, c.id, c.signed(right)):
		return Repeated, http.StatusOK
	}
	return Triggered, http.StatusOK
}

// fresh reports whether a request that was signed at a stamp counts now: not
// when the stamp is far from now, and not when it is of a time that the handler
// does not remember.
func (h *handler) fresh(now time.Time, stamp int64) bool {
	at := time.Unix(stamp, 0)
	return !at.Before(h.began.Truncate(time.Second)) && now.Sub(at).Abs() <= stampTime
}
