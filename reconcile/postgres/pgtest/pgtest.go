// Package pgtest runs PostgreSQL servers for tests: Debian's programs in a
// temporary folder, as an ordinary user, on a free port of the loopback. What
// it started it stops, by its process. A program that is missing fails the
// test. Imports: pgx and the standard library.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// admin is the superuser of the servers.
const admin = "postgres"

// A Server is a PostgreSQL server.
type Server struct {
	dir      string // of everything that it keeps
	password string // of the superuser
	port     int
	process  *process
	count    *atomic.Int64 // of its databases
}

// Start starts a server that stops when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := Launch()
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

// settings are those of a server that need not survive a power cut. It survives
// a crash of its own.
var settings = []string{"fsync=off", "full_page_writes=off", "listen_addresses=127.0.0.1",
	"unix_socket_directories=", "max_connections=200", "shared_buffers=64MB", "log_min_messages=fatal"}

// Launch starts a server that runs until Close.
func Launch() (*Server, error) {
	dir, err := folder("", "mailops-pg")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, password: rand.Text(), count: new(atomic.Int64)}
	if err := s.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if s.port, err = freePort(); err == nil {
		err = s.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

// create makes the server's files. Texts sort as people sort them, so that a
// query shows when it relies on another order.
func (s *Server) create() error {
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o644); err != nil { // in a folder that only the server's user enters
		return err
	}
	return run(context.Background(), s.dir, "initdb", "--pgdata="+s.data(), "--username="+admin, "--pwfile="+secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-sync", "--no-instructions")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Start starts a server that was stopped.
func (s *Server) Start() error {
	args := []string{"-D", s.data(), "-p", strconv.Itoa(s.port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	var err error
	s.process, err = launch(s.dir, "postgres", s.ready, args...)
	return err
}

func (s *Server) ready(ctx context.Context) error { return s.Do(ctx, admin, "SELECT 1") }

// Stop stops the server: who is connected is sent away, and what they had not
// committed is lost.
func (s *Server) Stop() error {
	err := s.process.stop(syscall.SIGINT)
	s.process = nil
	return err
}

// Crash stops the server as a crash does.
func (s *Server) Crash() error {
	err := s.process.stop(syscall.SIGQUIT)
	s.process = nil
	return err
}

// Close stops the server and removes its files.
func (s *Server) Close() error {
	return errors.Join(s.Stop(), os.RemoveAll(s.dir))
}

// Address is where the server listens.
func (s *Server) Address() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// Password is that of the superuser.
func (s *Server) Password() string { return s.password }

// URL is the URL of a database for the superuser.
func (s *Server) URL(database string) string { return At(s.Address(), s.password, database) }

// At is the URL of a database for the superuser, at an address.
func At(address, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(admin, password), Host: address, Path: "/" + database}
	return u.String()
}

// Database makes an empty database that goes when the test ends, and returns
// its name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.Copy(t, "template1")
}

// Copy makes a database like another one, to which nobody is connected.
func (s *Server) Copy(t testing.TB, of string) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.count.Add(1), 10)
	if err := s.Do(t.Context(), admin, "CREATE DATABASE "+name+" TEMPLATE "+of); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.process == nil {
			return
		}
		if err := s.Do(context.Background(), admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Exec is Do for tests.
func (s *Server) Exec(t testing.TB, database, sql string) {
	t.Helper()
	if err := s.Do(t.Context(), database, sql); err != nil {
		t.Fatal(err)
	}
}

// Do executes statements as the superuser.
func (s *Server) Do(ctx context.Context, database, sql string) error {
	c, err := s.connect(ctx, database)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return c.Exec(ctx, sql).Close()
}

func (s *Server) connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return pgconn.Connect(ctx, s.URL(database))
}

// Connect opens a connection of its own for a test, as the superuser.
func (s *Server) Connect(t testing.TB, database string) *pgconn.PgConn {
	t.Helper()
	c, err := s.connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) }) // the test may have ended it
	return c
}

// Query returns the first column of the first row.
func (s *Server) Query(t testing.TB, database, sql string) string {
	t.Helper()
	text, err := s.query(t.Context(), database, sql)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (s *Server) query(ctx context.Context, database, sql string) (string, error) {
	c, err := s.connect(ctx, database)
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if last := results[len(results)-1]; len(last.Rows) > 0 {
		return string(last.Rows[0][0]), nil
	}
	return "", fmt.Errorf("%s: no row", strings.TrimSpace(sql))
}

// Await asks until a query answers want.
func (s *Server) Await(t testing.TB, database, sql, want string) {
	t.Helper()
	beat := time.NewTicker(10 * time.Millisecond)
	defer beat.Stop()
	for end := time.Now().Add(patience); ; <-beat.C {
		got, err := s.query(t.Context(), database, sql)
		if err == nil && got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: got %q, error %v; want %q", sql, got, err, want)
		}
	}
}
