package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// personPath is the page of one name.
func personPath(name string) string { return "/person/" + url.PathEscape(name) }

// back sends a browser to where it came from, and says done to a program.
func (s *site) back(w http.ResponseWriter, r *http.Request, done any) {
	if s.wantsPage(r) {
		http.Redirect(w, r, ours(r.PostFormValue("return")), http.StatusSeeOther)
		return
	}
	writeJSON(w, http.StatusOK, done)
}

// look asks for a look and does not wait for it.
func (s *site) look(w http.ResponseWriter, r *http.Request, _ caller) error {
	s.Agent.Trigger(agent.CauseHand)
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// pause keeps the agent from changing something for a while.
func (s *site) pause(w http.ResponseWriter, r *http.Request, c caller) error {
	now := time.Now()
	until, err := untilOf(cmp.Or(r.PostFormValue("for"), "4h"), r.PostFormValue("until"), now, clockOf(s.Agent.Status().Timezone))
	if err != nil {
		return problem{http.StatusUnprocessableEntity, "That pause cannot be: " + err.Error() + ".", nil}
	}
	p := reconcile.Pause{Scope: strings.ToLower(strings.TrimSpace(r.PostFormValue("scope"))), Until: until,
		Reason: cut(strings.TrimSpace(r.PostFormValue("reason")), longText), By: s.by(r, c), At: now.UTC().Truncate(time.Second)}
	if err := p.Check(now); err != nil {
		return problem{http.StatusUnprocessableEntity, "That pause cannot be: " + err.Error() + ".", nil}
	}
	if err := s.known(r, &p); err != nil {
		return err
	}
	ctx, cancel := within(r, askTime)
	defer cancel()
	if err := s.Agent.Pause(ctx, p); err != nil {
		return problem{http.StatusServiceUnavailable, "The pause could not be written.", err}
	}
	s.Log.Info("web: paused", "scope", p.Scope, "until", p.Until, "by", p.By)
	s.back(w, r, p)
	return nil
}

// known finds out that there is something to pause: a name that is misspelt
// would hold nothing. The name is written as the agent knows it.
func (s *site) known(r *http.Request, p *reconcile.Pause) error {
	if p.Scope == reconcile.PauseAll {
		return nil
	}
	person, err := s.ask(r, p.Scope)
	var unknown problem
	if errors.As(err, &unknown) && unknown.status == http.StatusNotFound {
		return problem{http.StatusUnprocessableEntity, "That pause cannot be: " + cut(p.Scope, valueText) + " is neither an address nor a domain that is known, nor the word all.", nil}
	}
	if err != nil {
		return err
	}
	p.Scope = person.Key.Name
	return nil
}

// by is who paused or resumed, as far as that is known.
func (s *site) by(r *http.Request, c caller) string {
	if c.name != "" {
		return cut(c.name, valueText)
	}
	from := "status page, " + source(r).String()
	if name := cut(strings.TrimSpace(r.PostFormValue("by")), valueText); name != "" {
		return name + " (" + from + ")"
	}
	return from
}

// resume ends the pauses of a scope.
func (s *site) resume(w http.ResponseWriter, r *http.Request, c caller) error {
	scope := strings.TrimSpace(r.PostFormValue("scope"))
	if scope == "" {
		return problem{http.StatusUnprocessableEntity, "Say what to resume.", nil}
	}
	ctx, cancel := within(r, askTime)
	defer cancel()
	by := s.by(r, c)
	ended, err := s.Agent.Resume(ctx, scope, by)
	if err != nil {
		return problem{http.StatusServiceUnavailable, "The pause could not be ended.", err}
	}
	if ended == 0 {
		return problem{http.StatusNotFound, "Nothing goes on: " + cut(scope, valueText) + " is not paused.", nil}
	}
	s.Log.Info("web: resumed", "scope", scope, "ended", ended, "by", by)
	s.back(w, r, struct {
		Ended int64 `json:"ended"`
	}{ended})
	return nil
}

func (s *site) signInPage(w http.ResponseWriter, r *http.Request, c caller) error {
	if !s.hasTokens() {
		return problem{http.StatusForbidden, "There is nothing to sign in with: the agent has no token.", nil}
	}
	s.write(w, http.StatusOK, "sign-in", signInView{frame: s.frame(c, "Sign in"), Next: ours(r.URL.Query().Get("next"))})
	return nil
}

// signIn takes a token, and gives a cookie.
func (s *site) signIn(w http.ResponseWriter, r *http.Request, c caller) error {
	if !s.hasTokens() {
		return problem{http.StatusForbidden, "There is nothing to sign in with: the agent has no token.", nil}
	}
	token, next := strings.TrimSpace(r.PostFormValue("token")), ours(r.PostFormValue("next"))
	if err := s.try(w, r, token); err != nil {
		var p problem
		errors.As(err, &p)
		s.write(w, p.status, "sign-in", signInView{frame: s.frame(c, "Sign in"), Next: next, Problem: p.text})
		return nil
	}
	is := s.keys.role(token)
	s.Log.Info("web: signed in", "as", is, "from", source(r).String())
	http.SetCookie(w, cookie(s.keys.open(is, time.Now()), s.Auth.Secure))
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request, c caller) error {
	if c.session != "" && !same(r.PostFormValue(stampField), s.keys.stamp(c.session)) {
		return problem{http.StatusForbidden, "The form is not of this session.", nil}
	}
	http.SetCookie(w, cookie("", s.Auth.Secure))
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// reconciled asks for a look and waits for it. When that takes too long, the
// look goes on, and done is false.
func (s *site) reconciled(r *http.Request) (now agent.Status, done bool, err error) {
	ctx, cancel := within(r, lookTime-askTime)
	defer cancel()
	now, err = s.Agent.Reconcile(ctx)
	if errors.Is(err, context.DeadlineExceeded) && r.Context().Err() == nil {
		return s.Agent.Status(), false, nil
	}
	return now, err == nil, err
}

// untilOf reads when a pause ends: after a while, or at a time on the clocks of
// the organization; LongestPause from now at most.
func untilOf(length, at string, now time.Time, c clock) (time.Time, error) {
	if at = strings.TrimSpace(at); at != "" {
		t, err := time.ParseInLocation("2006-01-02T15:04", strings.Replace(at, " ", "T", 1), c.Location)
		if err != nil {
			return t, fmt.Errorf("%q is no time such as 2026-12-24 18:00", cut(at, 40))
		}
		if t.Sub(now) > LongestPause {
			return t, errors.New("it lasts longer than 30 days")
		}
		return t.UTC(), nil
	}
	d, err := schema.ParseDuration(length)
	if err != nil || time.Duration(d) > LongestPause {
		return time.Time{}, fmt.Errorf("%q is no length of time such as 4h, up to 30d", cut(length, 40))
	}
	return now.Add(time.Duration(d)).UTC().Truncate(time.Second), nil
}

// LongestPause is how long anybody may pause: what is to hold for longer belongs
// into the declarations, where others see it.
const LongestPause = 30 * 24 * time.Hour
