package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// read reads a store whole.
func read(t *testing.T, s reconcile.Store) reconcile.Live {
	t.Helper()
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// TestForeignWriter: what an administrator changes with the sqlite3 program is
// seen, is a conflict for plans that did not see it, and can be taken back with
// the password hash that only the table knew.
func TestForeignWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	fill(t, s, 3)
	before := read(t, s).State
	if err := foreign(t, path, "UPDATE mailuser SET password = '{X}theirs', pop = 1 WHERE local = 'user000001'"); err != nil {
		t.Fatal(err)
	}
	after := read(t, s).State
	u := after[2].(*schema.User)
	if u.Password != schema.Fingerprint("{X}theirs") || !u.MailboxActions.POP {
		t.Errorf("the change was not seen: %+v", u)
	}
	// Windows that are numbered the other way round are the same hours.
	err := foreign(t, path, "UPDATE mailuser SET hours = 1 WHERE local = 'user000002'; INSERT INTO access_window (domain, local, dow, n, start_min, end_min)"+
		" VALUES ('acme.example', 'user000002', 1, 0, 800, 900), ('acme.example', 'user000002', 1, 1, 600, 700)")
	if err != nil {
		t.Fatal(err)
	}
	after = read(t, s).State
	if mon := after[3].(*schema.User).Permissions.AccessHours.Mon; len(mon) != 2 || mon[0].Start != 600 {
		t.Errorf("got hours %v", mon)
	}
	gone := reconcile.Diff(before, before[:1])
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: gone}}); !errors.Is(err, reconcile.ErrConflict) {
		t.Errorf("got error %v, want a conflict", err)
	}
	gone = reconcile.Diff(after, after[:1])
	apply(t, s, gone, nil)
	apply(t, s, reconcile.Invert(gone, read(t, s).State), nil)
	if got := query(t, path, "SELECT password FROM mailuser WHERE email = 'user000001@acme.example'"); got != "{X}theirs" {
		t.Errorf("password %q came back", got)
	}
}

// TestOrphans: rows that a writer with foreign keys off leaves are no
// resources, and nobody inherits them.
func TestOrphans(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	state := fill(t, s, 3)
	for _, statement := range []string{
		"DELETE FROM mailuser WHERE local = 'user000000'", // leaves its address, delegates, forwardings, hours
		"DELETE FROM mailuser WHERE local = 'user000001'; DELETE FROM address WHERE local = 'user000001'; INSERT INTO send_as (domain, local, delegate) VALUES ('acme.example', 'user000001', 'eve@evil.example')",
	} {
		if err := foreign(t, path, "PRAGMA foreign_keys = OFF; "+statement); err != nil {
			t.Fatal(err)
		}
	}
	live := read(t, s).State
	if len(live) != 2 {
		t.Fatalf("got %d rows, want the domain and one user", len(live))
	}
	want := schema.State{state[0], storetest.NewUser("user000001@acme.example"), state[3],
		&schema.Alias{Address: "user000000@acme.example", To: []schema.Address{"user000001@acme.example"}}}
	apply(t, s, reconcile.Diff(live, want), nil)
	if left := reconcile.Diff(read(t, s).State, want); len(left) > 0 {
		t.Errorf("something was inherited: %+v", left)
	}
	err := foreign(t, path, "PRAGMA foreign_keys = OFF; DELETE FROM mailuser; DELETE FROM forwarding")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, reconcile.Diff(read(t, s).State, nil), nil) // the domain goes, with the addresses that nobody has
	if got := query(t, path, "SELECT count(*) FROM address"); got != "0" {
		t.Errorf("%s addresses are left", got)
	}
}

// TestLock: no other program gets round a lock, by whatever statement.
func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	state := fill(t, s, 2)
	o := schema.Observed{AddOnProtocol: schema.ProtocolPOP, AddOnSharing: schema.SharingComplete}
	if err := s.SetObserved(t.Context(), "user000000@acme.example", o); err != nil {
		t.Fatal(err)
	}
	want := schema.State{state[0]}
	for u := range state.Users() {
		locked := *u
		locked.Lock.MailAddOn = schema.Locked
		want = append(want, &locked)
	}
	apply(t, s, reconcile.Diff(state, want), nil)
	for _, statement := range []string{
		"UPDATE observed SET addon_protocol = 'imap'",
		"UPDATE observed SET addon_sharing = ''",
		"UPDATE observed SET addon_mailbox = 'x'",
		"REPLACE INTO observed (domain, local) VALUES ('acme.example', 'user000000')",
		"REPLACE INTO observed (domain, local, addon_protocol) VALUES ('acme.example', 'user000000', 'imap')",
		"INSERT INTO observed (domain, local, addon_protocol) VALUES ('acme.example', 'user000001', 'imap')",
		"INSERT INTO observed (domain, local) VALUES ('acme.example', 'user000000') ON CONFLICT DO UPDATE SET addon_protocol = 'imap'",
		"DELETE FROM observed",
	} {
		if err := foreign(t, path, statement); err == nil || !strings.Contains(err.Error(), "the mail add-on is locked") {
			t.Errorf("%s: got error %v", statement, err)
		}
	}
	for _, statement := range []string{
		"UPDATE observed SET storage_used = 7, last_sign_in = 8, addon_protocol = 'pop'",
		"INSERT INTO observed (domain, local, storage_used) VALUES ('acme.example', 'user000001', 9)",
		"DELETE FROM observed WHERE local = 'user000001'",
	} {
		if err := foreign(t, path, statement); err != nil {
			t.Errorf("%s: %v", statement, err)
		}
	}
	o.StorageUsed, o.LastSignInUnix = 7, 8
	if got := read(t, s).Observed["user000000@acme.example"]; got != o {
		t.Errorf("got %+v, want %+v", got, o)
	}
}

