package backup

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"mailops/schema"
)

// A Server is a mail server and the master user that may read every mailbox.
type Server struct {
	Scheme   string // pop3, pop3s, imap, imaps
	Host     string
	Port     int
	User     string // the master user; "" signs in as the mailbox's own user
	Password string
	Roots    *x509.CertPool // nil is the system's
}

// ports of the schemes.
var ports = map[string]int{"pop3": 110, "pop3s": 995, "imap": 143, "imaps": 993}

// ParseServer reads pop3s://HOST:PORT and its like. Without TLS a server must be
// on this machine: the master password opens every mailbox.
func ParseServer(s string) (Server, error) {
	u, err := url.Parse(s)
	if err != nil || ports[u.Scheme] == 0 || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return Server{}, errors.New("want pop3s://HOST:PORT or imaps://HOST:PORT, with no user, password or path in it")
	}
	server := Server{Scheme: u.Scheme, Host: u.Hostname(), Port: ports[u.Scheme]}
	if u.Port() != "" {
		if server.Port, err = strconv.Atoi(u.Port()); err != nil || server.Port < 1 || server.Port > 65535 {
			return Server{}, fmt.Errorf("%s is no port", u.Port())
		}
	}
	if !server.tls() && !loopback(server.Host) {
		return Server{}, fmt.Errorf("%s is not on this machine, and %s has no TLS: want %ss", server.Host, u.Scheme, u.Scheme)
	}
	return server, nil
}

// loopback takes addresses only: what a name means is for others to say.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// String names the server, without its user.
func (s Server) String() string {
	return s.Scheme + "://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// Protocol is pop or imap, the words of schema.Observed.
func (s Server) Protocol() string {
	if strings.HasPrefix(s.Scheme, "pop3") {
		return schema.ProtocolPOP
	}
	return schema.ProtocolIMAP
}

func (s Server) tls() bool { return strings.HasSuffix(s.Scheme, "s") }

// name is the user name that opens a mailbox: Dovecot's master users, with *
// for auth_master_user_separator.
func (s Server) name(mailbox schema.Address) string {
	if s.User == "" {
		return string(mailbox)
	}
	return string(mailbox) + "*" + s.User
}

// check refuses what would end the line of a command.
func (s Server) check() error {
	if strings.ContainsFunc(s.User+s.Password, unicode.IsControl) || strings.ContainsAny(s.User, " *") {
		return errors.New("the master user or its password holds characters that the protocol cannot carry")
	}
	return nil
}

// dial connects, with TLS where the scheme says so.
func (s Server) dial(ctx context.Context) (net.Conn, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	address := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	if !s.tls() {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	secure := tls.Dialer{Config: &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}}
	return secure.DialContext(ctx, "tcp", address)
}

// said is an error as the server worded it, fit to be shown: no control
// characters, no novel, and no password that it may have echoed.
func (s Server) said(err error) error {
	const most = 200
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	if s.Password != "" {
		text = strings.ReplaceAll(text, s.Password, "(password)")
	}
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	return errors.New(text)
}
