package stack

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/emersion/go-imap/client"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"mailops/schema"
)

// A Login is who signs in, and from where.
type Login struct {
	User     string // the name as the client sends it: an address, or USER*MASTER
	Password string // "" is [Password]
	From     string // the client's own IP address; "" is 127.0.0.1
	For      string // webmail only: the address of the browser
}

// As is the login of a user from this machine.
func As(user schema.Address) Login { return Login{User: string(user)} }

func (l Login) password() string {
	if l.Password == "" {
		return Password
	}
	return l.Password
}

// clientTimeout bounds what a client waits for.
const clientTimeout = 30 * time.Second

// dial connects to a listener from the login's address.
func (s *Stack) dial(port string, l Login) (net.Conn, error) {
	from := l.From
	if from == "" {
		from = "127.0.0.1"
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: clientTimeout}
	conn, err := dialer.Dial("tcp", s.Address(port))
	if err != nil {
		return nil, err
	}
	return patient{conn}, nil
}

// patient is a connection on which nothing is waited for longer than
// clientTimeout, whatever a library sets.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.Conn.SetReadDeadline(time.Now().Add(clientTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// SetDeadline implements net.Conn, and SetReadDeadline and SetWriteDeadline do.
func (p patient) SetDeadline(time.Time) error      { return nil }
func (p patient) SetReadDeadline(time.Time) error  { return nil }
func (p patient) SetWriteDeadline(time.Time) error { return nil }

// dialTLS is dial with TLS from the start.
func (s *Stack) dialTLS(port string, l Login) (net.Conn, error) {
	conn, err := s.dial(port, l)
	if err != nil {
		return nil, err
	}
	return tls.Client(conn, s.trusting), nil
}

// Services are the ways to sign in, as [Stack.SignIn] knows them.
var Services = []string{"imap", "pop3", "sieve", "smtp", "webmail", "activesync", "webmail-smtp", "activesync-smtp"}

// SignIn signs in to a service and out again. The error is what the client was
// told.
func (s *Stack) SignIn(service string, l Login) error {
	switch service {
	case "imap", "webmail", "activesync", "backup-imap":
		return ended(s.IMAP(service, l))
	case "pop3", "backup-pop3":
		return ended(s.POP3(service, l))
	case "sieve":
		return ended(s.Sieve(l))
	case "smtp", "webmail-smtp", "activesync-smtp":
		return ended(s.Submission(service, l))
	}
	return fmt.Errorf("%s: no such service", service)
}

// ended closes a session that was only tried.
func ended[C interface{ Close() error }](c C, err error) error {
	if err != nil {
		return err
	}
	_ = c.Close() // the server may have closed first
	return nil
}

// An IMAP is a session.
type IMAP struct{ *client.Client }

// Close ends the session.
func (c IMAP) Close() error { return c.Logout() }

// IMAP signs in to imap (over TLS), webmail, activesync or backup-imap.
func (s *Stack) IMAP(service string, l Login) (IMAP, error) {
	dial, port := s.dial, service
	if service == "imap" {
		dial, port = s.dialTLS, "imaps"
	}
	conn, err := dial(port, l)
	if err != nil {
		return IMAP{}, err
	}
	c, err := client.New(conn)
	if err != nil {
		conn.Close()
		return IMAP{}, err
	}
	c.Timeout = clientTimeout
	c.ErrorLog = log.New(io.Discard, "", 0) // that the server hung up is no news
	if l.For != "" {
		err = forwardAddress(c, l.For)
	}
	if err == nil {
		err = c.Login(l.User, l.password())
	}
	if err != nil {
		_ = c.Terminate()
		return IMAP{}, err
	}
	return IMAP{c}, nil
}

// Submission signs in to smtp (port 587, STARTTLS), webmail-smtp or
// activesync-smtp.
func (s *Stack) Submission(service string, l Login) (*smtp.Client, error) {
	c, err := s.connectSubmission(service, l)
	if err != nil {
		return nil, err
	}
	c.CommandTimeout = clientTimeout
	if err := c.Auth(sasl.NewPlainClient("", l.User, l.password())); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (s *Stack) connectSubmission(service string, l Login) (*smtp.Client, error) {
	ports := map[string]string{"smtp": "submission", "webmail-smtp": "submit-webmail", "activesync-smtp": "submit-activesync"}
	conn, err := s.dial(ports[service], l)
	switch {
	case err != nil:
		return nil, err
	case service == "smtp":
		return smtp.NewClientStartTLS(conn, s.trusting)
	case l.For != "":
		if err := forwardClient(conn, l.For); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return smtp.NewClient(conn), nil
}

// Send signs in and sends a message. The error is what the client was told.
func (s *Stack) Send(service string, l Login, from schema.Address, message string, to ...schema.Address) error {
	c, err := s.Submission(service, l)
	if err != nil {
		return err
	}
	defer c.Close()
	return Transmit(c, from, message, to...)
}

// Deliver brings a message from outside, over port 25.
func (s *Stack) Deliver(from schema.Address, message string, to ...schema.Address) error {
	conn, err := s.dial("mx", Login{})
	if err != nil {
		return err
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	return Transmit(c, from, message, to...)
}

// Transmit sends a message in a session that is open.
func Transmit(c *smtp.Client, from schema.Address, message string, to ...schema.Address) error {
	if err := c.Mail(string(from), nil); err != nil {
		return err
	}
	for _, rcpt := range to {
		if err := c.Rcpt(string(rcpt), nil); err != nil {
			_ = c.Reset() // the session may go on
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(message)); err != nil {
		return err
	}
	return w.Close()
}

// Message writes a message whose subject tests look for.
func Message(from, to schema.Address, subject, body string) string {
	return fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%d@elsewhere.example>\r\nDate: %s\r\n\r\n%s\r\n",
		from, to, subject, time.Now().UnixNano(), time.Now().Format(time.RFC1123Z), body)
}
