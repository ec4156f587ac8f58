package stack

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"crypto/tls"

	"github.com/emersion/go-imap"
	"github.com/emersion/go-imap/client"
	"github.com/knadh/go-pop3"
)

// forwardAddress says over IMAP (ID) for whom a webmail signs in.
func forwardAddress(c *client.Client, address string) error {
	id := &imap.Command{Name: "ID", Arguments: []interface{}{[]interface{}{imap.RawString(strconv.Quote("x-originating-ip")), imap.RawString(strconv.Quote(address))}}}
	status, err := c.Execute(id, nil)
	if err != nil {
		return err
	}
	return status.Err()
}

// forwardClient says the same over SMTP (XCLIENT), before the client's library
// sees the greeting that follows.
func forwardClient(conn net.Conn, address string) error {
	c := textproto.NewConn(passing{conn})
	if _, _, err := c.ReadResponse(220); err != nil {
		return err
	}
	if err := c.PrintfLine("EHLO localhost"); err != nil {
		return err
	}
	if _, _, err := c.ReadResponse(250); err != nil {
		return err
	}
	// The answer is a new greeting, which is left to the library.
	return c.PrintfLine("XCLIENT ADDR=%s", address)
}

// passing is a connection that reads byte by byte, so that nothing is taken
// from who reads on.
type passing struct{ net.Conn }

func (p passing) Read(b []byte) (int, error) { return p.Conn.Read(b[:1]) }

// A POP3 is a session.
type POP3 struct{ *pop3.Conn }

// Close ends the session.
func (c POP3) Close() error { return c.Quit() }

// POP3 signs in to pop3 (over TLS) or backup-pop3.
func (s *Stack) POP3(service string, l Login) (POP3, error) {
	o := pop3.Opt{Host: "127.0.0.1", Port: s.ports["backup-pop3"], DialTimeout: clientTimeout}
	o.Dialer = dialer{func() (net.Conn, error) {
		if service == "pop3" {
			return s.dialTLS("pop3s", l)
		}
		return s.dial(service, l)
	}}
	c, err := pop3.New(o).NewConn()
	if err != nil {
		return POP3{}, err
	}
	if err := c.Auth(l.User, l.password()); err != nil {
		_ = c.Quit()
		return POP3{}, err
	}
	return POP3{c}, nil
}

// dialer gives a library connections of ours.
type dialer struct{ dial func() (net.Conn, error) }

// Dial implements pop3.Dialer.
func (d dialer) Dial(string, string) (net.Conn, error) { return d.dial() }

// A Sieve is a session of ManageSieve (RFC 5804).
type Sieve struct {
	conn net.Conn
	text *textproto.Conn
}

// Sieve signs in, over STARTTLS.
func (s *Stack) Sieve(l Login) (*Sieve, error) {
	conn, err := s.dial("sieve", l)
	if err != nil {
		return nil, err
	}
	c := &Sieve{conn, textproto.NewConn(conn)}
	if err := c.signIn(s.trusting, l); err != nil {
		c.conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Sieve) signIn(trusting *tls.Config, l Login) error {
	if err := c.answer(); err != nil { // the greeting
		return err
	}
	if err := c.Do("STARTTLS"); err != nil {
		return err
	}
	c.conn = tls.Client(c.conn, trusting)
	c.text = textproto.NewConn(c.conn)
	if err := c.answer(); err != nil {
		return err
	}
	token := base64.StdEncoding.EncodeToString([]byte("\x00" + l.User + "\x00" + l.password()))
	return c.Do(fmt.Sprintf("AUTHENTICATE \"PLAIN\" %q", token))
}

// Do sends a command. The error is what the server refused it with.
func (c *Sieve) Do(command string) error {
	if err := c.text.PrintfLine("%s", command); err != nil {
		return err
	}
	return c.answer()
}

// Put stores a script and makes it the active one.
func (c *Sieve) Put(name, script string) error {
	if err := c.Do(fmt.Sprintf("PUTSCRIPT %q {%d+}\r\n%s", name, len(script), script)); err != nil {
		return err
	}
	return c.Do(fmt.Sprintf("SETACTIVE %q", name))
}

// answer reads up to OK, NO or BYE. A text may follow as a literal.
func (c *Sieve) answer() error {
	for {
		line, err := c.text.ReadLine()
		if err != nil {
			return err
		}
		switch word, _, _ := strings.Cut(line, " "); strings.ToUpper(word) {
		case "OK":
			return nil
		case "NO", "BYE":
			if strings.HasSuffix(line, "}") {
				more, err := c.text.ReadLine()
				if err != nil {
					return err
				}
				line += " " + more
			}
			return errors.New(line)
		}
	}
}

// Close ends the session.
func (c *Sieve) Close() error {
	_ = c.Do("LOGOUT")
	return c.conn.Close()
}
