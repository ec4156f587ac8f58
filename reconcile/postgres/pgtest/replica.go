package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Replica starts a second server that follows this one, and stops when the test
// ends. It has the same databases and passwords.
func (s *Server) Replica(t testing.TB) *Server {
	t.Helper()
	dir, err := folder("", "mailops-pg")
	if err != nil {
		t.Fatal(err)
	}
	r := &Server{dir: dir, password: s.password, count: s.count}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if r.port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), dir, "pg_basebackup", "--dbname="+s.URL(admin), "--pgdata="+r.data(), "--write-recovery-conf",
		"--wal-method=stream", "--checkpoint=fast", "--no-sync")
	if err := errors.Join(err, r.Start()); err != nil {
		t.Fatal(err)
	}
	return r
}

// Bouncer starts a PgBouncer in transaction mode before the server, which stops
// when the test ends, and returns its address.
func (s *Server) Bouncer(t testing.TB) string {
	t.Helper()
	b, err := s.LaunchBouncer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b.Address()
}

// A Bouncer is a PgBouncer in transaction mode.
type Bouncer struct {
	dir     string
	port    int
	process *process
}

// LaunchBouncer starts a PgBouncer that runs until Close.
func (s *Server) LaunchBouncer() (*Bouncer, error) {
	dir, err := folder("", "mailops-pgb")
	if err != nil {
		return nil, err
	}
	b := &Bouncer{dir: dir}
	if b.port, err = freePort(); err == nil {
		err = s.launchBouncer(b)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

func (s *Server) launchBouncer(b *Bouncer) error {
	users := filepath.Join(b.dir, "users")
	config := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = %s\npool_mode = transaction\nmax_client_conn = 100\ndefault_pool_size = 8\n",
		s.port, b.port, users)
	for path, text := range map[string]string{users: fmt.Sprintf("%q %q\n", admin, s.password), filepath.Join(b.dir, "ini"): config} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { // in a folder that only the server's user enters
			return err
		}
	}
	at := &Server{password: s.password, port: b.port}
	var err error
	b.process, err = launch(b.dir, "pgbouncer", at.ready, filepath.Join(b.dir, "ini"))
	return err
}

// Address is where PgBouncer listens.
func (b *Bouncer) Address() string { return "127.0.0.1:" + strconv.Itoa(b.port) }

// Close stops PgBouncer and removes its files.
func (b *Bouncer) Close() error {
	return errors.Join(b.process.stop(syscall.SIGQUIT), os.RemoveAll(b.dir))
}
