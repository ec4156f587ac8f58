// Package stack runs a whole mail server for tests: Dovecot, Postfix and, when
// asked for, Rspamd and SOGo, on a store of mailops, from the settings of
// examples/mailserver, on free ports of the loopback interface and in a folder
// of its own. Several can run at a time. It needs root, as Postfix does, and
// Debian's packages; what is missing is a failure that says how to mend it.
// Imports: schema, reconcile and its SQL stores, the settings, and libraries of
// mail clients. Only tests import it.
package stack

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/postgres/pgtest"
	"mailops/schema"
)

// Options says what a stack consists of. The zero value is Dovecot and Postfix
// on a SQLite file.
type Options struct {
	Database  string // "sqlite", which "" is, or "postgres"
	Rspamd    bool   // else Postfix asks nobody about spam
	SOGo      bool   // needs postgres
	AuthCache bool   // Dovecot remembers sign-ins for an hour
	SmallDisk bool   // of sqlite: the store has a disk of 8 MiB to itself
	OnReplica bool   // of postgres: the mail servers read a streaming replica
}

// A Stack is a running mail server.
type Stack struct {
	Options
	Dir   string          // the settings are in etc, the mail in vmail
	Store reconcile.Store // what the mail server obeys
	Sink  *Sink           // takes what leaves the organization

	Postgres *pgtest.Server // of a stack on postgres
	Replica  *pgtest.Server // of one whose mail servers read a replica

	ports    map[string]int
	db       database
	daemons  []*daemon
	trusting *tls.Config
	secrets  secrets
}

// Start starts a mail server on an empty store and stops it when the test ends.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	if o.Database == "" {
		o.Database = "sqlite"
	}
	requirePackages(t, o)
	s := &Stack{Options: o, Dir: folder(t), ports: reservePorts(t)}
	s.trusting = s.certificate(t)
	s.Sink = startSink(t, s.Address("sink"))
	s.buildMailops(t)
	s.db = databases[o.Database](t, s)
	s.Store = s.db.store
	s.writeSettings(t)
	if s.OnReplica {
		s.signInsToPrimary(t)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dovecot:\n%s\npostfix:\n%s", s.Tail("dovecot"), s.Tail("postfix"))
		}
	})
	s.startDaemons(t)
	return s
}

// folder makes a folder that the mail server's users may enter. Its path is
// short: those of sockets may have 107 bytes.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mailops-stack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"etc", "lib", "run", "log", "tls", "vmail", "spool", "postfix", "rspamd"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// buildMailops builds the program that Postfix asks about lists of members.
func (s *Stack) buildMailops(t testing.TB) {
	t.Helper()
	build := exec.Command("go", "build", "-o", s.Path("bin/mailops"), "mailops/cmd/mailops")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build mailops: %v\n%s", err, out)
	}
}

// Address is where a listener is reached: one of the names in ports.go.
func (s *Stack) Address(port string) string { return fmt.Sprintf("127.0.0.1:%d", s.ports[port]) }

// Path is a path below the stack's folder.
func (s *Stack) Path(elements ...string) string {
	return filepath.Join(append([]string{s.Dir}, elements...)...)
}

// Log returns the whole log of a daemon: dovecot, postfix, rspamd or sogo.
func (s *Stack) Log(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(s.Path("log", name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Undisturbed fails the test when a daemon was started again or told to read
// its settings anew.
func (s *Stack) Undisturbed(t testing.TB) {
	t.Helper()
	for _, d := range s.daemons {
		if !d.running() {
			t.Errorf("%s (process %d) does not run any more", d.name, d.pid())
		}
	}
	for name, word := range map[string]string{"dovecot": "SIGHUP received", "postfix": "reload -- version"} {
		if strings.Contains(s.Log(t, name), word) {
			t.Errorf("%s was reloaded", name)
		}
	}
}

// Mailbox lists the messages of a folder of a user's mailbox; "" is the inbox.
// It reads the files, so that nobody signs in.
func (s *Stack) Mailbox(user schema.Address, folder string) []string {
	box := s.Path("vmail", string(user), "Maildir")
	if folder != "" {
		box = filepath.Join(box, "."+folder)
	}
	var messages []string
	for _, sub := range []string{"new", "cur"} {
		files, _ := filepath.Glob(filepath.Join(box, sub, "*"))
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil {
				messages = append(messages, string(text))
			}
		}
	}
	return messages
}
