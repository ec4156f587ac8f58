package stack

import (
	"os"
	"strings"
	"testing"
	"time"
)

// StartEnforce runs mailops enforce beside the stack's Dovecot, with the rights
// of a mail server, and waits until it watches.
func (s *Stack) StartEnforce(t testing.TB) {
	t.Helper()
	key := s.Path("etc/doveadm.key")
	if err := os.WriteFile(key, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"enforce", "--store", s.db.url, "--dovecot", "http://" + s.Address("doveadm"), "--key-file", key}
	if s.AuthCache {
		args = append(args, "--auth-cache")
	}
	s.start(t, "enforce", nil, s.Path("bin/mailops"), args...)
	Eventually(t, "mailops enforce watches", func() bool { return strings.Contains(s.Tail("enforce"), "watching") })
}

// Idle signs in and stays. What it returns is closed when the session has ended:
// by the server, or with the test.
func (s *Stack) Idle(t testing.TB, service string, l Login) (<-chan struct{}, error) {
	ended := make(chan struct{})
	switch service {
	case "pop3":
		c, err := s.POP3(service, l)
		if err != nil {
			return nil, err
		}
		go func() {
			defer close(ended)
			// Nothing listens in a POP3 client, so it has to ask.
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for c.Noop() == nil && t.Context().Err() == nil {
				<-tick.C
			}
		}()
	case "sieve":
		c, err := s.Sieve(l)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { c.conn.Close() })
		go func() {
			defer close(ended)
			for {
				if _, err := c.text.ReadLine(); err != nil {
					return
				}
			}
		}()
	default:
		c, err := s.IMAP(service, l)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = c.Terminate() })
		go func() {
			defer close(ended)
			tick := time.NewTicker(5 * time.Second) // a client gives up on a silent server
			defer tick.Stop()
			for {
				select {
				case <-c.LoggedOut():
					return
				case <-tick.C:
					_ = c.Noop() // LoggedOut tells when it fails
				}
			}
		}()
	}
	return ended, nil
}

// StoreURL is the store's, with an administrator's rights.
func (s *Stack) StoreURL() string {
	if s.Database == "postgres" {
		return s.postgresURL("mailops", secret, "")
	}
	return s.db.url
}
