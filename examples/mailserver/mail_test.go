package mailserver_test

import (
	"strings"
	"testing"

	"mailops/examples/mailserver/stack"
	"mailops/schema"
)

// incomingProofs are about mail that comes.
var incomingProofs = []proof{
	{"incoming", proveIncoming},
	{"status-mail", proveStatusMail},
	{"quota", proveQuota},
	{"spamCheck", proveSpamCheck},
	{"forged-sender", proveForged},
}

func proveIncoming(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	allowed(t, "mail before", s.write("one", u.Address))
	s.arrives(t, u, "", "one")
	s.change(t, u, func(u *schema.User) { u.MailboxActions.Incoming = false })
	refused(t, "mail after", s.write("two", u.Address), "550", "Mailbox does not accept mail")
	refused(t, "mail with an extension", s.write("two", extended(u.Address)), "550", "Mailbox does not accept mail")
	colleague := s.user(t, "bruno")
	refused(t, "mail of a colleague", s.send(colleague, "two", u.Address), "550", "Mailbox does not accept mail")
	s.signsIn(t, "after", u.Address)
}

// extended is an address with an extension, which is the same mailbox.
func extended(a schema.Address) schema.Address {
	return schema.Address(a.Local() + "+extra@" + a.Domain())
}

// proveStatusMail: mail for a suspended user is kept, that for a deactivated one
// refused.
func proveStatusMail(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusSuspended })
	allowed(t, "mail for a suspended user", s.write("kept", u.Address))
	s.arrives(t, u, "", "kept")
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusDeactivated })
	refused(t, "mail for a deactivated user", s.write("lost", u.Address), "550", "Mailbox is deactivated")
	refused(t, "its delivery", s.LMTP(u.Address), "550")
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusActive })
	allowed(t, "mail for a user who is back", s.write("again", u.Address))
	s.arrives(t, u, "", "again")
}

func proveQuota(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	large := stack.Message(outside, u.Address, "large", strings.Repeat(strings.Repeat("x", 70)+"\r\n", 500)) // 36 kB
	allowed(t, "a large message without a limit", s.Deliver(outside, large, u.Address))
	s.arrives(t, u, "", "large")
	s.change(t, u, func(u *schema.User) { u.Quota = 30_000 })
	refused(t, "a second one", s.write("small", u.Address), "552", "Mailbox is full")
	s.change(t, u, func(u *schema.User) { u.Quota = 1_000_000 })
	allowed(t, "a second one below a higher limit", s.write("small", u.Address))
	s.arrives(t, u, "", "small")
}

// gtube is the form of GTUBE that Rspamd marks. (What begins with X, it refuses by
// itself.)
const gtube = "YJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

// proveSpamCheck: one message to two users is treated for each as they have it.
func proveSpamCheck(t *testing.T, s *scene) {
	ana := s.user(t, "ana")
	bruno := s.user(t, "bruno", func(u *schema.User) { u.MailboxActions.SpamCheck = false })
	spam := func(subject string) {
		t.Helper()
		allowed(t, "spam", s.Deliver(outside, stack.Message(outside, ana.Address, subject, gtube), ana.Address, bruno.Address))
	}
	spam("first")
	s.arrives(t, ana, "Junk", "first")
	s.arrives(t, bruno, "", "first")
	s.change(t, ana, func(u *schema.User) { u.MailboxActions.SpamCheck = false })
	s.change(t, bruno, func(u *schema.User) { u.MailboxActions.SpamCheck = true })
	spam("second")
	s.arrives(t, ana, "", "second")
	s.arrives(t, bruno, "Junk", "second")
	allowed(t, "a good message", s.write("good", bruno.Address))
	s.arrives(t, bruno, "", "good")
}

// proveForged: nobody outside sends as one of us, or is let to send on.
func proveForged(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	refused(t, "a forged sender", s.Deliver(u.Address, stack.Message(u.Address, u.Address, "x", "x"), u.Address), "553")
	refused(t, "relaying", s.Deliver(outside, "x", "somebody@third.example"), "554")
}

