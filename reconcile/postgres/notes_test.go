package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

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
