package mailserver_test

import (
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/schema"
)

// TestReplica: a mail server reads a streaming replica. A replica that is behind
// is a change that comes later, and a primary that is gone is nothing to it.
func TestReplica(t *testing.T) {
	t.Parallel()
	s := &scene{stack.Start(t, stack.Options{Database: "postgres", OnReplica: true}), "replica"}
	t.Cleanup(func() { s.Undisturbed(t) })
	s.Apply(t, &schema.Domain{Name: domain})
	u := s.user(t, "ana")
	stack.Eventually(t, "the replica has the user", func() bool { return s.SignIn("imap", as(u)) == nil })
	s.signsIn(t, "before", u.Address)
	allowed(t, "mail", s.write("through the replica", u.Address))
	s.arrives(t, u, "", "through the replica")
	stack.Eventually(t, "the sign-in is written to the primary", func() bool { return s.observed(t, u.Address).LastSignInUnix > 0 })

	s.Replica.Exec(t, "mailops", "SELECT pg_wal_replay_pause()")
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusSuspended })
	allowed(t, "a sign-in at a replica that is behind", s.SignIn("imap", as(u)))
	s.Replica.Exec(t, "mailops", "SELECT pg_wal_replay_resume()")
	stack.Eventually(t, "the replica has caught up", func() bool { return s.SignIn("imap", as(u)) != nil })

	other := s.user(t, "bruno")
	stack.Eventually(t, "the replica has the other user", func() bool { return s.SignIn("imap", as(other)) == nil })
	if err := s.Postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	refused(t, "ana without a primary", s.SignIn("smtp", as(u)), "Account is suspended")
	allowed(t, "a message without a primary", s.write("without a primary", other.Address))
	s.arrives(t, other, "", "without a primary")
	awaitWithin(t, "bruno without a primary", time.Minute, func() bool { return s.SignIn("smtp", as(other)) == nil })
	if err := s.Postgres.Start(); err != nil {
		t.Fatal(err)
	}
}
