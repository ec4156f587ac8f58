package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// policy keeps a page from anything that is not ours, should a text ever get
// through as markup.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func withHeaders(next http.Handler, secure bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		if secure { // by plain HTTP, browsers complain of it
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// A problem is an answer that is not what was asked for.
type problem struct {
	status int
	text   string // for the person who asked
	err    error  // the cause; it may be shown to who may read
}

// Error is the text, with the cause.
func (p problem) Error() string {
	if p.err == nil {
		return p.text
	}
	return p.text + " " + p.err.Error()
}

// Unwrap returns the cause.
func (p problem) Unwrap() error { return p.err }

// guarded serves a route to who may have it.
func (s *site) guarded(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c caller
		err := s.admit(w, r, rt.needs, &c)
		if err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), lookTime)
			defer cancel()
			err = rt.serve(s, w, r.WithContext(ctx), c)
		}
		if err != nil {
			s.fail(w, r, c, err)
		}
	}
}

// errSignIn: who asks has to sign in first.
var errSignIn = errors.New("sign in first")

// admit finds out who asks, and whether they may.
func (s *site) admit(w http.ResponseWriter, r *http.Request, needs need, c *caller) error {
	if !s.Auth.knows(r.Host) {
		return problem{http.StatusMisdirectedRequest, "This page is not known by that name. Ask for it by localhost, or tell the agent the name.", nil}
	}
	if err := s.origins.Check(r); err != nil {
		return problem{http.StatusForbidden, "Another page sent this.", nil}
	}
	r.Body = http.MaxBytesReader(w, r.Body, formSize)
	if err := s.paced(w, r); err != nil {
		return err
	}
	*c = s.identify(r)
	switch {
	case needs >= reader && !c.reads:
		return errSignIn
	case needs == operator && !c.operates:
		return problem{http.StatusForbidden, s.whyNotOperator(), errSignIn}
	case needs == operator && !c.bearer && !same(r.PostFormValue(stampField), s.keys.stamp(c.session)):
		return problem{http.StatusForbidden, "The form is not of this session. Go back, load the page again, and repeat it.", nil}
	}
	return nil
}

// stampField is the field of forms that proves that they are ours.
const stampField = "stamp"

// paced makes who sends wrong tokens wait.
func (s *site) paced(w http.ResponseWriter, r *http.Request) error {
	token := bearer(r)
	if token == "" {
		return nil
	}
	return s.try(w, r, token)
}

// try tells a right token from a wrong one, and makes who sends wrong ones wait.
func (s *site) try(w http.ResponseWriter, r *http.Request, token string) error {
	from, now := source(r), time.Now()
	if wait := s.pace.wait(from, now); wait > 0 {
		seconds := int(math.Ceil(wait.Seconds()))
		w.Header().Set("Retry-After", fmt.Sprint(seconds))
		return problem{http.StatusTooManyRequests, fmt.Sprintf("Too many wrong tokens came from there. Try again in %s.", count(seconds, "second")), nil}
	}
	if s.keys.role(token) != nobodyRole {
		s.pace.right(from)
		return nil
	}
	s.pace.wrong(from, now)
	s.Log.Warn("web: wrong token", "from", from.String())
	return problem{http.StatusUnauthorized, "That token is not right.", errSignIn}
}

func (s *site) whyNotOperator() string {
	if s.Auth.Token == "" && s.Auth.Operator == "" {
		return "Pausing here needs a token, and the agent has none. Use mailops pause and mailops resume."
	}
	return "Pausing and resuming need the token for it."
}

// fail answers with what went wrong, in the form that was asked for.
func (s *site) fail(w http.ResponseWriter, r *http.Request, c caller, err error) {
	var p problem
	switch {
	case errors.As(err, &p):
	case errors.Is(err, errSignIn) && s.wantsPage(r) && r.Method == http.MethodGet && s.hasTokens():
		http.Redirect(w, r, signInPath(r), http.StatusSeeOther)
		return
	case errors.Is(err, errSignIn):
		p = problem{http.StatusUnauthorized, "Sign in first.", err}
	default:
		s.Log.Error("web: answer", "path", r.URL.Path, "error", err)
		p = problem{http.StatusInternalServerError, "The agent could not answer.", err}
	}
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="mailops"`)
	}
	if !c.reads && p.status >= http.StatusInternalServerError {
		p.err = nil
	}
	s.tell(w, r, c, p)
}

func (s *site) hasTokens() bool { return s.Auth.Token != "" || s.Auth.Operator != "" }

// wantsPage tells people from programs.
func (s *site) wantsPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != "/metrics" && !strings.HasPrefix(r.URL.Path, "/part/") &&
		bearer(r) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// tell shows a problem.
func (s *site) tell(w http.ResponseWriter, r *http.Request, c caller, p problem) {
	detail := ""
	if p.err != nil && !errors.Is(p.err, errSignIn) {
		detail = p.err.Error()
	}
	if !s.wantsPage(r) {
		writeJSON(w, p.status, struct {
			Format string `json:"format"`
			Error  string `json:"error"`
			Detail string `json:"detail,omitempty"`
		}{"mailops.error/v1", p.text, detail})
		return
	}
	s.write(w, p.status, "problem", problemPage{s.frame(c, http.StatusText(p.status)), p.text, cut(detail, longText), errors.Is(p.err, errSignIn) && s.hasTokens()})
}
