package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// elsewhere dials the relay whatever the address: as if it were another host.
func elsewhere(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// send sends one event, and returns what it says of it.
func send(t *testing.T, o EmailOptions, e Event) error {
	t.Helper()
	if o.From == "" {
		o.From = "mailops <mailops@acme.example>"
	}
	if o.To == nil {
		o.To = []string{"ana@acme.example"}
	}
	channel, err := Email(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	return channel.Send(ctx, e)
}

// TestEmailWays: which servers are given mail, and over what.
func TestEmailWays(t *testing.T) {
	server, trusts := certificate(t)
	const off = "example.com"
	for _, c := range []struct {
		name     string
		url      string // HOST stands for the relay's address
		implicit bool
		offers   bool // STARTTLS
		accounts map[string]string
		user     string
		password string
		tls      *tls.Config
		want     string // the error
		secure   bool
	}{
		{name: "this machine", url: "smtp://HOST"},
		{name: "this machine, with a password", url: "smtp://HOST", accounts: map[string]string{"m": canary}, user: "m", password: canary},
		{name: "this machine by another number", url: "smtp://127.0.0.2", accounts: map[string]string{"m": canary}, user: "m", password: canary},
		{name: "STARTTLS", url: "smtp://" + off, offers: true, tls: trusts, secure: true},
		{name: "STARTTLS and a password", url: "smtp://" + off, offers: true, tls: trusts, accounts: map[string]string{"m": canary}, user: "m", password: canary, secure: true},
		{name: "no STARTTLS", url: "smtp://" + off, user: "m", password: canary, want: "the server offers no STARTTLS, and nothing is sent without"},
		{name: "a certificate of somebody", url: "smtp://" + off, offers: true, user: "m", password: canary, want: "its certificate is not trusted"},
		{name: "a certificate of another host", url: "smtp://mail.acme.example", offers: true, tls: trusts, want: "its certificate is not trusted"},
		{name: "smtps", url: "smtps://" + off, implicit: true, tls: trusts, accounts: map[string]string{"m": canary}, user: "m", password: canary, secure: true},
		{name: "smtps on this machine", url: "smtps://HOST", implicit: true, tls: trusts, secure: true},
		{name: "smtps, not trusted", url: "smtps://" + off, implicit: true, want: "its certificate is not trusted"},
		{name: "smtps to a server without", url: "smtps://" + off, tls: trusts, want: "it does not speak TLS"},
		{name: "a wrong password", url: "smtps://" + off, implicit: true, tls: trusts, accounts: map[string]string{"m": "x"}, user: "m", password: canary, want: "the server refuses the sign-in (535 5.7.8)"},
		{name: "no password", url: "smtps://" + off, implicit: true, tls: trusts, accounts: map[string]string{"m": "x"}, want: "the server refuses the sender (502 5.7.0)"},
		{name: "no AUTH PLAIN", url: "smtps://" + off, implicit: true, tls: trusts, user: "m", password: canary, want: "the server offers no AUTH PLAIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &relay{accounts: c.accounts}
			var implicit, offer *tls.Config
			if c.implicit {
				implicit = server
			}
			if c.offers {
				offer = server
			}
			address := r.listen(t, implicit, offer)
			err := send(t, EmailOptions{URL: strings.Replace(c.url, "HOST", address, 1), Username: c.user, Password: c.password, TLS: c.tls, Dial: elsewhere(address)}, example)
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Fatalf("error %v, want %s", err, c.want)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if sent := len(r.mails); (sent == 1) != (c.want == "") {
				t.Errorf("%d mails", sent)
			}
			if c.want == "" && (r.secure > 0) != c.secure {
				t.Errorf("%d sessions under TLS", r.secure)
			}
		})
	}
}

// received parses the mail that a relay got.
func received(t *testing.T, r *relay) (*mail.Message, string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.mails) != 1 {
		t.Fatalf("%d mails", len(r.mails))
	}
	for line := range strings.SplitSeq(r.mails[0].data, "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line of %d octets: %.60q", len(line), line)
		}
		for i := range len(line) {
			if line[i] >= 0x80 {
				t.Errorf("not ASCII: %.60q", line)
				break
			}
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(r.mails[0].data))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	return m, strings.ReplaceAll(string(body), "\r\n", "\n")
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEmailMessage(t *testing.T) {
	r := &relay{}
	address := r.listen(t, nil, nil)
	e := example
	e.Title, e.Dropped = "três regras recusam", 3
	e.Lines = append(e.Lines, ".", "..", "ação")
	if err := send(t, EmailOptions{URL: "smtp://" + address, From: "Órgão <mailops@acme.example>", To: []string{"Ana Silva <ana@acme.example>", "bruno@acme.example"}}, e); err != nil {
		t.Fatal(err)
	}
	m, body := received(t, r)
	for name, want := range map[string]string{
		"Date":                      "Tue, 01 Dec 2026 09:00:00 +0000",
		"Message-Id":                "<E1@acme.example>",
		"From":                      "Órgão <mailops@acme.example>",
		"To":                        `"Ana Silva" <ana@acme.example>, <bruno@acme.example>`,
		"Subject":                   "[acme] refused: três regras recusam",
		"Content-Type":              "text/plain; charset=utf-8",
		"Content-Transfer-Encoding": "quoted-printable",
		"Mime-Version":              "1.0",
		"Auto-Submitted":            "auto-generated",
	} {
		if got := decoded(t, m.Header.Get(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	const want = "três regras recusam\n\nusers/ana.yaml:4:7: deletes <all> & more\n```*bold*```\n.\n..\nação\n\n" +
		"Commit: 3f1c2d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d by Ana <ana@acme.example>: leave & <!here> return\nStore: sqlite:live.db\nAt: 2026-12-01T09:00:00Z\n\n" +
		"Status page: https://mail.acme.example/status?a=1&b=|2>\n\n3 older messages were dropped.\n"
	if body != want {
		t.Errorf("body:\n%s\nwant:\n%s", body, want)
	}
	if got := r.mails[0]; got.from != "mailops@acme.example" || strings.Join(got.to, " ") != "ana@acme.example bruno@acme.example" {
		t.Errorf("envelope %+v", got)
	}
}

// TestHeaderInjection: whatever an event says, the header has the lines that it
// should have, also where an event comes past the Notifier.
func TestHeaderInjection(t *testing.T) {
	for _, evil := range []string{"\r\nBcc: x@evil.example", "\nBcc: x@evil.example\n\nbody", "\r\n.\r\nMAIL FROM:<x@evil.example>", "=?utf-8?q?=0D=0ABcc:_x@evil.example?=", "\u2028Bcc: x", "\x00\x7f", strings.Repeat("ã", 5000), strings.Repeat("word ", 1000)} {
		r := &relay{}
		address := r.listen(t, nil, nil)
		e := Event{ID: evil, Kind: Failed, At: example.At, Organization: evil, Store: evil, Revision: evil, Author: evil, Subject: evil, Title: evil, Lines: []string{evil}, URL: evil}
		if err := send(t, EmailOptions{URL: "smtp://" + address}, e); err != nil {
			t.Fatal(err)
		}
		m, _ := received(t, r)
		if len(m.Header) != 9 || m.Header.Get("Bcc") != "" {
			t.Errorf("%.40q: header %v", evil, m.Header)
		}
		if subject := decoded(t, m.Header.Get("Subject")); !strings.HasPrefix(subject, "[") && !strings.HasPrefix(subject, "failed:") || len([]rune(subject)) > mostSubject || strings.ContainsAny(subject, "\r\n") {
			t.Errorf("%.40q: subject %q", evil, subject)
		}
	}
}

// TestEmailRefusals: what each refusal means for another attempt, in our words.
func TestEmailRefusals(t *testing.T) {
	no := func(code int) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 2, 2}, Message: canary}
	}
	for _, c := range []struct {
		name   string
		refuse map[string]error
		want   Failure
		mails  int
	}{
		{"the sender", map[string]error{"from": no(553)}, Failure{Text: "the server refuses the sender (553 5.2.2)", Permanent: true}, 0},
		{"the message, for now", map[string]error{"data": no(451)}, Failure{Text: "the server refuses the message (451 4.2.2)"}, 0},
		{"the message", map[string]error{"data": no(554)}, Failure{Text: "the server refuses the message (554 5.2.2)", Permanent: true}, 0},
		{"one of two", map[string]error{"a@acme.example": no(550)}, Failure{Text: "the server refuses 1 of 2 recipients", Permanent: true}, 1},
		{"both", map[string]error{"a@acme.example": no(550), "b@acme.example": no(551)}, Failure{Text: "the server refuses all recipients (550 5.2.2)", Permanent: true}, 0},
		{"both, one for now", map[string]error{"a@acme.example": no(550), "b@acme.example": no(450)}, Failure{Text: "the server refuses all recipients (450 4.2.2)"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &relay{refuse: c.refuse}
			address := r.listen(t, nil, nil)
			err := send(t, EmailOptions{URL: "smtp://" + address, To: []string{"a@acme.example", "b@acme.example"}}, example)
			var got *Failure
			if !errors.As(err, &got) || *got != c.want {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if len(r.mails) != c.mails {
				t.Errorf("%d mails, want %d", len(r.mails), c.mails)
			}
		})
	}
}

// TestRudeServers: one that says nothing, too much, or hangs up.
func TestRudeServers(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"silent", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "no answer in time"},
		{"endless", func(c net.Conn) {
			for line := bytes.Repeat([]byte("220"), 1<<16); ; {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		}, "the server says too much"},
		{"gone", func(net.Conn) {}, "the server closes the connection at the connection"},
		{"full", func(c net.Conn) { _, _ = io.WriteString(c, "421 4.3.2 "+canary+"\r\n") }, "the server refuses the connection (421 4.3.2)"},
		{"no SMTP", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 "+canary+"\r\n\r\n") }, "the connection failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if conn, err := l.Accept(); err == nil {
					c.serve(conn)
					conn.Close()
				}
			}()
			defer func() { l.Close(); <-done }()
			channel, err := Email(EmailOptions{URL: "smtp://" + l.Addr().String(), From: "m@acme.example", To: []string{"a@acme.example"}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			err = channel.Send(ctx, example)
			var got *Failure
			if !errors.As(err, &got) || got.Permanent || got.Text != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestEmailOptions(t *testing.T) {
	good := EmailOptions{URL: "smtp://mail.example", From: "m@acme.example", To: []string{"a@acme.example"}}
	for want, change := range map[string]func(*EmailOptions){
		"the URL must begin with smtp:// or smtps://":                                        func(o *EmailOptions) { o.URL = "https://mail.example" },
		"the URL cannot be read":                                                             func(o *EmailOptions) { o.URL = "smtp://m:" + canary + "%zz@mail.example" },
		"the URL must not hold a name or password: they have settings of their own":          func(o *EmailOptions) { o.URL = "smtp://m:" + canary + "@mail.example" },
		"the URL has no host":                                                                func(o *EmailOptions) { o.URL = "smtp://:25" },
		"the URL must be a host and a port, and nothing else":                                func(o *EmailOptions) { o.URL = "smtp://mail.example/?tls=no" },
		`from: "" is no address that can be written to`:                                      func(o *EmailOptions) { o.From = "" },
		`from: "a@acme.example\r\nBcc: b@acme.example" is no address that can be written to`: func(o *EmailOptions) { o.From = "a@acme.example\r\nBcc: b@acme.example" },
		`to: "\"a b\"@acme.example" is no address that can be written to`:                    func(o *EmailOptions) { o.To = []string{`"a b"@acme.example`} },
		`to: "ção@acme.example" is no address that can be written to`:                        func(o *EmailOptions) { o.To = []string{"ção@acme.example"} },
		`to: "a@acme.example, b@acme.example" is no address that can be written to`:          func(o *EmailOptions) { o.To = []string{"a@acme.example, b@acme.example"} },
		"to: nobody is named":                                                                func(o *EmailOptions) { o.To = nil },
	} {
		o := good
		change(&o)
		if _, err := Email(o); err == nil || err.Error() != "e-mail: "+want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	for url, want := range map[string]string{"smtp://mail.example": "mail.example:587", "smtps://mail.example": "mail.example:465", "smtp://[::1]:25": "[::1]:25"} {
		o := good
		o.URL = url
		if m, err := Email(o); err != nil || m.(*email).address != want {
			t.Errorf("%s: error %v, channel %+v", url, err, m)
		}
	}
}
