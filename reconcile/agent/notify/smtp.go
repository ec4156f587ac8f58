package notify

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
)

// mostTalk is how much a server may say in a session: its replies are short,
// and net/textproto reads a line of any length.
const mostTalk = 1 << 20

// A talk is a connection that ends when the other side says too much.
type talk struct {
	net.Conn
	left int
}

func (t *talk) Read(p []byte) (int, error) {
	if t.left <= 0 {
		return 0, errTalk
	}
	n, err := t.Conn.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err
}

var errTalk = errors.New("the server says too much")

// transmit has one session with the server.
func (m *email) transmit(conn net.Conn, message []byte) error {
	c, err := m.greet(&talk{conn, mostTalk})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := m.signIn(c); err != nil {
		return err
	}
	if err := command(c, 250, "MAIL FROM:<%s>", m.from.Address); err != nil {
		return refusal("the sender", err)
	}
	refused, err := name(c, m.to)
	if err != nil {
		return err
	}
	if err := data(c, message); err != nil {
		return refusal("the message", err)
	}
	_ = c.Quit() // the message is taken: what comes now changes nothing
	if refused > 0 {
		return &Failure{Text: fmt.Sprintf("the server refuses %d of %d recipients", refused, len(m.to)), Permanent: true}
	}
	return nil
}

// greet begins a session, under TLS unless the server is this machine.
func (m *email) greet(conn net.Conn) (*smtp.Client, error) {
	settings := &tls.Config{}
	if m.options.TLS != nil {
		settings = m.options.TLS.Clone()
	}
	if settings.ServerName == "" {
		settings.ServerName = m.host
	}
	if m.implicit {
		conn = tls.Client(conn, settings)
	}
	c, err := smtp.NewClient(conn, m.serverName())
	if err != nil {
		return nil, refusal("the connection", err)
	}
	if err := c.Hello(hostname()); err != nil {
		return nil, refusal("the greeting", err)
	}
	if m.implicit || m.here {
		return c, nil
	}
	if ok, _ := c.Extension("STARTTLS"); !ok {
		return nil, &Failure{Text: "the server offers no STARTTLS, and nothing is sent without", Permanent: true}
	}
	if err := c.StartTLS(settings); err != nil {
		return nil, refusal("TLS", err)
	}
	return c, nil
}

// hostname is how we introduce ourselves; servers expect a name, and some
// refuse "localhost".
func hostname() string {
	name, err := os.Hostname()
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9.-]{1,255}$`).MatchString(name) {
		return "localhost"
	}
	return name
}

func (m *email) signIn(c *smtp.Client) error {
	if m.options.Username == "" {
		return nil
	}
	if _, ways := c.Extension("AUTH"); !slices.Contains(strings.Fields(strings.ToUpper(ways)), "PLAIN") {
		return &Failure{Text: "the server offers no AUTH PLAIN", Permanent: true}
	}
	// PlainAuth itself refuses to send a password in the clear to elsewhere.
	return refusal("the sign-in", c.Auth(smtp.PlainAuth("", m.options.Username, m.options.Password, m.serverName())))
}

// serverName is what net/smtp knows the server by: it signs in without TLS
// where that is "localhost", and not at 127.0.0.2.
func (m *email) serverName() string {
	if m.here {
		return "localhost"
	}
	return m.host
}

// name tells the server the recipients, and returns how many it refused. It is
// an error when that is all of them.
func name(c *smtp.Client, to []*mail.Address) (refused int, err error) {
	for _, one := range to {
		failure := command(c, 25, "RCPT TO:<%s>", one.Address)
		var reply *textproto.Error
		if failure != nil && !errors.As(failure, &reply) {
			return 0, refusal("the recipients", failure)
		}
		if failure != nil {
			refused++
			// With all refused, one that is only refused for now is worth
			// another attempt.
			if err == nil || reply.Code/100 == 4 {
				err = failure
			}
		}
	}
	if refused < len(to) {
		return refused, nil
	}
	return refused, refusal("all recipients", err)
}

// command sends one line and reads the reply. net/smtp's own commands would ask
// for SMTPUTF8 wherever it is offered, which ASCII addresses do not need and
// which the next server may not have.
func command(c *smtp.Client, expect int, format string, args ...any) error {
	id, err := c.Text.Cmd(format, args...)
	if err != nil {
		return err
	}
	c.Text.StartResponse(id)
	defer c.Text.EndResponse(id)
	_, _, err = c.Text.ReadResponse(expect)
	return err
}

func data(c *smtp.Client, message []byte) error {
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	return w.Close()
}

// enhanced finds the status code of RFC 3463, the only part of a reply's text
// that is kept: the rest may hold names and worse.
var enhanced = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// refusal says what a server refuses, by the code that it gave.
func refusal(what string, err error) error {
	var reply *textproto.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &reply):
		code := strings.TrimSpace(fmt.Sprintf("%d %s", reply.Code, enhanced.FindString(reply.Msg)))
		return &Failure{Text: "the server refuses " + what + " (" + code + ")", Permanent: reply.Code/100 == 5}
	case errors.Is(err, errTalk):
		return &Failure{Text: errTalk.Error()}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Failure{Text: "the server closes the connection at " + what}
	}
	return unreachable(err)
}
