package mailserver_test

import (
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile"
	"mailops/schema"
)

// TestEnforce: with mailops enforce beside it, a Dovecot with an auth cache, in
// which people are idle, lets nobody in or stay whose access was taken away. It
// logs how long that took.
func TestEnforce(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			s := &scene{stack.Start(t, stack.Options{Database: database, AuthCache: true}), "enforce"}
			s.Apply(t, &schema.Domain{Name: domain})
			s.StartEnforce(t)
			t.Cleanup(func() { s.Undisturbed(t) })
			bystander := s.user(t, "bystander")
			calm := idle(t, s, "imap", stack.As(bystander.Address))
			t.Run("sessions", func(t *testing.T) {
				for _, e := range endings {
					t.Run(e.name, func(t *testing.T) {
						t.Parallel()
						e.prove(t, &scene{s.Stack, "enforce-" + e.name})
					})
				}
				t.Run("grant", func(t *testing.T) {
					t.Parallel()
					proveGrantEnds(t, &scene{s.Stack, "enforce-grant"})
				})
				t.Run("hours", func(t *testing.T) {
					t.Parallel()
					proveHoursEnd(t, &scene{s.Stack, "enforce-hours"})
				})
			})
			select {
			case <-calm:
				t.Error("the session of somebody else has ended")
			default:
			}
		})
	}
}

// endings are changes that end open sessions.
var endings = []ending{
	{"status-suspended", []string{"imap", "pop3", "sieve", "webmail", "activesync"}, func(u *schema.User) { u.Status = schema.StatusSuspended }},
	{"status-deactivated", []string{"imap"}, func(u *schema.User) { u.Status = schema.StatusDeactivated }},
	{"imap", []string{"imap"}, func(u *schema.User) { u.MailboxActions.IMAP = false }},
	{"pop", []string{"pop3"}, func(u *schema.User) { u.MailboxActions.POP = false }},
	{"services-webmail", []string{"webmail"}, func(u *schema.User) { u.Permissions.Services.Webmail = false }},
	{"trustedNetworks", []string{"imap", "sieve"}, func(u *schema.User) { u.Permissions.TrustedNetworks = []string{"192.0.2.0/24"} }},
	{"accessHours", []string{"imap"}, closedHours},
}

type ending struct {
	name     string
	services []string // with a session open
	change   func(*schema.User)
}

func (e ending) prove(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	var sessions []<-chan struct{}
	for _, service := range e.services {
		allowed(t, "a sign-in that the cache remembers on "+service, s.SignIn(service, stack.As(u.Address)))
		sessions = append(sessions, idle(t, s, service, stack.As(u.Address)))
	}
	s.change(t, u, e.change)
	committed := time.Now()
	for i, ended := range sessions {
		awaitEnd(t, e.services[i], ended)
	}
	closed := time.Since(committed)
	for _, service := range e.services {
		stack.Eventually(t, "the cache lets nobody in on "+service, func() bool { return s.SignIn(service, stack.As(u.Address)) != nil })
	}
	t.Logf("sessions ended after %s, sign-ins refused after %s", closed.Round(time.Millisecond), time.Since(committed).Round(time.Millisecond))
}

// proveGrantEnds: who signed in by a grant is out when it ends, by itself.
func proveGrantEnds(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	end := soon()
	ended := idle(t, s, "imap", s.grant(t, reconcile.Grant{Target: string(u.Address), Until: end}))
	// Nothing in the store changes when a grant ends: one looks at full minutes.
	awaitEndWithin(t, "imap by a grant", ended, 2*time.Minute)
	if time.Now().Before(end) {
		t.Errorf("it ended %s early", time.Until(end))
	}
}

// proveHoursEnd: nothing in the store changes when hours end.
func proveHoursEnd(t *testing.T, s *scene) {
	w := openUntilNextMinute(t, s)
	ended := idle(t, s, "imap", stack.As(w.user.Address))
	awaitEndWithin(t, "imap after hours", ended, 3*time.Minute)
	if time.Now().Before(w.closes) {
		t.Errorf("it ended %s early", time.Until(w.closes))
	}
	t.Logf("ended %s after the minute", time.Since(w.closes).Round(time.Millisecond))
}

// idle opens a session and returns what is closed when it has ended.
func idle(t *testing.T, s *scene, service string, l stack.Login) <-chan struct{} {
	t.Helper()
	ended, err := s.Idle(t, service, l)
	if err != nil {
		t.Fatalf("a session on %s: %v", service, err)
	}
	return ended
}

func awaitEnd(t *testing.T, service string, ended <-chan struct{}) {
	t.Helper()
	awaitEndWithin(t, service, ended, 30*time.Second)
}

func awaitEndWithin(t *testing.T, service string, ended <-chan struct{}, most time.Duration) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(most):
		t.Fatalf("the session on %s is still open", service)
	}
}
