package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// EmailOptions says how e-mail is sent.
type EmailOptions struct {
	// URL is smtp://HOST[:587] or smtps://HOST[:465]. The first asks for
	// STARTTLS, and does without on this machine only; the second is TLS from
	// the beginning.
	URL      string
	Username string // for AUTH PLAIN; without one there is none
	Password string // secret
	From     string // such as "mailops <mailops@acme.example>"
	To       []string

	TLS  *tls.Config                                                          // nil trusts what the system trusts
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil is a net.Dialer's
}

type email struct {
	options  EmailOptions
	host     string
	address  string
	implicit bool // TLS from the beginning
	here     bool // the server is this machine
	from     *mail.Address
	to       []*mail.Address
	domain   string // of from, for Message-IDs
}

// Email returns the Channel that writes e-mail through a relay.
func Email(o EmailOptions) (Channel, error) {
	m := &email{options: o}
	if err := m.place(o.URL); err != nil {
		return nil, fmt.Errorf("e-mail: %w", err)
	}
	if err := m.people(o.From, o.To); err != nil {
		return nil, fmt.Errorf("e-mail: %w", err)
	}
	if m.options.Dial == nil {
		m.options.Dial = new(net.Dialer).DialContext
	}
	return m, nil
}

// String keeps the password from whoever prints the channel.
func (*email) String() string { return "e-mail" }

// GoString does, too.
func (*email) GoString() string { return "e-mail" }

func (m *email) place(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("the URL cannot be read") // err quotes it
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return errors.New("the URL must begin with smtp:// or smtps://")
	case u.Hostname() == "":
		return errors.New("the URL has no host")
	case u.User != nil:
		return errors.New("the URL must not hold a name or password: they have settings of their own")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return errors.New("the URL must be a host and a port, and nothing else")
	}
	m.host, m.implicit, m.here = u.Hostname(), u.Scheme == "smtps", isLoopback(u.Hostname())
	port := u.Port()
	if port == "" {
		port = map[bool]string{false: "587", true: "465"}[m.implicit]
	}
	m.address = net.JoinHostPort(m.host, port)
	return nil
}

// plain is an address that may stand in a command and a header as it is.
// Addresses outside ASCII would need SMTPUTF8 of every server on the way.
var plain = regexp.MustCompile("^[A-Za-z0-9.!#$%&'*+/=?^_{|}~`-]{1,64}@[A-Za-z0-9.-]{1,255}$")

func (m *email) people(from string, to []string) error {
	var err error
	if m.from, err = person(from); err != nil {
		return fmt.Errorf("from: %w", err)
	}
	_, m.domain, _ = strings.Cut(m.from.Address, "@")
	for _, one := range to {
		address, err := person(one)
		if err != nil {
			return fmt.Errorf("to: %w", err)
		}
		m.to = append(m.to, address)
	}
	if len(m.to) == 0 {
		return errors.New("to: nobody is named")
	}
	return nil
}

func person(s string) (*mail.Address, error) {
	address, err := mail.ParseAddress(s)
	if err != nil || !plain.MatchString(address.Address) || oneLine(address.Name) != address.Name {
		return nil, fmt.Errorf("%q is no address that can be written to", s)
	}
	return address, nil
}

// Send implements Channel. Where some recipients are refused, the others get
// the message, and the Failure is permanent: another attempt would tell them
// twice.
func (m *email) Send(ctx context.Context, e Event) error {
	conn, err := m.options.Dial(ctx, "tcp", m.address)
	if err != nil {
		return unreachable(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = m.transmit(conn, m.compose(&e))
	if ctx.Err() != nil && err != nil {
		return unreachable(ctx.Err())
	}
	return err
}
