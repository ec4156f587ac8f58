package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/postgres"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// users is a state of n users.
func users(n int) schema.State {
	s := schema.State{&schema.Domain{Name: "acme.example"}}
	for i := range n {
		s = append(s, storetest.NewUser(schema.Address(fmt.Sprintf("user%06d@acme.example", i))))
	}
	return s
}

// become makes the store hold want.
func become(t testing.TB, s *postgres.Store, want schema.State) []reconcile.Change {
	t.Helper()
	changes := reconcile.Diff(state(t, s), want)
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: changes}}); err != nil {
		t.Fatal(err)
	}
	return changes
}

// contains looks for a text in sentences.
func contains(sentences []string, text string) bool {
	for _, s := range sentences {
		if strings.Contains(s, text) {
			return true
		}
	}
	return false
}

// TestForeignWriter: what an administrator changes with psql is seen, is a
// conflict for plans that did not see it, and can be taken back with the
// password hash that only the table knew.
func TestForeignWriter(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	become(t, s, users(3))
	before := state(t, s)
	server(t).Exec(t, database, "UPDATE mailuser SET password = '{X}theirs', pop = 1 WHERE local = 'user000001'")
	after := state(t, s)
	if u := after[2].(*schema.User); u.Password != schema.Fingerprint("{X}theirs") || !u.MailboxActions.POP {
		t.Errorf("the change was not seen: %+v", u)
	}
	gone := reconcile.Diff(before, before[:1])
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: gone}}); !errors.Is(err, reconcile.ErrConflict) {
		t.Errorf("got error %v, want a conflict", err)
	}
	gone = become(t, s, after[:1])
	_, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Invert(gone, state(t, s))}})
	if err != nil {
		t.Fatal(err)
	}
	if got := server(t).Query(t, database, "SELECT password FROM mailuser WHERE email = 'user000001@acme.example'"); got != "{X}theirs" {
		t.Errorf("password %q came back", got)
	}
}

// waiting is a query for whether somebody waits for a lock.
const waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

// TestWriterWaits: who changes rows during an apply waits for it, readers and
// panels do not; and an apply waits for who was first, but not for ever.
func TestWriterWaits(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	become(t, s, users(2))
	person := server(t).Connect(t, database)
	written := make(chan error, 1)
	err := s.Applying(t.Context(), func(c sqlstore.Conn) error {
		if _, err := c.Exec("UPDATE mailuser SET name = 'mailops' WHERE local = 'user000000'"); err != nil {
			return err
		}
		go func() {
			written <- person.Exec(context.Background(), "UPDATE mailuser SET name = name || ' and a person' WHERE local = 'user000000'").Close()
		}()
		server(t).Await(t, database, waiting, "1")
		holds(t, s, users(2)) // a reader sees what was before
		return s.SetObserved(t.Context(), "user000001@acme.example", schema.Observed{StorageUsed: 7})
	})
	if err := errors.Join(err, <-written); err != nil {
		t.Fatal(err)
	}
	if got := server(t).Query(t, database, "SELECT name FROM mailuser WHERE local = 'user000000'"); got != "mailops and a person" {
		t.Errorf("got name %q", got)
	}
	if err := person.Exec(t.Context(), "BEGIN; UPDATE mailuser SET name = 'x' WHERE local = 'user000000'").Close(); err != nil {
		t.Fatal(err)
	}
	impatient := open(t, server(t).URL(database), postgres.Options{BusyTimeout: 50 * time.Millisecond})
	if _, err := impatient.Apply(t.Context(), reconcile.Batch{}); !errors.Is(err, reconcile.ErrBusy) {
		t.Errorf("got error %v, want ErrBusy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		server(t).Await(t, database, waiting, "1")
		cancel()
	}()
	if _, err := s.Apply(ctx, reconcile.Batch{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want Canceled", err)
	}
	server(t).Await(t, database, waiting, "0") // the server was told that nobody waits
}

// TestTwoStores: of two processes that apply the same plan, one wins.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	become(t, s, users(30))
	other := open(t, server(t).URL(database), postgres.Options{})
	for round := range 10 {
		want := users(30)
		for u := range want.Users() {
			u.Name = fmt.Sprint(round)
		}
		batch := reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(state(t, s), want)}}
		var won atomic.Int32
		errs := make(chan error)
		for _, store := range []*postgres.Store{s, other} {
			go func() {
				_, err := store.Apply(t.Context(), batch)
				if err == nil {
					won.Add(1)
				}
				errs <- err
			}()
		}
		for _, err := range []error{<-errs, <-errs} {
			if err != nil && !errors.Is(err, reconcile.ErrConflict) {
				t.Fatalf("got error %v, want a conflict", err)
			}
		}
		if won.Load() != 1 {
			t.Fatalf("%d applies won", won.Load())
		}
		holds(t, s, want)
	}
}

// TestRename: what a user owns moves with the mailbox, whatever is locked or
// off, and a domain may be renamed whole.
func TestRename(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	before := users(30)
	for u := range before.Users() {
		u.Lock.MailAddOn, u.Permissions.Features = schema.Locked, schema.Features{}
	}
	become(t, s, before)
	server(t).Exec(t, database, "INSERT INTO autoresponder (domain, local, body) SELECT domain, local, 'away ' || local FROM mailuser;"+
		"INSERT INTO own_forwarding (domain, local, dest) SELECT domain, local, 'x@y.example' FROM mailuser;"+
		"INSERT INTO own_filter (domain, local, script) SELECT domain, local, 'keep;' FROM mailuser;"+
		"INSERT INTO sender_rule (domain, local, sender, verdict) SELECT domain, local, '@spam.example', 'block' FROM mailuser;"+
		"INSERT INTO observed (domain, local, storage_used) SELECT domain, local, 7 FROM mailuser")
	after := schema.State{&schema.Domain{Name: "b.example"}}
	for u := range before.Users() {
		moved := *u
		moved.Address, moved.RenamedFrom = schema.Address(u.Address.Local()+"@b.example"), u.Address
		after = append(after, &moved)
	}
	become(t, s, after)
	holds(t, s, after)
	for _, table := range []string{"autoresponder WHERE body = 'away ' || local AND", "own_forwarding WHERE", "own_filter WHERE", "sender_rule WHERE", "observed WHERE storage_used = 7 AND"} {
		if got := server(t).Query(t, database, "SELECT count(*) FROM "+table+" domain = 'b.example'"); got != "30" {
			t.Errorf("%s: %s rows moved, want 30", table, got)
		}
	}
	if got := server(t).Query(t, database, "SELECT count(*) FROM mailuser WHERE mailbox = local || '@acme.example'"); got != "30" {
		t.Errorf("%s users kept their mailbox, want 30", got)
	}
}
