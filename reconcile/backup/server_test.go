package backup_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

func TestParseServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want, err string }{
		{in: "pop3s://mail.acme.example", want: "pop3s://mail.acme.example:995"},
		{in: "imaps://mail.acme.example:1993/", want: "imaps://mail.acme.example:1993"},
		{in: "pop3://127.0.0.1:1110", want: "pop3://127.0.0.1:1110"},
		{in: "imap://[::1]", want: "imap://[::1]:143"},
		{in: "pop3://mail.acme.example", err: "is not on this machine, and pop3 has no TLS: want pop3s"},
		{in: "imap://localhost", err: "is not on this machine"},
		{in: "imap://192.0.2.1", err: "is not on this machine"},
		{in: "pop3s://backup:secret@mail.acme.example", err: "with no user, password or path"},
		{in: "https://mail.acme.example", err: "want pop3s://HOST:PORT"},
		{in: "mail.acme.example:995", err: "want pop3s://HOST:PORT"},
		{in: "pop3s://mail.acme.example:0", err: "no port"},
		{in: "pop3s://mail.acme.example:99999", err: "no port"},
		{in: "pop3s://", err: "want pop3s://HOST:PORT"},
		{in: "", err: "want pop3s://HOST:PORT"},
	} {
		s, err := backup.ParseServer(test.in)
		switch {
		case test.err == "" && (err != nil || s.String() != test.want):
			t.Errorf("%s: %s, %v", test.in, s, err)
		case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v", test.in, err)
		}
	}
}

// TestTLS: a certificate must be one that is trusted.
func TestTLS(t *testing.T) {
	t.Parallel()
	config, pem, err := pop3sim.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	server, err := pop3sim.Start(master, password, config)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	server.Put(carla, hostile)
	o := options(t, "pop3s://"+server.Address())
	if _, err := backup.Take(t.Context(), o); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	o.Server.Roots = x509.NewCertPool()
	o.Server.Roots.AppendCertsFromPEM(pem)
	take(t, o)
	holds(t, o.Dir, hostile)
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"carla@acme.example": "carla@acme.example", "INBOX": "INBOX", "../../etc": "%2E.%2F..%2Fetc", ".": "%2E", "a/b\x00c": "a%2Fb%00c", "Lixo é": "Lixo%20%C3%A9", "50%": "50%25",
	} {
		if got := backup.FileName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	a, b := backup.FileName(strings.Repeat("/", 300)+"a"), backup.FileName(strings.Repeat("/", 300)+"b")
	if a == b || len(a) > 255 {
		t.Errorf("%s and %s", a, b)
	}
}
