package stack

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
)

// startPostgres starts a server, with the roles and the database that the README
// tells to make.
func startPostgres(t testing.TB, s *Stack) database {
	t.Helper()
	s.Postgres = pgtest.Start(t)
	_, port, err := net.SplitHostPort(s.Postgres.Address())
	if err != nil {
		t.Fatal(err)
	}
	if s.ports["postgres"], err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"CREATE ROLE mailops LOGIN PASSWORD '" + secret + "'",
		"CREATE ROLE mailops_mta LOGIN PASSWORD '" + secret + "'",
		"CREATE ROLE mailops_selfservice LOGIN PASSWORD '" + secret + "'",
		"CREATE ROLE sogo LOGIN PASSWORD '" + secret + "'",
		"CREATE DATABASE mailops OWNER mailops",
		"CREATE DATABASE sogo OWNER sogo",
	} {
		s.Postgres.Exec(t, "postgres", statement)
	}
	store, err := postgres.Open(t.Context(), s.postgresURL("mailops", secret, ""), postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if s.OnReplica {
		s.follow(t)
	}
	passwords := url.Values{"passfile": {s.Path("etc/postfix/sql/mta.pgpass")}}
	return database{store, "pgsql", s.postgresURL("mailops_mta", "", passwords.Encode()), func(t testing.TB, statement string) string {
		t.Helper()
		panel := exec.Command("psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-c", statement, s.postgresURL("mailops_selfservice", secret, ""))
		out, err := panel.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", statement, err, out)
		}
		return strings.TrimSpace(string(out))
	}}
}

// follow starts a streaming replica, which the mail servers read.
func (s *Stack) follow(t testing.TB) {
	t.Helper()
	s.Replica = s.Postgres.Replica(t)
	_, port, err := net.SplitHostPort(s.Replica.Address())
	if err != nil {
		t.Fatal(err)
	}
	if s.ports["postgres"], err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
}

// signInsToPrimary has Dovecot write sign-ins where they can be written, as the
// README says.
func (s *Stack) signInsToPrimary(t testing.TB) {
	t.Helper()
	file := s.Path("etc/dovecot/dict-signin.conf.ext")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(s.Postgres.Address())
	if err != nil {
		t.Fatal(err)
	}
	connect := "connect = host=127.0.0.1 port=" + port + " dbname=mailops user=mailops_mta password=" + secret
	own := strings.Replace(string(text), "!include connect.conf.ext", connect, 1)
	if err := os.WriteFile(file, []byte(own), 0o640); err != nil {
		t.Fatal(err)
	}
}

// postgresURL is the URL of the store for a role.
func (s *Stack) postgresURL(role, password, query string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: s.Postgres.Address(), Path: "/mailops", RawQuery: query}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}
