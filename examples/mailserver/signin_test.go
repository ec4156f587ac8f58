package mailserver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/schema"
)

// signIns are the proofs of which service lets a user in, and what it says when
// it does not. What is not refused stays allowed.
var signIns = []signIn{
	{"status-suspended", func(u *schema.User) { u.Status = schema.StatusSuspended }, "Account is suspended", stack.Services},
	{"status-deactivated", func(u *schema.User) { u.Status = schema.StatusDeactivated }, "Account is deactivated", stack.Services},
	{"imap", func(u *schema.User) { u.MailboxActions.IMAP = false }, "IMAP is not enabled", []string{"imap"}},
	{"pop", func(u *schema.User) { u.MailboxActions.POP = false }, "POP3 is not enabled", []string{"pop3"}},
	{"activeSync", func(u *schema.User) { u.MailboxActions.ActiveSync = false }, "ActiveSync is not enabled", []string{"activesync", "activesync-smtp"}},
	{"services-smtp", func(u *schema.User) { u.Permissions.Services.SMTP = false }, "SMTP is not enabled", []string{"smtp"}},
	{"services-manageSieve", func(u *schema.User) { u.Permissions.Services.ManageSieve = false }, "ManageSieve is not enabled", []string{"sieve"}},
	{"services-webmail", func(u *schema.User) { u.Permissions.Services.Webmail = false }, "Webmail is not enabled", []string{"webmail", "webmail-smtp"}},
	{"accessHours-closed", closedHours, "Outside of the allowed access hours", stack.Services},
}

type signIn struct {
	name    string
	change  func(*schema.User)
	reason  string   // what the client sees
	refused []string // services
}

// prove lets a user in everywhere, then makes the change, then takes it back.
func (p signIn) prove(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	before := *u
	s.signsIn(t, "before", u.Address)
	p.change(u)
	s.Apply(t, u)
	for _, service := range stack.Services {
		err := s.SignIn(service, stack.As(u.Address))
		if slices.Contains(p.refused, service) {
			refused(t, "signing in to "+service, err, p.reason)
		} else {
			allowed(t, "signing in to "+service, err)
		}
	}
	s.Apply(t, &before)
	s.signsIn(t, "after", u.Address)
}

// signsIn checks that a user may sign in everywhere.
func (s *scene) signsIn(t *testing.T, when string, who schema.Address) {
	t.Helper()
	for _, service := range stack.Services {
		allowed(t, when+" the change, signing in to "+service, s.SignIn(service, stack.As(who)))
	}
}

// closedHours opens for two hours that are half a day away.
func closedHours(u *schema.User) {
	away := time.Now().UTC().Add(12 * time.Hour)
	u.Permissions.AccessHours = hours(away, away.Add(2*time.Hour))
}

// hours are those between two instants, less than a day apart, in the zone of
// the first.
func hours(from, until time.Time) *schema.AccessHours {
	until = until.In(from.Location())
	a := &schema.AccessHours{Timezone: from.Location().String()}
	days := []*[]schema.Hours{&a.Sun, &a.Mon, &a.Tue, &a.Wed, &a.Thu, &a.Fri, &a.Sat}
	start, end := from.Hour()*60+from.Minute(), until.Hour()*60+until.Minute()
	if from.Weekday() == until.Weekday() {
		*days[from.Weekday()] = []schema.Hours{{Start: start, End: end}}
		return a
	}
	*days[from.Weekday()] = []schema.Hours{{Start: start, End: 24 * 60}}
	if end > 0 {
		*days[until.Weekday()] = []schema.Hours{{Start: 0, End: end}}
	}
	return a
}

// accountProofs are about passwords, accounts that come and go, and sign-ins.
var accountProofs = []proof{
	{"password", provePassword},
	{"user-created-and-deleted", proveDeleted},
	{"last-sign-in", proveLastSignIn},
	{"wrong-password-learns-nothing", proveSilence},
	{"unknown-service", proveUnknownService},
}

func provePassword(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.change(t, u, func(u *schema.User) { u.Password = schema.Fingerprint(s.Hash(t, "new password")) })
	for _, service := range stack.Services {
		refused(t, "the old password on "+service, s.SignIn(service, stack.As(u.Address)), "uthentication failed")
		allowed(t, "the new password on "+service, s.SignIn(service, stack.Login{User: string(u.Address), Password: "new password"}))
	}
}

func proveDeleted(t *testing.T, s *scene) {
	ana := s.address("ana")
	refused(t, "signing in before the user exists", s.SignIn("imap", stack.As(ana)), "Authentication failed")
	refused(t, "mail before the user exists", s.write("early", ana), "550")
	u := s.user(t, "ana")
	s.signsIn(t, "after", ana)
	allowed(t, "mail", s.write("hello", ana))
	session, err := s.Submission("smtp", stack.As(ana))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	s.Remove(t, u)
	for _, service := range stack.Services {
		refused(t, "signing in to "+service, s.SignIn(service, stack.As(ana)), "uthentication failed")
	}
	refused(t, "mail", s.write("late", ana), "550")
	refused(t, "sending in an open session", stack.Transmit(session, "", "Subject: x\r\n\r\n", outside), "This account is no more")
}

