package postgres_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
)

// lookups are what mail servers ask, in the words of examples/mailserver.
var lookups = []string{
	"SELECT email, password, allow_nets FROM dovecot_passdb WHERE email = 'u77@acme.example'",
	"SELECT reason FROM dovecot_deny WHERE email = 'u77@acme.example' AND service = 'imap'",
	"SELECT home, quota_rule FROM dovecot_userdb WHERE email = 'u77@acme.example'",
	"SELECT id FROM dovecot_sieve WHERE email = 'u77@acme.example' AND name = 'spam'",
	"SELECT data FROM dovecot_sieve WHERE email = 'u77@acme.example' AND id = 'reply'",
	"SELECT email FROM postfix_mailbox WHERE email = 'u77@acme.example'",
	"SELECT dest FROM postfix_alias WHERE email = 'a77@acme.example'",
	"SELECT dest FROM postfix_alias WHERE email = '@acme.example'",
	"SELECT action FROM postfix_recipient WHERE email = 'a77@acme.example'",
	"SELECT action FROM postfix_sasl WHERE email = 'u77@acme.example' AND service = 'smtp'",
	"SELECT login FROM postfix_sender_login WHERE sender = 'a77@acme.example'",
	"SELECT poster FROM postfix_list_poster WHERE list = 'l77@acme.example' AND poster = 'u77@acme.example'",
}

// large are the tables that grow with the organization.
var large = []string{"mailuser", "address", "forwarding", "listprop", "send_as", "access_window", "trusted_network"}

// A node is a step of a query's plan, as EXPLAIN tells it.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Plans    []node
}

// scanned are the large tables that a plan reads from end to end.
func (n node) scanned() []string {
	var out []string
	if n.Type == "Seq Scan" && slices.Contains(large, n.Relation) {
		out = append(out, n.Relation)
	}
	for _, inner := range n.Plans {
		out = append(out, inner.scanned()...)
	}
	return out
}

// TestLookups: whatever a mail server asks, no large table is read from end to
// end, in an organization that is large enough for the planner to mind. It logs
// how long each takes.
func TestLookups(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	open(t, server.URL("postgres"), postgres.Options{})
	server.Exec(t, "postgres", populate)
	for _, query := range lookups {
		text := server.Query(t, "postgres", "EXPLAIN (ANALYZE, FORMAT JSON) "+query)
		var plans []struct {
			Plan      node
			Execution float64 `json:"Execution Time"` // milliseconds
		}
		if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
			t.Fatalf("%s: %v\n%s", query, err, text)
		}
		if found := plans[0].Plan.scanned(); found != nil {
			t.Errorf("%s reads all of %q\n%s", query, found, text)
		}
		t.Logf("%.2f ms: %s", plans[0].Execution, query)
	}
	// What functions do inside is told by the statistics of the tables.
	before := server.Query(t, "postgres", scans)
	for _, call := range []string{"postfix_recipient_action('l77@acme.example')", "postfix_recipient_action('nobody@acme.example')", "postfix_leads_outside('a77+x@acme.example')"} {
		server.Query(t, "postgres", "SELECT count(*) FROM "+call)
	}
	server.Await(t, "postgres", scans, before)
}

const scans = "SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('mailuser', 'address', 'forwarding', 'listprop', 'send_as')"

// populate makes 20,000 users, and aliases, lists, delegates and hours for many.
var populate = strings.ReplaceAll(`
SET mailops.run = 'yes';
INSERT INTO domain (name, catch_all) VALUES ('acme.example', 'u1@acme.example');
INSERT INTO address (domain, local, kind) SELECT 'acme.example', 'u' || i, 'user' FROM generate_series(1, 20000) i;
INSERT INTO address (domain, local, kind) SELECT 'acme.example', 'a' || i, 'alias' FROM generate_series(1, 8000) i;
INSERT INTO address (domain, local, kind) SELECT 'acme.example', 'l' || i, 'list' FROM generate_series(1, 4000) i;
INSERT INTO mailuser (domain, local, mailbox, name, role, status, account_type, quota_bytes, language, timezone, keep_copy, incoming, outgoing, spam_check,
  imap, pop, activesync, webmail, smtp, sieve, only_local_smtp, feature_autoresponder, feature_forwarding, feature_filters, feature_allow_block_list,
  feature_shared_folders, feature_change_password, backup, addon_lock, hours, hours_timezone)
  SELECT 'acme.example', 'u' || i, 'u' || i, '', 'member', 'active', 'basic', 0, '', '', 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 'off', 'unlocked', i % 2, ''
  FROM generate_series(1, 20000) i;
INSERT INTO access_window SELECT 'acme.example', 'u' || i, d, 0, 0, 1440 FROM generate_series(1, 20000, 2) i, generate_series(1, 7) d;
INSERT INTO trusted_network SELECT 'acme.example', 'u' || i, '10.0.0.0/8' FROM generate_series(1, 20000) i;
INSERT INTO send_as (domain, local, delegate) SELECT 'acme.example', 'u' || i, 'u1@acme.example' FROM generate_series(1, 20000) i;
INSERT INTO forwarding (domain, local, dest) SELECT 'acme.example', 'a' || i, 'u' || i || '@acme.example' FROM generate_series(1, 8000) i;
INSERT INTO forwarding (domain, local, dest) SELECT 'acme.example', 'l' || i, 'u' || (5 * i - k) || '@acme.example' FROM generate_series(1, 4000) i, generate_series(0, 4) k;
INSERT INTO listprop (domain, local, posting) SELECT 'acme.example', 'l' || i, 'members' FROM generate_series(1, 4000) i;
ANALYZE;`, "\n", " ")