// TestMailbox: the name of a user's storage stays with the person.
func TestMailbox(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	d, old := &schema.Domain{Name: "acme.example"}, storetest.NewUser("ana@acme.example")
	renamed, stranger := storetest.NewUser("silva@acme.example"), storetest.NewUser("ana@acme.example")
	renamed.RenamedFrom = "ana@acme.example"
	mailboxes := func(step, want string) {
		t.Helper()
		if got := query(t, path, "SELECT COALESCE(group_concat(email || '=' || mailbox, ' ' ORDER BY email), '') FROM mailuser"); got != want {
			t.Errorf("%s: got %s, want %s", step, got, want)
		}
	}
	become := func(want ...schema.Resource) []reconcile.Change {
		t.Helper()
		changes := reconcile.Diff(read(t, s).State, want)
		apply(t, s, changes, nil)
		return changes
	}
	become(d, old)
	mailboxes("create", "ana@acme.example=ana@acme.example")
	become(d, renamed)
	mailboxes("rename", "silva@acme.example=ana@acme.example")
	become(d, stranger, renamed)
	mailboxes("a new user at the old address", "ana@acme.example=ana@acme.example.2 silva@acme.example=ana@acme.example")
	gone := become(d, stranger)
	run := latest(t, s)
	_, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Undoes: run, Changes: reconcile.Invert(gone, read(t, s).State)}})
	if err != nil {
		t.Fatal(err)
	}
	mailboxes("a deleted user comes back", "ana@acme.example=ana@acme.example.2 silva@acme.example=ana@acme.example")
	become(d)
	become(d, stranger)
	mailboxes("nobody has the name any more", "ana@acme.example=ana@acme.example")
}

// TestOwnedRows: what users own moves with their mailbox, also while a lock or a
// feature that is off keeps everybody from changing it, and goes with the user.
func TestOwnedRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	d, old := &schema.Domain{Name: "acme.example"}, storetest.NewUser("ana@acme.example")
	apply(t, s, reconcile.Diff(nil, schema.State{d, old}), nil)
	const key = "VALUES ('acme.example', 'ana', "
	err := foreign(t, path, "INSERT INTO autoresponder (domain, local, body) "+key+"'away');"+
		"INSERT INTO own_forwarding (domain, local, dest) "+key+"'x@y.example');"+
		"INSERT INTO own_filter (domain, local, script) "+key+"'keep;');"+
		"INSERT INTO sender_rule (domain, local, sender, verdict) "+key+"'@spam.example', 'block');"+
		"INSERT INTO observed (domain, local, addon_protocol) "+key+"'pop')")
	if err != nil {
		t.Fatal(err)
	}
	owned := func(step, want string) {
		t.Helper()
		for _, table := range []string{"autoresponder", "own_forwarding", "own_filter", "sender_rule", "observed"} {
			if got := query(t, path, "SELECT COALESCE(group_concat(local), '') FROM "+table); got != want {
				t.Errorf("%s: %s is %q's, want %q", step, table, got, want)
			}
		}
	}
	locked := *old
	locked.Lock.MailAddOn, locked.Permissions.Features = schema.Locked, schema.Features{}
	apply(t, s, reconcile.Diff(read(t, s).State, schema.State{d, &locked}), nil)
	owned("locked", "ana")
	renamed, stranger := locked, storetest.NewUser("ana@acme.example")
	renamed.Address, renamed.RenamedFrom = "silva@acme.example", "ana@acme.example"
	apply(t, s, reconcile.Diff(read(t, s).State, schema.State{d, &renamed}), nil)
	owned("renamed", "silva")
	apply(t, s, reconcile.Diff(read(t, s).State, schema.State{d, stranger, &renamed}), nil)
	owned("a new user at the old address", "silva")
	apply(t, s, reconcile.Diff(read(t, s).State, schema.State{d, stranger}), nil)
	owned("deleted", "")
}

// latest is the id of the last run.
func latest(t *testing.T, s *sqlite.Store) int64 {
	t.Helper()
	runs, err := s.Runs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return runs[0].ID
}

// TestForget: old runs go, and with them the hashes that nothing names.
func TestForget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := open(t, path)
	d, now := &schema.Domain{Name: "acme.example"}, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for i, hash := range []string{"{X}1", "{X}2", "{X}3", "{X}4"} {
		secrets := make(schema.Secrets)
		u := storetest.NewUser("ana@acme.example")
		u.Password = secrets.Add(hash)
		changes := reconcile.Diff(read(t, s).State, schema.State{d, u})
		_, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: now.AddDate(0, 0, i), Changes: changes}, Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
	}
	hashes := func(want string) {
		t.Helper()
		if got := query(t, path, "SELECT COALESCE(group_concat(hash, ' ' ORDER BY hash), '') FROM mailops_secret"); got != want {
			t.Errorf("hashes %q are remembered, want %q", got, want)
		}
	}
	hashes("{X}1 {X}2 {X}3")
	if n, err := s.Forget(t.Context(), now.AddDate(0, 0, 2)); n != 2 || err != nil {
		t.Errorf("forgot %d runs, error %v; want 2", n, err)
	}
	hashes("{X}2 {X}3")
	if n, err := s.Forget(t.Context(), now.AddDate(1, 0, 0)); n != 1 || err != nil {
		t.Errorf("forgot %d runs, error %v; want 1: the newest stays", n, err)
	}
	hashes("{X}3")
	if id := latest(t, s); id != 4 {
		t.Errorf("the newest run is %d, want 4", id)
	}
}
