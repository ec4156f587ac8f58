package mailserver_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// outage is a way in which a store is not to be had, and how it comes back.
type outage struct {
	name     string
	database string
	begin    func(*testing.T, *scene) (end func())
}

var outages = []outage{
	{"database-gone", "postgres", stopPostgres},
	{"view-missing", "postgres", hideView},
	{"rights-lost", "postgres", revokeRights},
	{"file-unreadable", "sqlite", lockFile},
}

// TestOutages: while the store cannot be asked, nobody is let in and no mail is
// lost: the answers are such that clients and other servers try again. When it
// is back, all is as before, with no restart.
func TestOutages(t *testing.T) {
	t.Parallel()
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s := &scene{stack.Start(t, stack.Options{Database: o.database}), o.name}
			t.Cleanup(func() { s.Undisturbed(t) })
			s.Apply(t, &schema.Domain{Name: domain})
			u := s.user(t, "ana")
			s.signsIn(t, "before", u.Address)
			allowed(t, "mail before", s.write("before", u.Address))
			s.arrives(t, u, "", "before")

			end := o.begin(t, s)
			s.everywhere(func(service string) { refused(t, "signing in to "+service, s.SignIn(service, stack.As(u.Address))) })
			later(t, "mail", s.write("during", u.Address))
			later(t, "its delivery", s.LMTP(u.Address))
			end()

			awaitWithin(t, "signing in works again", 150*time.Second, func() bool { return s.SignIn("imap", stack.As(u.Address)) == nil })
			s.everywhere(func(service string) {
				for deadline := time.Now().Add(time.Minute); s.SignIn(service, stack.As(u.Address)) != nil; {
					if time.Now().After(deadline) {
						t.Errorf("%s is not back", service)
						return
					}
				}
			})
			// Postfix leaves a database that failed alone for a minute. What it took
			// meanwhile and could not deliver is in its queue.
			awaitWithin(t, "mail is taken and delivered again", 150*time.Second, func() bool { return s.LMTP(u.Address) == nil && s.write("after", u.Address) == nil })
			s.arrives(t, u, "", "after")
		})
	}
}

// everywhere does something with all services at a time: during an outage each
// may take half a minute.
func (s *scene) everywhere(do func(service string)) {
	var all sync.WaitGroup
	for _, service := range stack.Services {
		all.Go(func() { do(service) })
	}
	all.Wait()
}

// later fails the test unless another server would try again: it was told to, or
// got no answer.
func later(t *testing.T, what string, err error) {
	t.Helper()
	var timeout net.Error
	if err == nil || !strings.Contains(err.Error(), "SMTP error 4") && !(errors.As(err, &timeout) && timeout.Timeout()) {
		t.Errorf("%s: %v; want it to be put off", what, err)
	}
}

// awaitWithin waits until something is so, longer than stack.Eventually.
func awaitWithin(t *testing.T, what string, most time.Duration, so func() bool) {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", most, what)
		}
	}
}

func stopPostgres(t *testing.T, s *scene) func() {
	if err := s.Postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := s.Postgres.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

// hideView: the store is of an older interface, or somebody changed it.
func hideView(t *testing.T, s *scene) func() {
	views := []string{"dovecot_deny", "dovecot_userdb", "postfix_domain", "postfix_mailbox"}
	rename := func(from, to string) {
		for _, view := range views {
			s.Postgres.Exec(t, "mailops", "ALTER VIEW "+from+view+" RENAME TO "+to+view)
		}
	}
	rename("", "hidden_")
	return func() { rename("hidden_", "") }
}

func revokeRights(t *testing.T, s *scene) func() {
	s.Postgres.Exec(t, "mailops", "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM mailops_mta")
	return func() { s.Postgres.Exec(t, "mailops", "SELECT mailops_grant_rights()") }
}

// lockFile: somebody's chmod took the rights of the mail servers away.
func lockFile(t *testing.T, s *scene) func() {
	mode := func(m os.FileMode) {
		files, err := filepath.Glob(s.Path("lib/live.db*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if err := os.Chmod(file, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	mode(0o600)
	s.Forget(t)
	return func() { mode(0o640) }
}

// TestNonsense: what another program wrote into the store does not let anybody
// in who should stay out, and harms nobody else.
func TestNonsense(t *testing.T) {
	t.Parallel()
	s := &scene{stack.Start(t, stack.Options{Database: "postgres"}), "nonsense"}
	s.Apply(t, &schema.Domain{Name: domain})
	rows := []struct{ name, statement string }{
		{"networks", "INSERT INTO trusted_network (domain, local, network) VALUES ('acme.example', '%', 'nonsense, ,0')"},
		{"zone", "UPDATE mailuser SET hours = 1, hours_timezone = 'Mars/Olympus' WHERE local = '%'"},
		{"hash", "UPDATE mailuser SET password = '{NONSENSE}x' WHERE local = '%'"},
		{"empty-hash", "UPDATE mailuser SET password = '' WHERE local = '%'"},
		{"no-scheme", "UPDATE mailuser SET password = '" + stack.Password + "' WHERE local = '%'"},
	}
	bystander := s.user(t, "bystander")
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			u := s.user(t, row.name)
			s.Postgres.Exec(t, "mailops", strings.ReplaceAll(row.statement, "%", u.Address.Local()))
			for _, service := range direct {
				refused(t, "signing in to "+service, s.SignIn(service, as(u)))
			}
			s.signsIn(t, "beside", bystander.Address)
		})
	}
}

// TestFullDisk: on a full disk an apply fails whole and says why, and mail goes
// on as it was. With room again, the same apply works and is obeyed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := &scene{stack.Start(t, stack.Options{SmallDisk: true}), "full-disk"}
	t.Cleanup(func() { s.Undisturbed(t) })
	s.Apply(t, &schema.Domain{Name: domain})
	u := s.user(t, "ana")
	filler := s.Path("lib/filler")
	if err := exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=4096").Run(); err == nil {
		t.Fatal("the disk has no end")
	}
	live, err := reconcile.ReadLive(t.Context(), s.Store)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(live.State)
	for i := range 500 { // more than what is left in the files
		want = append(want, storetest.NewUser(schema.Address(fmt.Sprintf("more%d@%s", i, domain))))
	}
	suspended := *u
	suspended.Status = schema.StatusSuspended
	want[slices.IndexFunc(want, func(r schema.Resource) bool { return r.Key() == u.Key() })] = &suspended
	want.Sort()
	changes := reconcile.Diff(live.State, want)
	_, err = s.Store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: time.Now(), Changes: changes}})
	if !errors.Is(err, reconcile.ErrUnreachable) || !strings.Contains(err.Error(), "disk") {
		t.Errorf("an apply on a full disk: %v", err)
	}
	s.signsIn(t, "on a full disk", u.Address)
	allowed(t, "mail", s.write("on a full disk", u.Address))
	s.arrives(t, u, "", "on a full disk")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: time.Now(), Changes: changes}}); err != nil {
		t.Fatal(err)
	}
	refused(t, "signing in", s.SignIn("imap", as(u)), "Account is suspended")
}