// outgoingProofs are about mail that users send.
var outgoingProofs = []proof{
	{"outgoing", proveOutgoing},
	{"onlyLocalSMTP", proveOnlyLocal},
	{"sendAs", proveSendAs},
	{"open-session-suspended", proveOpenSession},
}

func proveOutgoing(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	allowed(t, "sending before", s.send(u, s.name+" one", outside))
	s.leaves(t, outside, s.name+" one")
	s.change(t, u, func(u *schema.User) { u.MailboxActions.Outgoing = false })
	for _, service := range []string{"smtp", "webmail-smtp", "activesync-smtp"} {
		for _, to := range []schema.Address{outside, u.Address} {
			err := s.Send(service, stack.As(u.Address), u.Address, stack.Message(u.Address, to, "two", "x"), to)
			refused(t, service+" to "+string(to), err, "550", "Sending is disabled")
		}
	}
	s.signsIn(t, "after", u.Address)
}

// proveOnlyLocal: mail stays in the organization, whatever way it is sent.
func proveOnlyLocal(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	bruno := s.user(t, "bruno")
	forwards := s.user(t, "carla", func(u *schema.User) { u.Forwarding.To = []schema.Address{outside} })
	alias := &schema.Alias{Address: s.address("alias"), To: []schema.Address{outside, bruno.Address}}
	nested := &schema.Alias{Address: s.address("nested"), To: []schema.Address{extended(alias.Address)}}
	list := &schema.List{Address: s.address("list"), Members: []schema.Address{bruno.Address, forwards.Address}, Posting: schema.PostingAnyone}
	inside := &schema.Alias{Address: s.address("inside"), To: []schema.Address{bruno.Address}}
	caught := &schema.Domain{Name: strings.ToLower(s.name) + ".example", CatchAll: alias.Address}
	s.Apply(t, alias, nested, list, inside, caught)
	ways := map[schema.Address]string{
		outside: "554", alias.Address: "leads outside", nested.Address: "leads outside", list.Address: "leads outside",
		forwards.Address: "leads outside", extended(forwards.Address): "leads outside", schema.Address("anybody@" + caught.Name): "leads outside",
	}
	for to := range ways {
		allowed(t, "before the change, sending to "+string(to), s.send(u, s.name+" before", to))
	}
	s.leaves(t, outside, s.name+" before")
	s.change(t, u, func(u *schema.User) { u.Permissions.OnlyLocalSMTP = true })
	for to, reason := range ways {
		refused(t, "sending to "+string(to), s.send(u, s.name+" leak", to), reason)
	}
	for _, to := range []schema.Address{bruno.Address, extended(bruno.Address), inside.Address} {
		allowed(t, "sending to "+string(to), s.send(u, "inside", to))
	}
	s.arrives(t, bruno, "", "inside")
	if s.left(outside, s.name+" leak") {
		t.Error("a message leaked outside")
	}
}

func proveSendAs(t *testing.T, s *scene) {
	ana, bruno := s.user(t, "ana"), s.user(t, "bruno")
	as := func() error {
		return s.Send("smtp", stack.As(bruno.Address), ana.Address, stack.Message(ana.Address, outside, s.name, "x"), outside)
	}
	refused(t, "sending as somebody else", as(), "553", "not owned by user")
	s.change(t, ana, func(u *schema.User) { u.Permissions.SendAs = []schema.Address{bruno.Address} })
	allowed(t, "sending as who allows it", as())
	s.leaves(t, outside, s.name)
	s.change(t, ana, func(u *schema.User) { u.Permissions.SendAs = nil })
	refused(t, "sending as somebody else again", as(), "553", "not owned by user")
}

// proveOpenSession: a session that is open sends nothing after the change.
func proveOpenSession(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	session, err := s.Submission("smtp", stack.As(u.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	allowed(t, "sending", stack.Transmit(session, u.Address, "Subject: x\r\n\r\nx\r\n", outside))
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusSuspended })
	refused(t, "sending in an open session", stack.Transmit(session, u.Address, "Subject: x\r\n\r\nx\r\n", outside), "550", "Account is suspended")
}
