package mailserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile"
	"mailops/schema"
)

// ownProofs are about what users set up themselves, in a panel or over
// ManageSieve, and administrators allow.
var ownProofs = []proof{
	{"features-autoresponder", proveAutoresponder},
	{"features-forwarding", proveOwnForwarding},
	{"features-allowBlockList", proveSenderRules},
	{"features-filters", proveFilters},
	{"own-scripts", proveOwnScripts},
}

func as(u *schema.User) stack.Login { return stack.As(u.Address) }

// panel writes a row of the user's as a panel does; row holds the columns after
// domain and local.
func (s *scene) panel(t *testing.T, u *schema.User, table, row string) {
	t.Helper()
	columns, values, _ := strings.Cut(row, ": ")
	s.SQL(t, fmt.Sprintf("INSERT INTO %s (domain, local, %s) VALUES ('%s', '%s', %s)", table, columns, u.Address.Domain(), u.Address.Local(), values))
}

func proveAutoresponder(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	writer := func(n int) schema.Address {
		return schema.Address(fmt.Sprintf("writer%d.%s@elsewhere.example", n, strings.ToLower(s.name)))
	}
	ask := func(n int) {
		t.Helper()
		subject := fmt.Sprintf("question %d", n)
		allowed(t, "mail", s.Deliver(writer(n), stack.Message(writer(n), u.Address, subject, "?"), u.Address))
		s.arrives(t, u, "", subject)
	}
	ask(1)
	s.panel(t, u, "autoresponder", `subject, body: 'I am "away"', 'Back on Monday.'`)
	ask(2)
	s.leaves(t, writer(2), "Back on Monday.")
	s.leaves(t, writer(2), `I am "away"`)
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Autoresponder = false })
	ask(3)
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Autoresponder = true })
	ask(4)
	s.leaves(t, writer(4), "Back on Monday.")
	for _, n := range []int{1, 3} {
		if s.left(writer(n), "Back on Monday.") {
			t.Errorf("writer %d got a reply", n)
		}
	}
}

func proveOwnForwarding(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.panel(t, u, "own_forwarding", "dest: '"+string(outside)+"'")
	allowed(t, "mail", s.write(s.name+" one", u.Address))
	s.leaves(t, outside, s.name+" one")
	s.arrives(t, u, "", s.name+" one")
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Forwarding = false })
	allowed(t, "mail", s.write(s.name+" two", u.Address))
	s.arrives(t, u, "", s.name+" two")
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Forwarding = true })
	allowed(t, "mail", s.write(s.name+" three", u.Address))
	s.leaves(t, outside, s.name+" three")
	if s.left(outside, s.name+" two") {
		t.Error("mail was sent on while the feature was off")
	}
}

func proveSenderRules(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	friend := schema.Address("friend@elsewhere.example")
	s.panel(t, u, "sender_rule", "sender, verdict: '"+string(outside)+"', 'block'")
	s.panel(t, u, "sender_rule", "sender, verdict: '"+string(friend)+"', 'allow'")
	both := func(n string) {
		t.Helper()
		allowed(t, "mail", s.write("blocked "+n, u.Address))
		allowed(t, "spam of a friend", s.Deliver(friend, stack.Message(friend, u.Address, "friendly "+n, gtube), u.Address))
	}
	both("one")
	s.arrives(t, u, "Junk", "blocked one")
	s.arrives(t, u, "", "friendly one")
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.AllowBlockList = false })
	both("two")
	s.arrives(t, u, "", "blocked two")
	s.arrives(t, u, "Junk", "friendly two")
}

func proveFilters(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.panel(t, u, "own_filter", `script: 'require ["fileinto", "mailbox"]; fileinto :create "Sorted";'`)
	allowed(t, "mail", s.write("one", u.Address))
	s.arrives(t, u, "Sorted", "one")
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Filters = false })
	allowed(t, "mail", s.write("two", u.Address))
	s.arrives(t, u, "", "two")
	refused(t, "editing filters", s.SignIn("sieve", as(u)), "Filters are not enabled")
}

