package mailserver_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// The figures of the README. They are measured and not asserted:
//
//	go test ./examples/mailserver -run '^$' -bench . -benchtime 200x
//
// Sign-ins are asked of Dovecot's auth socket, so that they count what the store
// costs, and not the start of a process for each session.

// databases are those that mail servers read.
var databases = []string{"sqlite", "postgres"}

// BenchmarkCommitToEnforced: how long after the commit the first attempt meets
// the change, that attempt included.
func BenchmarkCommitToEnforced(b *testing.B) {
	for _, database := range databases {
		b.Run(database, func(b *testing.B) {
			s := &scene{stack.Start(b, stack.Options{Database: database}), "figures"}
			s.Apply(b, &schema.Domain{Name: domain})
			for _, p := range policies {
				b.Run(p.name, func(b *testing.B) { p.measure(b, s) })
			}
		})
	}
}

// A policy is a change that can be toggled, and an attempt that meets it.
type policy struct {
	name    string
	change  func(*schema.User)
	attempt func(s *scene, u *schema.User) error
}

var policies = []policy{
	{"status", func(u *schema.User) { u.Status = schema.StatusSuspended }, signInTo("imap")},
	{"imap", func(u *schema.User) { u.MailboxActions.IMAP = false }, signInTo("imap")},
	{"smtp", func(u *schema.User) { u.Permissions.Services.SMTP = false }, signInTo("smtp")},
	{"accessHours", closedHours, signInTo("pop3")},
	{"trustedNetworks", fromOther, signInTo("sieve")},
	{"incoming", func(u *schema.User) { u.MailboxActions.Incoming = false }, func(s *scene, u *schema.User) error { return s.write("figure", u.Address) }},
	{"outgoing", func(u *schema.User) { u.MailboxActions.Outgoing = false }, func(s *scene, u *schema.User) error { return s.send(u, "figure", outside) }},
}

func signInTo(service string) func(*scene, *schema.User) error {
	return func(s *scene, u *schema.User) error { return s.SignIn(service, stack.As(u.Address)) }
}

func (p policy) measure(b *testing.B, s *scene) {
	u := storetest.NewUser(schema.Address(strings.ToLower(p.name) + "@" + domain))
	u.MailboxActions.IMAP, u.MailboxActions.POP = true, true
	s.Apply(b, u)
	before := *u
	after := before
	p.change(&after)
	var took []time.Duration
	stale := 0
	for i := 0; b.Loop(); i++ {
		want := &after
		if i%2 == 1 {
			want = &before
		}
		s.Apply(b, want)
		committed := time.Now()
		for (p.attempt(s, want) == nil) != (i%2 == 1) {
			stale++
		}
		took = append(took, time.Since(committed))
	}
	spread(b, took)
	b.ReportMetric(float64(stale), "stale-attempts")
}

// spread reports the median, the 95th percentile and the worst, in milliseconds.
func spread(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "median-ms")
	b.ReportMetric(ms(took[len(took)*95/100]), "p95-ms")
	b.ReportMetric(ms(took[len(took)-1]), "worst-ms")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSignIns: sign-ins a second over 8 connections, of random users, with
