package postgres_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
)

// servers are what the tests of this package share.
type servers struct {
	*pgtest.Server
	bouncer *pgtest.Bouncer
}

// shared starts them when the first test needs them; TestMain ends them.
var shared = sync.OnceValues(func() (*servers, error) {
	server, err := pgtest.Launch()
	if err != nil {
		return nil, err
	}
	running = server
	bouncer, err := server.LaunchBouncer()
	if err != nil {
		return nil, err
	}
	runningBouncer = bouncer
	return &servers{server, bouncer}, nil
})

var (
	running        *pgtest.Server
	runningBouncer *pgtest.Bouncer
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childStore); url != "" {
		fmt.Fprintln(os.Stderr, applyForEver(context.Background(), url))
		os.Exit(1)
	}
	if url := os.Getenv(childLeader); url != "" {
		fmt.Fprintln(os.Stderr, leadForEver(context.Background(), url))
		os.Exit(1)
	}
	code := m.Run()
	if runningBouncer != nil {
		if err := runningBouncer.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if running != nil {
		if err := running.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// migrated makes the database that those of the tests are copies of: making the
// tables anew takes most of the time of a short test.
var migrated = sync.OnceValue(func() error {
	const name = "migrated"
	s, err := shared()
	if err != nil {
		return err
	}
	if err := s.Do(context.Background(), "postgres", "CREATE DATABASE "+name); err != nil {
		return err
	}
	store, err := postgres.Open(context.Background(), s.URL(name), postgres.Options{})
	if err != nil {
		return err
	}
	if err := store.Close(); err != nil {
		return err
	}
	return s.Do(context.Background(), "postgres", "ALTER DATABASE "+name+" WITH ALLOW_CONNECTIONS false;"+
		"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '"+name+"'")
})

// tables makes a database that holds an empty store.
func tables(t testing.TB) string {
	t.Helper()
	if err := migrated(); err != nil {
		t.Fatal(err)
	}
	return server(t).Copy(t, "migrated")
}

// server returns the shared server.
func server(t testing.TB) *servers {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open opens a store, which is closed when the test ends.
func open(t testing.TB, url string, options postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fresh opens an empty store in a database of its own.
func fresh(t testing.TB) (s *postgres.Store, database string) {
	t.Helper()
	database = tables(t)
	return open(t, server(t).URL(database), postgres.Options{}), database
}