// proveOwnScripts: scripts that users edit over ManageSieve run after those of a
// panel, and cannot do what a feature that is off would do.
func proveOwnScripts(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	put := func(script string) error {
		c, err := s.Sieve(as(u))
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Put("main", script)
	}
	const reply, redirect = `require "vacation"; vacation "Own reply.";`, `redirect :copy "partner@elsewhere.example";`
	allowed(t, "a reply of one's own", put(reply))
	allowed(t, "sending on", put(`require "copy"; `+redirect))
	allowed(t, "mail", s.write(s.name+" one", u.Address))
	s.leaves(t, outside, s.name+" one")
	s.panel(t, u, "autoresponder", "subject, body: 'x', 'Generated reply.'")
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Forwarding = false })
	allowed(t, "mail", s.write(s.name+" two", u.Address))
	s.arrives(t, u, "", s.name+" two")
	s.leaves(t, outside, "Generated reply.")
	if s.left(outside, s.name+" two") {
		t.Error("a script sent mail on without the feature")
	}
	s.change(t, u, func(u *schema.User) { u.Permissions.Features.Autoresponder = false })
	refused(t, "a reply of one's own without the feature", put(reply), "vacation")
	allowed(t, "another script", put(`require ["fileinto", "mailbox"]; fileinto :create "Mine";`))
	allowed(t, "mail", s.write("three", u.Address))
	s.arrives(t, u, "Mine", "three")
}

// grantProofs are about signing in as somebody else.
var grantProofs = []proof{
	{"impersonate", proveImpersonate},
	{"impersonate-bound", proveImpersonateBound},
	{"backup-grant", proveBackupGrant},
}

// grant lets a name sign in as a target until a time.
func (s *scene) grant(t *testing.T, g reconcile.Grant) stack.Login {
	t.Helper()
	g.Name = strings.ToLower(s.name)
	g.Hash, g.Reason, g.By, g.At = s.Hash(t, "granted"), "proof", "root@acme.example", time.Now().UTC().Truncate(time.Second)
	store, ok := s.Store.(reconcile.Grantor)
	if !ok {
		t.Fatal("the store keeps no grants")
	}
	if err := store.Grant(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	return stack.Login{User: g.Target + "*" + g.Name, Password: "granted"}
}

func proveImpersonate(t *testing.T, s *scene) {
	u, other := s.user(t, "ana"), s.user(t, "bruno")
	end := soon()
	helper := s.grant(t, reconcile.Grant{Target: string(u.Address), Until: end})
	for _, service := range direct {
		allowed(t, "signing in to "+service+" as ana", s.SignIn(service, helper))
	}
	for _, service := range []string{"backup-imap", "backup-pop3"} {
		refused(t, "signing in to "+service, s.SignIn(service, helper))
	}
	elsewhere := helper
	elsewhere.User = strings.Replace(helper.User, string(u.Address), string(other.Address), 1)
	refused(t, "signing in as bruno", s.SignIn("imap", elsewhere), "uthentication failed")
	helper.Password = Password
	refused(t, "with the user's own password", s.SignIn("imap", helper), "uthentication failed")
	helper.Password = "granted"
	endsAt(t, "the grant", end, func() error { return s.SignIn("imap", helper) })
	allowed(t, "signing in as oneself", s.SignIn("imap", as(u)))
	if at := s.observed(t, u.Address).LastSignInUnix; at != 0 && at < end.Unix() {
		t.Errorf("impersonation counted as the user's own sign-in")
	}
}

// Password is every user's.
const Password = stack.Password

func proveImpersonateBound(t *testing.T, s *scene) {
	u := s.user(t, "ana", func(u *schema.User) { u.MailboxActions.POP = false })
	helper := s.grant(t, reconcile.Grant{Target: string(u.Address), Until: time.Now().Add(time.Hour)})
	allowed(t, "imap as ana", s.SignIn("imap", helper))
	refused(t, "pop3 as ana", s.SignIn("pop3", helper), "POP3 is not enabled")
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusSuspended })
	for _, service := range direct {
		refused(t, service+" as ana, suspended", s.SignIn(service, helper), "Account is suspended")
	}
}

func proveBackupGrant(t *testing.T, s *scene) {
	u := s.user(t, "ana", func(u *schema.User) { u.Password = "" })
	machine := s.grant(t, reconcile.Grant{Target: string(u.Address), Backup: true, Until: time.Now().Add(time.Hour)})
	backups := []string{"backup-imap", "backup-pop3"}
	for _, service := range backups {
		refused(t, service+" of an active user", s.SignIn(service, machine), "deactivated account")
	}
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusDeactivated })
	for _, service := range backups {
		allowed(t, service+" of a deactivated user", s.SignIn(service, machine))
		refused(t, service+" of the user themselves", s.SignIn(service, as(u)))
	}
	for _, service := range direct {
		refused(t, service+" with the grant of backups", s.SignIn(service, machine))
	}
}

// observed is what live state says of a user's own side.
func (s *scene) observed(t *testing.T, who schema.Address) schema.Observed {
	t.Helper()
	live, err := reconcile.ReadLive(t.Context(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	return live.Observed[who]
}