func proveLastSignIn(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	seen := func() int64 { return s.observed(t, u.Address).LastSignInUnix }
	if at := seen(); at != 0 {
		t.Errorf("signed in at %d; want never", at)
	}
	began := time.Now().Unix()
	allowed(t, "mail", s.write("no sign-in", u.Address))
	s.arrives(t, u, "", "no sign-in")
	for _, service := range []string{"imap", "pop3", "sieve"} {
		allowed(t, "signing in", s.SignIn(service, stack.As(u.Address)))
		stack.Eventually(t, "the sign-in is seen", func() bool { return seen() >= began })
	}
}

// proveSilence: only who knows the password learns why it is refused.
func proveSilence(t *testing.T, s *scene) {
	u := s.user(t, "ana", func(u *schema.User) { u.Status = schema.StatusSuspended })
	for _, service := range stack.Services {
		err := s.SignIn(service, stack.Login{User: string(u.Address), Password: "wrong"})
		refused(t, "a wrong password on "+service, err, "uthentication failed")
		if err != nil && strings.Contains(err.Error(), "suspended") {
			t.Errorf("%s tells who does not know the password: %v", service, err)
		}
	}
}

// proveUnknownService: a service that nobody thought of is refused.
func proveUnknownService(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	if out := s.AuthTest(t, u.Address, "smtp"); !strings.Contains(out, "auth succeeded") {
		t.Errorf("smtp: %s", out)
	}
	if out := s.AuthTest(t, u.Address, "calendar"); !strings.Contains(out, "auth failed") || !strings.Contains(out, "This service is not enabled") {
		t.Errorf("calendar: %s", out)
	}
}

// placeProofs are about where sign-ins come from.
var placeProofs = []proof{
	{"trustedNetworks", proveNetworks},
	{"trustedNetworks-webmail", proveWebmailNetworks},
	{"travelMode", proveTravel},
}

func fromOther(u *schema.User) {
	u.Permissions.TrustedNetworks = []string{"127.0.0.2/32", "2001:db8::/32"}
}

// direct are the services that clients use themselves.
var direct = []string{"imap", "pop3", "sieve", "smtp"}

func proveNetworks(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.signsIn(t, "before", u.Address)
	s.change(t, u, fromOther)
	for _, service := range direct {
		refused(t, "signing in to "+service+" from elsewhere", s.SignIn(service, stack.As(u.Address)), "uthentication failed")
		allowed(t, "signing in to "+service+" from there", s.SignIn(service, stack.Login{User: string(u.Address), From: "127.0.0.2"}))
	}
}

func proveWebmailNetworks(t *testing.T, s *scene) {
	u := s.user(t, "ana", fromOther)
	for _, service := range []string{"webmail", "webmail-smtp"} {
		refused(t, service+" for a browser elsewhere", s.SignIn(service, stack.Login{User: string(u.Address), For: "192.0.2.1"}), "uthentication failed")
		allowed(t, service+" for a browser there", s.SignIn(service, stack.Login{User: string(u.Address), For: "127.0.0.2"}))
	}
}

func proveTravel(t *testing.T, s *scene) {
	u := s.user(t, "ana", fromOther)
	refused(t, "signing in from elsewhere", s.SignIn("imap", stack.As(u.Address)), "uthentication failed")
	end := soon()
	s.change(t, u, func(u *schema.User) { u.TravelMode = &schema.TravelMode{Until: end.Format(time.RFC3339)} })
	for _, service := range direct {
		allowed(t, "signing in to "+service+" while travelling", s.SignIn(service, stack.As(u.Address)))
	}
	endsAt(t, "the journey", end, func() error { return s.SignIn("imap", stack.As(u.Address)) })
}

// A window is one of access hours that closes by itself.
type window struct {
	s      *scene
	user   *schema.User
	closes time.Time
}

// openUntilNextMinute gives a user access hours that end with a full minute, and checks that they are open.
func openUntilNextMinute(t *testing.T, s *scene) window {
	now := time.Now().UTC()
	closes := now.Truncate(time.Minute).Add(time.Minute)
	if closes.Sub(now) < 20*time.Second {
		closes = closes.Add(time.Minute)
	}
	there, err := time.LoadLocation("Asia/Kathmandu") // 5:45 h ahead, all year
	if err != nil {
		t.Fatal(err)
	}
	u := s.user(t, "ana", func(u *schema.User) { u.Permissions.AccessHours = hours(now.Add(-10*time.Minute).In(there), closes) })
	s.signsIn(t, "inside the hours", u.Address)
	return window{s, u, closes}
}

// end waits for the minute. No row changes.
func (w window) end(t *testing.T) {
	service := fmt.Sprintf("imap until %s", w.closes.Format(time.TimeOnly))
	if wait := time.Until(w.closes) - time.Second; wait > 0 {
		<-time.After(wait)
	}
	endsAt(t, service, w.closes, func() error { return w.s.SignIn("imap", stack.As(w.user.Address)) })
	for _, service := range stack.Services {
		refused(t, "signing in to "+service, w.s.SignIn(service, stack.As(w.user.Address)), "Outside of the allowed access hours")
	}
}
