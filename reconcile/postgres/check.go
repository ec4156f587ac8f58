package postgres

import (
	"context"
	"fmt"
)

// A check is a query whose rows say what is wrong.
type check struct {
	sql  string
	text string // with %s for what the query returns
}

// served are the views of mail servers as rows of v(name).
const served = "unnest(ARRAY['dovecot_passdb', 'dovecot_deny', 'dovecot_service', 'dovecot_master', 'dovecot_userdb', 'dovecot_sieve', 'dovecot_last_login'," +
	" 'postfix_domain', 'postfix_mailbox', 'postfix_alias', 'postfix_route', 'postfix_recipient', 'postfix_list_poster', 'postfix_sasl'," +
	" 'postfix_sender_login', 'sogo_users', 'mailserver_interface']) AS v(name)"

// checks look at the server, the roles and their rights.
var checks = []check{
	{"SELECT current_setting('server_version') WHERE current_setting('server_version_num')::int < 150000",
		"the server is PostgreSQL %s: it takes 15 or newer"},
	{"SELECT current_database() WHERE pg_is_in_recovery()",
		"the server of the database %s is a replica: it can be read, and nothing can be applied"},
	{"SELECT current_setting('server_encoding') WHERE current_setting('server_encoding') <> 'UTF8'",
		"the database's encoding is %s: it takes UTF8"},
	{"SELECT r FROM (VALUES ('mailops_mta'), ('mailops_selfservice')) AS v(r) WHERE to_regrole(r) IS NULL",
		"the role %s is not there: CREATE ROLE it, and open the store once for writing"},
	{"SELECT rolname FROM pg_roles WHERE rolname IN ('mailops_mta', 'mailops_selfservice')" +
		" AND NOT has_table_privilege(oid, to_regclass('mailserver_interface'), 'SELECT')",
		"the role %s has no rights yet: SELECT mailops_grant_rights()"},
	{"SELECT r.rolname || ' may ' || lower(p) || ' ' || c.relname FROM pg_roles r, pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p" +
		" WHERE r.rolname = 'mailops_mta' AND c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))" +
		" AND has_table_privilege(r.oid, c.oid, p) LIMIT 5",
		"the role %s: mail servers are to read the views, and nothing else"},
	{"SELECT rolname FROM pg_roles WHERE rolname IN ('mailops_mta', 'mailops_selfservice') AND (rolsuper OR rolbypassrls OR rolcreaterole)",
		"the role %s may do what only an administrator of the server should"},
	{"SELECT name FROM " + served + " WHERE to_regclass(name) IS NULL",
		"the view %s is missing: mail servers put everything off"},
	{"SELECT name FROM (VALUES ('postfix_recipient_action(text)'), ('postfix_leads_outside(text)'), ('in_hours(text,text,text)')) AS v(name) WHERE to_regprocedure(name) IS NULL",
		"the function %s is missing: mail servers put mail off"},
	{"SELECT name FROM pg_roles, " + served + " WHERE rolname = 'mailops_mta' AND to_regclass(name) IS NOT NULL" +
		" AND has_table_privilege(oid, to_regclass('mailserver_interface'), 'SELECT') AND NOT has_table_privilege('mailops_mta', to_regclass(name), 'SELECT')",
		"the role mailops_mta may not read %s: SELECT mailops_grant_rights()"},
	{"SELECT rolname FROM pg_roles WHERE rolname IN ('mailops_mta', 'mailops_selfservice') AND has_database_privilege(oid, current_database(), 'TEMPORARY')",
		"the role %s may make temporary tables: REVOKE TEMPORARY ON DATABASE ... FROM PUBLIC, as the database's owner"},
	{"SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'mailuser'" +
		" AND to_regrole('mailops') IS NOT NULL AND tableowner <> 'mailops' AND (SELECT rolsuper FROM pg_roles WHERE rolname = tableowner)",
		"the tables belong to the superuser %s, and the role mailops is there: REASSIGN them to mailops"},
	{"SELECT current_database() WHERE current_setting('jit') = 'on' AND NOT EXISTS (SELECT 1 FROM pg_db_role_setting s" +
		" JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database() AND 'jit=off' = ANY (s.setconfig))",
		"the database %s compiles queries (jit), which takes a thousand times longer than they run: ALTER DATABASE ... SET jit = off"},
	{"SELECT name FROM (VALUES ('fsync'), ('full_page_writes')) AS v(name) WHERE current_setting(name) <> 'on'",
		"the server has %s switched off: a power cut can destroy the database"},
}

// Check looks at the store itself and returns a sentence for each thing that is
// wrong. It changes nothing. An error says that looking was not possible.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	if s.missing {
		return nil, nil
	}
	var wrong []string
	err := s.reading(ctx, func(c *conn) error {
		for _, check := range checks {
			found, err := column(c, check.sql)
			if err != nil {
				return err
			}
			for _, what := range found {
				wrong = append(wrong, fmt.Sprintf(check.text, what))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	return wrong, nil
}