// passwords that cost no hashing, beside the same Dovecot with the users in a
// file that it holds in memory: of whole IMAP sessions, from the connection to
// the farewell, and of questions to the auth service alone.
func BenchmarkSignIns(b *testing.B) {
	for _, users := range []int{20_000, 1_000_000} {
		for _, database := range databases {
			b.Run(fmt.Sprintf("%d/%s", users, database), func(b *testing.B) {
				s := stack.Start(b, stack.Options{Database: database})
				fill(b, s, users)
				socket, imap := static(b, s, users)
				sessions := perSecond(b, users, imapSession(s.Address("webmail")))
				sessionsStatic := perSecond(b, users, imapSession(imap))
				b.ReportMetric(sessions, "imap/s")
				b.ReportMetric(sessionsStatic, "static-imap/s")
				b.ReportMetric(sessions/sessionsStatic, "imap-of-static")
				asked := perSecond(b, users, question(b, s.Path("spool/private/auth")))
				askedStatic := perSecond(b, users, question(b, socket))
				b.ReportMetric(asked, "auth/s")
				b.ReportMetric(askedStatic, "static-auth/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// imapSession makes clients that sign in over IMAP and out again.
func imapSession(address string) func() func(user string) error {
	return func() func(user string) error {
		return func(user string) error {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			defer conn.Close()
			if _, err := fmt.Fprintf(conn, "a LOGIN %s secret\r\nb LOGOUT\r\n", user); err != nil {
				return err
			}
			said, err := io.ReadAll(conn)
			if !strings.Contains(string(said), "a OK") {
				return fmt.Errorf("refused: %s (%w)", said, err)
			}
			return nil
		}
	}
}

// question makes clients that ask an auth service.
func question(b *testing.B, socket string) func() func(user string) error {
	return func() func(user string) error {
		auth, err := stack.DialAuth(socket)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { auth.Close() })
		return func(user string) error { return auth.SignIn(user, "secret") }
	}
}

// perSecond measures for some seconds what 8 clients do.
func perSecond(b *testing.B, users int, client func() func(user string) error) float64 {
	b.Helper()
	const clients, lasts = 8, 5 * time.Second
	var done atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range clients {
		signIn := client()
		group.Go(func() {
			for time.Since(began) < lasts {
				if err := signIn(numbered(rand.IntN(users))); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}

// numbered is the address of a user that fill makes.
func numbered(i int) string { return fmt.Sprintf("u%d@%s", i, domain) }

// fill makes users by SQL: a million through an apply would take minutes.
func fill(b *testing.B, s *stack.Stack, users int) {
	b.Helper()
	numbers := fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", users-1)
	columns := "domain, local, mailbox, password, name, role, status, account_type, quota_bytes, language, timezone, keep_copy, incoming, outgoing, spam_check," +
		" imap, pop, activesync, webmail, smtp, sieve, only_local_smtp, feature_autoresponder, feature_forwarding, feature_filters, feature_allow_block_list," +
		" feature_shared_folders, feature_change_password, backup, addon_lock, hours, hours_timezone"
	s.AdminSQL(b, "INSERT INTO domain (name) VALUES ('"+domain+"');"+
		"INSERT INTO address (domain, local, kind) "+numbers+"SELECT '"+domain+"', 'u' || i, 'user' FROM n;"+
		"INSERT INTO mailuser ("+columns+") "+numbers+"SELECT '"+domain+"', 'u' || i, 'u' || i, '{PLAIN}secret', '', 'member', 'active', 'basic', 0, '', '', 1, 1, 1, 1,"+
		" 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 'off', 'unlocked', 0, '' FROM n; ANALYZE;")
}

// static starts a Dovecot that knows the same users from a file, and returns its
// auth socket and where it listens for IMAP.
func static(b *testing.B, s *stack.Stack, users int) (socket, imap string) {
	b.Helper()
	dir := s.Path("static")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	var passwd strings.Builder
	for i := range users {
		fmt.Fprintf(&passwd, "%s:{PLAIN}secret::::::\n", numbered(i))
	}
	settings := fmt.Sprintf("base_dir = %[1]s/run\nstate_dir = %[1]s/state\nlog_path = %[1]s/log\nprotocols = imap\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n"+
		"auth_mechanisms = plain login\nauth_failure_delay = 0\nmail_location = maildir:~/Maildir\nmail_uid = nobody\nmail_gid = nogroup\nfirst_valid_uid = 1\n"+
		"mail_max_userip_connections = 500\nservice imap-login {\n inet_listener imap {\n port = %[2]d\n }\n inet_listener imaps {\n port = 0\n }\n}\nservice auth {\n vsz_limit = 2G\n unix_listener client {\n mode = 0666\n }\n}\n"+
		"passdb {\n driver = passwd-file\n args = %[1]s/passwd\n}\nuserdb {\n driver = static\n args = home=%[1]s/mail/%%u\n}\n", dir, s.SparePort())
	if err := os.Mkdir(filepath.Join(dir, "mail"), 0o777); err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "mail"), 0o777); err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"passwd": passwd.String(), "dovecot.conf": settings} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	daemon := exec.Command("/usr/sbin/dovecot", "-F", "-c", filepath.Join(dir, "dovecot.conf"))
	if err := daemon.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = daemon.Process.Signal(os.Interrupt)
		_ = daemon.Wait()
	})
	socket = filepath.Join(dir, "run", "client")
	stack.Eventually(b, "the static Dovecot listens", func() bool { _, err := os.Stat(socket); return err == nil })
	return socket, fmt.Sprintf("127.0.0.1:%d", s.SparePort())
}

// BenchmarkSignInsDuringApply: clients sign in while applies of 10,000 changes,
// each in one transaction, follow one another. It reports sign-ins that failed,
// and how long the others took beside a quiet store.
func BenchmarkSignInsDuringApply(b *testing.B) {
	const users = 20_000
	for _, database := range databases {
		b.Run(database, func(b *testing.B) {
			s := stack.Start(b, stack.Options{Database: database})
			fill(b, s, users)
			quiet, failed := signInsWhile(b, s, users, func(done <-chan time.Time) { <-done })
			applies, rounds := 0, renames(b, s, users/2)
			busy, failing := signInsWhile(b, s, users, func(done <-chan time.Time) {
				for {
					select {
					case <-done:
						return
					default:
						run := reconcile.Run{At: time.Now(), Changes: rounds[applies%2]}
						if _, err := s.Store.Apply(b.Context(), reconcile.Batch{Run: run}); err != nil {
							b.Error(err)
							return
						}
						applies++
					}
				}
			})
			b.ReportMetric(float64(failed+failing), "failed")
			b.ReportMetric(float64(applies), "applies")
			b.ReportMetric(percentile(quiet, 95), "quiet-p95-ms")
			b.ReportMetric(percentile(busy, 95), "busy-p95-ms")
			b.ReportMetric(percentile(busy, 100), "busy-worst-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func percentile(took []time.Duration, p int) float64 {
	slices.Sort(took)
	return float64(took[min(len(took)*p/100, len(took)-1)].Microseconds()) / 1000
}

// signInsWhile signs in at a pace that leaves the machine room, while something
// else goes on.
func signInsWhile(b *testing.B, s *stack.Stack, users int, work func(done <-chan time.Time)) (took []time.Duration, failed int) {
	b.Helper()
	const clients, lasts = 4, 15 * time.Second
	var mu sync.Mutex
	var group sync.WaitGroup
	over := make(chan struct{})
	for range clients {
		auth, err := stack.DialAuth(s.Path("spool/private/auth"))
		if err != nil {
			b.Fatal(err)
		}
		defer auth.Close()
		group.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for {
				began := time.Now()
				err := auth.SignIn(numbered(rand.IntN(users)), "secret")
				mu.Lock()
				took = append(took, time.Since(began))
				if err != nil {
					failed++
				}
				mu.Unlock()
				select {
				case <-over:
					return
				case <-pace.C:
				}
			}
		})
	}
	work(time.After(lasts))
	close(over)
	group.Wait()
	return took, failed
}

// renames are the changes that give so many users another name, and those that
// take it back.
func renames(b *testing.B, s *stack.Stack, n int) [2][]reconcile.Change {
	b.Helper()
	live, err := reconcile.ReadLive(b.Context(), s.Store)
	if err != nil {
		b.Fatal(err)
	}
	want := slices.Clone(live.State)
	for i, r := range want {
		if u, ok := r.(*schema.User); ok && i <= n {
			changed := *u
			changed.Name = "Renamed"
			want[i] = &changed
		}
	}
	return [2][]reconcile.Change{reconcile.Diff(live.State, want), reconcile.Diff(want, live.State)}
}
