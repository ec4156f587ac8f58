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
		" AND NOT has_table_privilege(oid, 'mailserver_interface', 'SELECT')",
		"the role %s has no rights yet: SELECT mailops_grant_rights()"},
	{"SELECT r.rolname || ' may ' || lower(p) || ' ' || c.relname FROM pg_roles r, pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p" +
		" WHERE r.rolname = 'mailops_mta' AND c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace(quote_ident(current_schema()))" +
		" AND has_table_privilege(r.oid, c.oid, p) LIMIT 5",
		"the role %s: mail servers are to read the views, and nothing else"},
	{"SELECT rolname FROM pg_roles WHERE rolname IN ('mailops_mta', 'mailops_selfservice') AND (rolsuper OR rolbypassrls OR rolcreaterole)",
		"the role %s may do what only an administrator of the server should"},
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
