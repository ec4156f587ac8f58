package stack

import (
	"os"
	"path/filepath"
	"testing"
)

// programs are what a stack runs, and the packages that bring them. The list of
// all packages is in .ci/packages.txt.
var programs = []struct {
	path     string // a pattern
	packages string
	needed   func(Options) bool
}{
	{"/usr/sbin/dovecot", "dovecot-core", always},
	{"/usr/lib/dovecot/imap", "dovecot-imapd", always},
	{"/usr/lib/dovecot/pop3", "dovecot-pop3d", always},
	{"/usr/lib/dovecot/lmtp", "dovecot-lmtpd", always},
	{"/usr/lib/dovecot/managesieve", "dovecot-managesieved", always},
	{"/usr/lib/dovecot/modules/lib90_sieve_plugin.so", "dovecot-sieve", always},
	{"/usr/lib/dovecot/modules/auth/libdriver_sqlite.so", "dovecot-sqlite", onSQLite},
	{"/usr/lib/dovecot/modules/auth/libdriver_pgsql.so", "dovecot-pgsql", onPostgres},
	{"/usr/sbin/postfix", "postfix", always},
	{"/usr/lib/postfix/postfix-sqlite.so", "postfix-sqlite", onSQLite},
	{"/usr/lib/postfix/postfix-pgsql.so", "postfix-pgsql", onPostgres},
	{"/usr/bin/sqlite3", "sqlite3", onSQLite},
	{"/usr/lib/postgresql/*/bin/initdb", "postgresql", onPostgres},
	{"/usr/bin/psql", "postgresql-client", onPostgres},
	{"/usr/bin/rspamd", "rspamd", func(o Options) bool { return o.Rspamd }},
	{"/usr/sbin/sogod", "sogo sogo-activesync", func(o Options) bool { return o.SOGo }},
	{"/usr/bin/memcached", "memcached", func(o Options) bool { return o.SOGo }},
}

func always(Options) bool       { return true }
func onSQLite(o Options) bool   { return o.Database == "sqlite" }
func onPostgres(o Options) bool { return o.Database == "postgres" }

// requirePackages fails the test when something is missing.
func requirePackages(t testing.TB, o Options) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the mail server needs root (Postfix does): run the tests as root, in a container for instance")
	}
	missing := ""
	for _, p := range programs {
		if found, _ := filepath.Glob(p.path); p.needed(o) && len(found) == 0 {
			missing += " " + p.packages
		}
	}
	if missing != "" {
		t.Fatalf("the mail server is not installed: make packages, or apt-get install%s", missing)
	}
}
