package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestRoles: a mail server reads views and nothing else; a webmail or panel
// writes what users own, while the feature is on and the add-on unlocked.
func TestRoles(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	for _, role := range []string{"mailops", "mailops_mta", "mailops_selfservice"} {
		server.Exec(t, "postgres", "CREATE ROLE "+role+" LOGIN PASSWORD 'p'")
	}
	server.Exec(t, "postgres", "CREATE DATABASE mail OWNER mailops")
	url := func(role string) string { return "postgres://" + role + ":p@" + server.Address() + "/mail" }
	s := open(t, url("mailops"), postgres.Options{})
	free, bound := storetest.NewUser("free@acme.example"), storetest.NewUser("bound@acme.example")
	bound.Permissions.Features = schema.Features{}
	bound.Lock.MailAddOn = schema.Locked
	become(t, s, schema.State{&schema.Domain{Name: "acme.example"}, bound, free})
	if wrong, err := s.Check(t.Context()); err != nil || strings.Contains(strings.Join(wrong, "; "), "mailops_") {
		t.Errorf("the roles are as they should be: %q, %v", wrong, err)
	}

	mta := as(t, url("mailops_mta"))
	relations := server.Query(t, "mail", "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
	for _, table := range strings.Fields(relations) {
		mta.refused("SELECT * FROM " + table)
	}
	for _, view := range []string{"dovecot_passdb", "dovecot_deny", "dovecot_service", "dovecot_master", "dovecot_userdb", "dovecot_sieve",
		"postfix_domain", "postfix_mailbox", "postfix_alias", "postfix_route", "postfix_recipient", "postfix_list_poster",
		"postfix_sasl", "postfix_sender_login", "sogo_users", "mailserver_interface"} {
		mta.allowed("SELECT * FROM " + view)
	}
	mta.allowed("SELECT postfix_recipient_action('free@acme.example'), postfix_leads_outside('free@acme.example')")
	signIn := "INSERT INTO dovecot_last_login (email, service, last_login) VALUES ('free@acme.example', 'imap', 5)" +
		" ON CONFLICT (email, service) DO UPDATE SET last_login = 5"
	mta.allowed(signIn)
	mta.allowed(signIn)
	for _, statement := range []string{
		"UPDATE dovecot_userdb SET deliverable = 1", "DELETE FROM postfix_mailbox", "DELETE FROM dovecot_last_login",
		"SELECT * FROM login_state", "SELECT * FROM panel_user", "SELECT mail_way('free@acme.example')", "CREATE TABLE mine (a int)",
	} {
		mta.refused(statement)
	}

	panel := as(t, url("mailops_selfservice"))
	panel.allowed("SELECT * FROM panel_user")
	strong := "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$" + strings.Repeat("A", 43)
	for _, statement := range []string{
		"INSERT INTO autoresponder (domain, local, body) VALUES ('acme.example', 'USER', 'away')",
		"INSERT INTO own_forwarding (domain, local, dest) VALUES ('acme.example', 'USER', 'x@elsewhere.example')",
		"INSERT INTO own_filter (domain, local, script) VALUES ('acme.example', 'USER', 'keep;')",
		"INSERT INTO sender_rule (domain, local, sender, verdict) VALUES ('acme.example', 'USER', '@spam.example', 'block')",
		"INSERT INTO observed (domain, local, addon_protocol, addon_sharing) VALUES ('acme.example', 'USER', 'pop', 'complete')",
		"UPDATE mailuser SET password = '" + strong + "' WHERE email = 'USER@acme.example'",
	} {
		panel.allowed(strings.ReplaceAll(statement, "USER", "free"))
		panel.refused(strings.ReplaceAll(statement, "USER", "bound"))
	}
	for _, statement := range []string{
		"UPDATE mailuser SET password = '{PLAIN}secret' WHERE email = 'free@acme.example'",
		"UPDATE mailuser SET password = NULL WHERE email = 'free@acme.example'",
		"UPDATE mailuser SET imap = 1", "SELECT password FROM mailuser", "SELECT * FROM dovecot_passdb", "SELECT * FROM mailops_secret",
		"UPDATE observed SET storage_used = 0", "UPDATE observed SET backup = 'completed'", "DELETE FROM observed",
		"INSERT INTO master_grant VALUES ('x', '@acme.example', 0, 'x', '2099-01-01T00:00:00Z', '', '', '')",
		"INSERT INTO autoresponder (domain, local, body) VALUES ('acme.example', 'nobody', 'away')",
		"UPDATE autoresponder SET local = 'bound'",
	} {
		panel.refused(statement)
	}
	// Nobody runs anything with the owner's rights by putting something of their
	// own in its way.
	for who, role := range map[string]session{"mta": mta, "panel": panel} {
		for _, statement := range []string{
			"CREATE TEMP TABLE mailuser (domain text, local text, status text, feature_forwarding int)",
			"CREATE FUNCTION pg_temp.evil() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
			"SELECT mailops_tell()", "SELECT mailops_grant_rights()",
		} {
			role.refused(statement)
		}
		if definers := server.Query(t, "mail", "SELECT count(*) FROM pg_proc WHERE prosecdef AND NOT coalesce(proconfig::text, '') LIKE '%search_path=public, pg_temp%'"); definers != "0" {
			t.Errorf("%s: %s functions look for tables where the caller says", who, definers)
		}
	}
	// A feature that is taken away later closes what was written before; mailops
	// itself may still do everything.
	server.Exec(t, "mail", "UPDATE mailuser SET feature_autoresponder = 0 WHERE local = 'free'")
	panel.refused("UPDATE autoresponder SET body = 'still away'")
	panel.refused("DELETE FROM autoresponder")
	as(t, url("mailops")).allowed("DELETE FROM autoresponder")
	become(t, s, schema.State{&schema.Domain{Name: "acme.example"}})
}

// A session is somebody's connection to the database.
type session struct {
	t    *testing.T
	conn *pgconn.PgConn
	who  string
}

func as(t *testing.T, url string) session {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return session{t, conn, url}
}

func (s session) allowed(statement string) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), statement).ReadAll(); err != nil {
		s.t.Errorf("%s: %s: %v", s.who, statement, err)
	}
}

func (s session) refused(statement string) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), statement).ReadAll(); err == nil {
		s.t.Errorf("%s: the database allows %s", s.who, statement)
	}
}
