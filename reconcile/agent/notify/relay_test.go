package notify

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A relay is an SMTP server that keeps what it is given.
type relay struct {
	mu       sync.Mutex
	accounts map[string]string // by name; empty: no sign-in
	refuse   map[string]error  // by recipient, or "data" or "from"
	mails    []delivered
	secure   int // sessions under TLS
}

type delivered struct {
	from string
	to   []string
	data string
}

type session struct {
	relay *relay
	user  string
	mail  delivered
}

// NewSession implements smtp.Backend.
func (r *relay) NewSession(c *smtp.Conn) (smtp.Session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, is := c.TLSConnectionState(); is {
		r.secure++
	}
	return &session{relay: r}, nil
}

func (s *session) AuthMechanisms() []string {
	if len(s.relay.accounts) == 0 {
		return []string{"LOGIN"}
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, password string) error {
		if want, known := s.relay.accounts[name]; !known || want != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: password + " is wrong"}
		}
		s.user = name
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if len(s.relay.accounts) > 0 && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.mail = delivered{from: from}
	return s.relay.refuse["from"]
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.relay.refuse[to]; err != nil {
		return err
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.relay.refuse["data"]; err != nil {
		return err
	}
	s.mail.data = string(data)
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.mails = append(s.relay.mails, s.mail)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// certificate is one for example.com and 127.0.0.1, with who trusts it.
func certificate(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, &tls.Config{RootCAs: roots}
}

// listen serves the relay until the test ends, and returns its address.
func (r *relay) listen(t *testing.T, implicit, offer *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if implicit != nil {
		l = tls.NewListener(l, implicit)
	}
	server := smtp.NewServer(r)
	server.TLSConfig, server.AllowInsecureAuth, server.Domain = offer, true, "relay.example"
	server.EnableSMTPUTF8 = true
	server.ErrorLog = log.New(io.Discard, "", 0) // sessions that a test breaks off
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return l.Addr().String()
}
