package postgres_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestWatch: what somebody else changes is told; of an apply only the gate is.
func TestWatch(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := open(t, server.URL("postgres"), postgres.Options{})
	become(t, s, users(2))
	gate, err := postgres.OpenGate(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	byStore, stopStore := iter.Pull(s.Watch(ctx))
	defer stopStore()
	byGate, stopGate := iter.Pull(gate.Watch(ctx))
	defer stopGate()
	heard := func(who string, next func() (reconcile.Notice, bool), want ...schema.Address) {
		t.Helper()
		n, ok := next()
		if !ok || len(n.Users) != len(want) || len(want) > 0 && n.Users[0] != want[0] {
			t.Errorf("%s: got %+v, %t; want %v", who, n, ok, want)
		}
	}
	// An iterator listens when it is first asked, so both are asked beside the
	// change.
	change := "UPDATE mailuser SET imap = 1 - imap WHERE local = 'user000001'"
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		heard("store", byStore, "user000001@acme.example")
	}()
	go func() {
		server.Await(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN mailops'", "1")
		server.Exec(t, "postgres", change)
	}()
	<-asked
	go func() {
		server.Await(t, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN mailops'", "2")
		become(t, s, users(3))
		server.Exec(t, "postgres", change)
		server.Exec(t, "postgres", "UPDATE domain SET timezone = 'UTC'")
	}()
	heard("gate", byGate, "user000001@acme.example") // the apply puts that back,
	heard("gate", byGate, "user000002@acme.example") // and makes another user
	heard("gate", byGate, "user000001@acme.example")
	heard("gate", byGate) // a domain is about anybody
	heard("store", byStore, "user000001@acme.example")
	heard("store", byStore)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	heard("store", byStore) // it was away
	heard("gate", byGate)
}

// TestGate: the role of a mail server may read what it needs, and no table.
func TestGate(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Exec(t, "postgres", "CREATE ROLE mailops_mta LOGIN PASSWORD 'mta'")
	s := open(t, server.URL("postgres"), postgres.Options{})
	want := users(2)
	u := storetest.NewUser("user000001@acme.example")
	u.Status = schema.StatusSuspended
	want[2] = u
	want = append(want, &schema.List{Address: "team@acme.example", Members: []schema.Address{u.Address}, Posting: schema.PostingMembers})
	become(t, s, want)
	url := "postgres://mailops_mta:mta@" + server.Address() + "/postgres"
	gate, err := postgres.OpenGate(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	access, err := gate.Access(t.Context(), []schema.Address{"user000000@acme.example", u.Address, "nobody@acme.example"})
	if err != nil || len(access) != 2 || access[u.Address].Refused["imap"] == "" || access["user000000@acme.example"].Refused["smtp"] != "" {
		t.Errorf("got %+v, error %v", access, err)
	}
	// On a replica, too, one is told that something changed.
	follower := server.Replica(t)
	following, err := postgres.OpenGate(t.Context(), "postgres://mailops_mta:mta@"+follower.Address()+"/postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer following.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	changing := make(chan struct{})
	go func() {
		defer close(changing)
		for i := 0; ctx.Err() == nil; i++ {
			server.Exec(t, "postgres", fmt.Sprintf("UPDATE mailuser SET name = 'No. %d' WHERE local = 'user000000'", i))
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	told := false
	for n := range following.Watch(ctx) {
		told = len(n.Users) == 0
		cancel()
	}
	<-changing
	if !told {
		t.Error("the replica told nothing")
	}
	for sender, list := range map[schema.Address]schema.Address{u.Address: "", "x@y.example": "team@acme.example"} {
		if got, err := gate.ClosedTo(t.Context(), sender, "team@acme.example"); got != list || err != nil {
			t.Errorf("%s: got %q, error %v; want %q", sender, got, err, list)
		}
	}
	if _, err := postgres.Open(t.Context(), url, postgres.Options{ReadOnly: true}); err == nil {
		t.Error("the role of a mail server may read the tables")
	}
}
