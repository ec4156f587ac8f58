// The proofs: what a declaration says is what a mail server does, shown with
// mail clients on a whole mail server, before and after the change is committed.
// Nothing is restarted or reloaded. The README names each proof.
package mailserver_test

import (
	"strings"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// A proof shows one thing that a declaration says.
type proof struct {
	name string
	run  func(*testing.T, *scene)
}

// proofs are all of them.
func proofs() []proof {
	var all []proof
	for _, p := range signIns {
		all = append(all, proof{p.name, p.prove})
	}
	for _, more := range [][]proof{accountProofs, placeProofs, incomingProofs, outgoingProofs, routingProofs, ownProofs, grantProofs} {
		all = append(all, more...)
	}
	return all
}

func TestProofs(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			s := stack.Start(t, stack.Options{Database: database, Rspamd: true})
			t.Cleanup(func() { s.Undisturbed(t) })
			s.Apply(t, &schema.Domain{Name: domain, Timezone: "Europe/Lisbon"})
			closing := openUntilNextMinute(t, &scene{s, "accessHours"})
			t.Run("all", func(t *testing.T) {
				for _, p := range proofs() {
					t.Run(p.name, func(t *testing.T) {
						t.Parallel()
						p.run(t, &scene{s, p.name})
					})
				}
			})
			t.Run("accessHours-end", closing.end)
		})
	}
}

// domain is the organization's; outside is somebody who is not of it.
const (
	domain  = "acme.example"
	outside = schema.Address("partner@elsewhere.example")
)

// A scene is where one proof plays: a mail server that all share, and users of
// its own.
type scene struct {
	*stack.Stack
	name string
}

// address is one of the proof's own.
func (s *scene) address(who string) schema.Address {
	return schema.Address(strings.ToLower(who + "." + s.name + "@" + domain))
}

// user makes a user live who may do everything, as edited.
func (s *scene) user(t *testing.T, who string, edits ...func(*schema.User)) *schema.User {
	t.Helper()
	u := storetest.NewUser(s.address(who))
	u.MailboxActions.IMAP, u.MailboxActions.POP, u.MailboxActions.ActiveSync = true, true, true
	for _, edit := range edits {
		edit(u)
	}
	s.Apply(t, u)
	return u
}

// change edits a user and makes that live.
func (s *scene) change(t *testing.T, u *schema.User, edit func(*schema.User)) {
	t.Helper()
	edit(u)
	s.Apply(t, u)
}

// allowed fails the test when a client was refused.
func allowed(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v; want it to be allowed", what, err)
	}
}

// refused fails the test unless a client was told all of these words.
func refused(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s was allowed; want it to be refused", what)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s was refused with %q; want it to say %q", what, err, word)
		}
	}
}

// write brings a message to addresses from outside.
func (s *scene) write(subject string, to ...schema.Address) error {
	return s.Deliver(outside, stack.Message(outside, to[0], subject, "Good day."), to...)
}

// send lets a user send a message.
func (s *scene) send(u *schema.User, subject string, to ...schema.Address) error {
	return s.Send("smtp", stack.As(u.Address), u.Address, stack.Message(u.Address, to[0], subject, "Good day."), to...)
}

// arrives waits until a message is in a folder of a mailbox; "" is the inbox.
func (s *scene) arrives(t *testing.T, u *schema.User, folder, subject string) {
	t.Helper()
	stack.Eventually(t, subject+" is in "+string(u.Address)+"/"+folder, func() bool { return s.has(u, folder, subject) })
}

func (s *scene) has(u *schema.User, folder, subject string) bool {
	for _, message := range s.Mailbox(u.Address, folder) {
		if strings.Contains(message, "Subject: "+subject+"\r\n") || strings.Contains(message, "Subject: "+subject+"\n") {
			return true
		}
	}
	return false
}

// leaves waits until a message has left the organization.
func (s *scene) leaves(t *testing.T, to schema.Address, subject string) {
	t.Helper()
	stack.Eventually(t, subject+" leaves to "+string(to), func() bool { return s.left(to, subject) })
}

func (s *scene) left(to schema.Address, subject string) bool {
	for _, letter := range s.Sink.For(to) {
		if strings.Contains(letter.Text, subject) {
			return true
		}
	}
	return false
}

// soon is when something ends by itself: whole seconds, as the store keeps it.
func soon() time.Time { return time.Now().UTC().Truncate(time.Second).Add(4 * time.Second) }

// endsAt waits until an attempt is refused, and fails when that was too early.
func endsAt(t *testing.T, what string, end time.Time, attempt func() error) {
	t.Helper()
	stack.Eventually(t, what+" ends", func() bool {
		early := time.Now().Before(end)
		err := attempt()
		if err != nil && early && time.Now().Before(end) {
			t.Errorf("%s ended %s early: %v", what, time.Until(end), err)
		}
		return err != nil
	})
}
