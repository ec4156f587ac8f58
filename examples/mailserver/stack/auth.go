package stack

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// An Auth is a client of Dovecot's auth service, as a login process is one
// (Dovecot Authentication Protocol v1.2). It asks one question at a time.
type Auth struct {
	conn  net.Conn
	lines *bufio.Scanner
	last  int
}

// DialAuth connects to an auth socket.
func DialAuth(socket string) (*Auth, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	a := &Auth{conn: conn, lines: bufio.NewScanner(conn)}
	if _, err := fmt.Fprintf(conn, "VERSION\t1\t2\nCPID\t%d\n", os.Getpid()); err != nil {
		return nil, err
	}
	for a.lines.Scan() {
		if a.lines.Text() == "DONE" {
			return a, nil
		}
	}
	return nil, fmt.Errorf("the auth service hung up: %w", a.lines.Err())
}

// SignIn asks whether a user may sign in by IMAP with a password. The error is
// the refusal.
func (a *Auth) SignIn(user, password string) error {
	a.last++
	token := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	_, err := fmt.Fprintf(a.conn, "AUTH\t%d\tPLAIN\tservice=imap\tsecured\tlip=127.0.0.1\trip=127.0.0.1\tresp=%s\n", a.last, token)
	if err != nil {
		return err
	}
	if !a.lines.Scan() {
		return fmt.Errorf("the auth service hung up: %w", a.lines.Err())
	}
	if answer := a.lines.Text(); !strings.HasPrefix(answer, "OK\t") {
		return fmt.Errorf("refused: %s", answer)
	}
	return nil
}

// Close ends the connection.
func (a *Auth) Close() error { return a.conn.Close() }

// AdminSQL carries statements out as the owner of the store, whose triggers tell
// nobody of it.
func (s *Stack) AdminSQL(t testing.TB, statements string) {
	t.Helper()
	if s.Postgres != nil {
		s.Postgres.Exec(t, "mailops", "SET mailops.run = 'yes'; "+statements)
		return
	}
	s.db.sql(t, statements)
}

// SparePort is a port of the stack's that none of its daemons uses.
func (s *Stack) SparePort() int { return s.ports["spare"] }
