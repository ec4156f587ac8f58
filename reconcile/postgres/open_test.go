package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
)

// TestOpen: what is no store, an older or a newer one is said; nothing is
// written by who may only read.
func TestOpen(t *testing.T) {
	t.Parallel()
	s := server(t)
	database := s.Database(t)
	url := s.URL(database)
	empty := open(t, url, postgres.Options{ReadOnly: true})
	holds(t, empty, nil)
	if runs, err := empty.Runs(t.Context(), 0); err != nil || len(runs) > 0 {
		t.Errorf("got %d runs, error %v", len(runs), err)
	}
	if _, err := empty.Apply(t.Context(), reconcile.Batch{}); err == nil {
		t.Error("a store that is only read was written")
	}
	if got := s.Query(t, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"); got != "0" {
		t.Errorf("reading made %s tables", got)
	}
	// Tables in other schemas are nobody's business, in the first they are.
	s.Exec(t, database, "CREATE SCHEMA theirs; CREATE TABLE theirs.mailuser (x int); CREATE TABLE public.invoices (x int)")
	refused(t, url, postgres.Options{}, sqlstore.ErrForeign)
	refused(t, url, postgres.Options{ReadOnly: true}, sqlstore.ErrForeign)
	s.Exec(t, database, "DROP TABLE public.invoices")
	store := open(t, url, postgres.Options{})
	become(t, store, users(3))
	holds(t, open(t, url, postgres.Options{ReadOnly: true}), users(3))
	refused(t, url+"?search_path=nowhere", postgres.Options{}, reconcile.ErrUnreachable)

	s.Exec(t, database, "INSERT INTO mailops_migration VALUES ('9999_future', '')")
	refused(t, url, postgres.Options{}, reconcile.ErrNewer)
	s.Exec(t, database, "DELETE FROM mailops_migration WHERE name >= '0004'")
	refused(t, url, postgres.Options{ReadOnly: true}, sqlstore.ErrOlder)
}

func refused(t *testing.T, url string, options postgres.Options, want error) {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, options)
	if err == nil {
		_ = s.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// TestOpenTogether: of many processes that open an empty database, one makes
// the tables.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	url := server(t).URL(server(t).Database(t))
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			s, err := postgres.Open(t.Context(), url, postgres.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// TestNoPassword: whatever goes wrong, the password is not told.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	at := server(t).Address()
	for _, url := range []string{
		"postgres://postgres:hunter2@" + at + "/postgres",
		"postgres://nobody:hunter2@" + at + "/postgres",
		"postgres://postgres:hunter2@127.0.0.1:1/postgres",
		"postgres://postgres:hunter2@127.0.0.1:99999999/postgres",
		"postgres://postgres:hunter2@127.0.0.1/postgres?sslmode=nonsense",
		"postgres://postgres:hunter2%zz@127.0.0.1/postgres",
		"postgres://127.0.0.1:1/postgres?user=x&password=hunter2",
		"postgres:postgres:hunter2@127.0.0.1/postgres",
		"postgres://postgres:hunter2@[::1/postgres",
		"postgres://" + at + "/postgres?user=postgres&password=hunter2",
	} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		if !errors.Is(err, reconcile.ErrUnreachable) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got error %v", url, err)
		}
		if label := postgres.Label(url); strings.Contains(label, "hunter2") {
			t.Errorf("%s: the label is %s", url, label)
		}
	}
	url := pgtest.At(at, "x", "y")
	if got, want := postgres.Label(url), strings.Replace(url, ":x@", "@", 1); got != want {
		t.Errorf("got label %s, want %s", got, want)
	}
}

// TestCheck: doctor's questions, on a server of its own because roles are the
// server's.
func TestCheck(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := open(t, server.URL("postgres"), postgres.Options{})
	said := func(want ...string) {
		t.Helper()
		wrong, err := s.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !contains(wrong, text) {
				t.Errorf("got %q, and nothing of %q", wrong, text)
			}
		}
		if len(wrong) != len(want)+2 { // and that fsync and full_page_writes are off
			t.Errorf("got %q, want %q and what the test's server is like", wrong, want)
		}
	}
	said("the role mailops_mta is not there", "the role mailops_selfservice is not there")
	server.Exec(t, "postgres", "CREATE ROLE mailops_mta; CREATE ROLE mailops_selfservice")
	said("the role mailops_mta has no rights yet", "the role mailops_selfservice has no rights yet")
	open(t, server.URL("postgres"), postgres.Options{}) // which gives them theirs
	said()
	server.Exec(t, "postgres", "GRANT SELECT ON mailuser TO mailops_mta")
	said("mailops_mta may select mailuser")
}
