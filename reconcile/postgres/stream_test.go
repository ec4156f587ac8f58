package postgres_test

import (
	"fmt"
	"runtime"
	"testing"

	"mailops/reconcile/postgres"
	"mailops/schema"
)

// million are the statements that fill the tables with users, without an apply.
func million(n int) string {
	return fmt.Sprintf(`INSERT INTO domain (name) SELECT 'd' || i || '.example' FROM generate_series(0, 99) i;
INSERT INTO address (domain, local, kind) SELECT 'd' || i %% 100 || '.example', 'user' || i, 'user' FROM generate_series(1, %[1]d) i;
INSERT INTO mailuser (domain, local, mailbox, password, name, role, status, account_type, quota_bytes, language, timezone, keep_copy,
  incoming, outgoing, spam_check, imap, pop, activesync, webmail, smtp, sieve, only_local_smtp, feature_autoresponder,
  feature_forwarding, feature_filters, feature_allow_block_list, feature_shared_folders, feature_change_password, backup,
  addon_lock, hours, hours_timezone)
SELECT domain, local, local || '@' || domain, '{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$' || md5(local), 'User ' || local,
  'member', 'active', 'basic', 5368709120, 'en', '', 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 'off', 'unlocked', 0, ''
FROM address;
INSERT INTO forwarding (domain, local, dest) SELECT domain, local, 'partner@elsewhere.example' FROM address WHERE local LIKE '%%5';
INSERT INTO observed (domain, local, storage_used) SELECT domain, local, 1000000 FROM address;
ANALYZE`, n)
}

// TestStream: a read of many users takes little memory.
func TestStream(t *testing.T) {
	s, database := fresh(t)
	const users = 100_000
	server(t).Exec(t, database, million(users))
	if n, most := stream(t, s); n != users || most > 64<<20 {
		t.Errorf("%d users were read in %d MiB; want %d, in at most 64", n, most>>20, users)
	}
}

// stream reads the store, and returns how many users there were and how much
// memory it took at most.
func stream(t testing.TB, s *postgres.Store) (users int, most uint64) {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for row, err := range s.Read(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Key().Kind != schema.KindUser {
			continue
		}
		if users++; users%5000 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse-min(now.HeapInuse, before.HeapInuse))
		}
	}
	return users, most
}
