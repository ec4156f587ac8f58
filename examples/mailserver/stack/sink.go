package stack

import (
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"mailops/schema"
)

// A Sink is the rest of the world: it takes every message that leaves the
// organization.
type Sink struct {
	mu   sync.Mutex
	seen []Letter
}

// A Letter is a message that left the organization.
type Letter struct {
	From string
	To   []string
	Text string
}

// startSink starts a mail server that takes everything.
func startSink(t testing.TB, address string) *Sink {
	t.Helper()
	s := &Sink{}
	server := smtp.NewServer(s)
	server.Domain = "elsewhere.example"
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(l) // ends when it is closed
		close(ended)
	}()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	return s
}

// NewSession implements smtp.Backend.
func (s *Sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &sinkSession{sink: s}, nil }

// For lists the messages to an address.
func (s *Sink) For(to schema.Address) []Letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Letter
	for _, l := range s.seen {
		if slices.ContainsFunc(l.To, func(rcpt string) bool { return strings.EqualFold(rcpt, string(to)) }) {
			found = append(found, l)
		}
	}
	return found
}

// sinkSession takes the messages of one connection.
type sinkSession struct {
	sink   *Sink
	letter Letter
}

// Reset implements smtp.Session.
func (s *sinkSession) Reset() { s.letter = Letter{} }

// Logout implements smtp.Session.
func (s *sinkSession) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	s.letter.From = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.letter.To = append(s.letter.To, to)
	return nil
}

// Data implements smtp.Session.
func (s *sinkSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.letter.Text = string(text)
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.seen = append(s.sink.seen, s.letter)
	return nil
}

// Eventually waits until something is so.
func Eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
