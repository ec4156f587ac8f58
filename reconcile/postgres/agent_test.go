package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func lead(t *testing.T, s *postgres.Store, holder string) reconcile.Lease {
	t.Helper()
	l, err := s.Lead(t.Context(), holder)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLeaders: two agents of one name take over from each other, one of them
// through PgBouncer.
func TestLeaders(t *testing.T) {
	t.Parallel()
	direct, database := fresh(t)
	bounced := open(t, pgtest.At(server(t).bouncer.Address(), server(t).Password(), database), postgres.Options{})
	storetest.Leaders(t, 200, [2]reconcile.Store{direct, bounced}, func() {})
}

// TestLease: by the server's clock, a lease lasts as long as it should, and not
// longer when the clock was set back.
func TestLease(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	first := lead(t, s, "first")
	seen := func(seconds int) {
		t.Helper()
		server(t).Exec(t, database, fmt.Sprintf(`UPDATE mailops_agent SET seen = to_char(now() AT TIME ZONE 'UTC' + interval '%d s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`, seconds))
	}
	for _, seconds := range []int{-30, 0, 30} {
		seen(seconds)
		if _, err := s.Lead(t.Context(), "second"); !errors.Is(err, reconcile.ErrLed) {
			t.Errorf("seen %d s ago: got error %v, want ErrLed", -seconds, err)
		}
	}
	seen(-3600) // nobody was quicker
	if err := first.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Lead(t.Context(), "second"); !errors.Is(err, reconcile.ErrLed) {
		t.Errorf("it was renewed: got error %v, want ErrLed", err)
	}
	for i, seconds := range []int{-40, 3600} {
		seen(seconds)
		lead(t, s, fmt.Sprint("heir ", i))
	}
	if err := first.Renew(t.Context()); !errors.Is(err, reconcile.ErrFenced) {
		t.Errorf("got error %v, want ErrFenced", err)
	}
}

// TestLeadBesideApply: while an agent applies, it renews its lease, and nobody
// takes over.
func TestLeadBesideApply(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	l := lead(t, s, "first")
	taken := make(chan reconcile.Lease, 1)
	err := s.Applying(t.Context(), func(c sqlstore.Conn) error {
		if err := sqlstore.CheckEpoch(c, l.Epoch(), postgres.Dialect.Fence); err != nil {
			return err
		}
		if err := l.Renew(t.Context()); err != nil {
			return err
		}
		go func() {
			l, err := s.Lead(context.WithoutCancel(t.Context()), "first")
			if err != nil {
				t.Error(err)
			}
			taken <- l
		}()
		server(t).Await(t, database, waiting, "1")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next := <-taken; next == nil || next.Epoch() <= l.Epoch() {
		t.Errorf("got %v after epoch %d", next, l.Epoch())
	}
}

// childLeader names the store that a child process leads.
const childLeader = "MAILOPS_TEST_CHILD_LEADER"

// leadForEver leads, tells so on stdout, and renews all the time.
func leadForEver(ctx context.Context, url string) error {
	s, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	l, err := s.Lead(ctx, "child")
	for err == nil {
		fmt.Println("leads")
		err = l.Renew(ctx)
	}
	return err
}

// TestLeaderDies: a leader that is killed is succeeded when its lease has run
// out.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childLeader+"="+server(t).URL(database))
	tells, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := tells.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	server(t).Await(t, database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()", "0")
	led := new(reconcile.LedError)
	if _, err := s.Lead(t.Context(), "heir"); !errors.As(err, &led) || led.Holder != "child" {
		t.Errorf("got error %v, want that the child leads", err)
	}
	server(t).Exec(t, database, "UPDATE mailops_agent SET seen = '2000-01-01T00:00:00Z'") // 35 seconds later
	lead(t, s, "heir")
}

// TestForeignNotes: whatever somebody writes by hand is noted, by name and
// however much it is.
func TestForeignNotes(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	storetest.Foreign(t, s, "postgres", func(sql string) {
		t.Helper()
		server(t).Exec(t, database, sql)
	})
	become(t, s, users(1000))
	for _, statement := range []string{"UPDATE mailuser SET name = 'x'", "TRUNCATE mailuser CASCADE"} {
		server(t).Exec(t, database, "DELETE FROM mailops_note")
		server(t).Exec(t, database, statement)
		notes, err := s.Notes(t.Context(), 0)
		names := make(map[string]bool)
		for _, n := range notes {
			names[n.Name] = true
		}
		if err != nil || len(names) != 1000 || len(notes) > 2000 {
			t.Errorf("%s: %d notes of %d names, error %v; want 1000", statement, len(notes), len(names), err)
		}
	}
}

// TestNotesInOrder: who reads on from the last note misses nothing, in whatever
// order writers are done.
func TestNotesInOrder(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	become(t, s, users(4))
	early, late := server(t).Connect(t, database), server(t).Connect(t, database)
	do := func(statement string) {
		t.Helper()
		c := late
		if strings.HasPrefix(statement, "early ") {
			c, statement = early, strings.TrimPrefix(statement, "early ")
		}
		if err := c.Exec(t.Context(), statement).Close(); err != nil {
			t.Fatal(err)
		}
	}
	var after int64
	reads := func(want ...string) {
		t.Helper()
		notes, err := s.Notes(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range notes {
			after = n.ID
			got = append(got, n.Name[len("user00000"):len("user000000")])
		}
		if !slices.Equal(got, want) {
			t.Errorf("noted %q, want %q", got, want)
		}
	}
	rename := func(user int) string {
		return fmt.Sprintf("UPDATE mailuser SET name = 'x' WHERE local = 'user%06d'", user)
	}
	do("early BEGIN; " + rename(0))
	do(rename(1))
	reads() // the first may still come, with a lower id
	do("early COMMIT")
	reads("0", "1")
	do(rename(2))
	do("early BEGIN; " + rename(0))
	do(rename(1))
	reads("2") // it came before
	do("early ROLLBACK")
	reads("1")
	do("early BEGIN; " + rename(0))
	do("early SAVEPOINT a; " + rename(1) + "; ROLLBACK TO a; " + rename(3))
	do(rename(2))
	reads()
	do("early COMMIT")
	reads("0", "3", "2")
	reads()
}

// TestNotesRacing: of many writers at once, every note is read once.
func TestNotesRacing(t *testing.T) {
	t.Parallel()
	s, database := fresh(t)
	const lanes, rounds = 4, 50
	become(t, s, users(lanes))
	done := make(chan error, lanes)
	for lane := range lanes {
		c := server(t).Connect(t, database)
		go func() {
			var err error
			for i := range rounds {
				sql := fmt.Sprintf("BEGIN; UPDATE mailuser SET name = '%d' WHERE local = 'user%06d'; SELECT pg_sleep(%d * 0.001); COMMIT", i, lane, (i*7+lane*3)%5)
				err = errors.Join(err, c.Exec(context.Background(), sql).Close())
			}
			done <- err
		}()
	}
	seen, after := make(map[int64]string), int64(0)
	for ended := 0; ended < lanes; {
		select {
		case err := <-done:
			if ended++; err != nil {
				t.Error(err)
			}
		default:
		}
		notes, err := s.Notes(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range notes {
			seen[n.ID], after = n.Name, n.ID
		}
	}
	last, err := s.Notes(t.Context(), after)
	if err != nil || len(seen)+len(last) != lanes*rounds {
		t.Errorf("%d notes were read, error %v; want %d", len(seen)+len(last), err, lanes*rounds)
	}
}

// TestNotesByRole: a panel's work is noted with its name, whatever it says of
// itself.
func TestNotesByRole(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "postgres", "CREATE ROLE mailops LOGIN PASSWORD 'p'; CREATE ROLE mailops_mta LOGIN PASSWORD 'p'; CREATE ROLE mailops_selfservice LOGIN PASSWORD 'p'")
	server.Exec(t, "postgres", "CREATE DATABASE mail OWNER mailops")
	url := func(role string) string { return "postgres://" + role + ":p@" + server.Address() + "/mail" }
	s := open(t, url("mailops"), postgres.Options{})
	become(t, s, schema.State{&schema.Domain{Name: "acme.example"}, storetest.NewUser("ana@acme.example")})
	for _, role := range []string{"mailops_mta", "mailops_selfservice"} {
		who := as(t, url(role))
		for _, table := range []string{"mailops_pause", "mailops_agent", "mailops_note"} {
			who.refused("SELECT * FROM " + table)
			who.refused("DELETE FROM " + table)
		}
		who.refused("INSERT INTO mailops_note (at, by, name) VALUES ('', '', '')")
		who.refused("UPDATE mailops_agent SET seen = ''")
		who.refused("SELECT nextval('mailops_note_id_seq')")
	}
	panel := as(t, url("mailops_selfservice"))
	change := "UPDATE mailuser SET password = '{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$" + strings.Repeat("A", 43) + "'"
	panel.allowed(change)
	panel.allowed("SET mailops.run = 'yes'; " + change)
	panel.allowed("INSERT INTO autoresponder (domain, local, body) VALUES ('acme.example', 'ana', 'away')")
	owner := as(t, url("mailops"))
	owner.allowed("UPDATE mailuser SET imap = 1")
	notes, err := s.Notes(t.Context(), 0)
	if err != nil || len(notes) != 3 {
		t.Fatalf("got %+v, error %v", notes, err)
	}
	for i, by := range []string{"mailops_selfservice", "mailops_selfservice", "mailops"} {
		if n := notes[i]; n.By != by || n.Name != "ana@acme.example" {
			t.Errorf("got %+v, want by %s", n, by)
		}
	}
}
