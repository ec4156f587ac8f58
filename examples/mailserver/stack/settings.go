package stack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailops/examples/mailserver"
)

// secret is every password of a stack's own: those of its database and doveadm.
const secret = "stack-secret"

// writeSettings copies the settings, with the replacements made and the
// overlays added.
func (s *Stack) writeSettings(t testing.TB) {
	t.Helper()
	used := make([]bool, len(replacements))
	words := s.words()
	for _, variant := range []string{".", "sqlite", "postgres"} {
		s.copySettings(t, variant, words, used)
	}
	s.protect(t)
	for i, r := range replacements {
		if !used[i] {
			t.Errorf("settings: %q occurs no more in %s", r.old, r.files)
		}
	}
	for _, o := range overlays {
		if !o.needed(s.Options) {
			continue
		}
		if text := words.Replace(o.text); o.file == "postfix/main.cf" {
			s.setPostfix(t, text)
		} else {
			s.appendSetting(t, o.file, text)
		}
	}
	for _, module := range networked {
		s.appendSetting(t, "rspamd/local.d/"+module+".conf", "enabled = false;\n")
	}
}

// words fills in what replacements and overlays leave open.
func (s *Stack) words() *strings.Replacer {
	pairs := []string{"{dir}", s.Dir, "{secret}", secret, "{maps}", s.db.maps, "{store}", s.db.url}
	for name, port := range s.ports {
		pairs = append(pairs, "{"+name+"}", strconv.Itoa(port))
	}
	return strings.NewReplacer(pairs...)
}

// copySettings copies what all stacks share (".") or one variant. A variant of
// another database is looked through for its replacements, and not copied.
func (s *Stack) copySettings(t testing.TB, variant string, words *strings.Replacer, used []bool) {
	t.Helper()
	err := fs.WalkDir(mailserver.Settings, variant, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if variant == "." && (name == "sqlite" || name == "postgres") {
				return fs.SkipDir
			}
			return nil
		}
		text, err := fs.ReadFile(mailserver.Settings, name)
		if err != nil {
			return err
		}
		adapted := adapt(name, string(text), words, used)
		if variant != "." && variant != s.Database {
			return nil
		}
		return writeFile(s.Path("etc", strings.TrimPrefix(name, variant+"/")), adapted)
	})
	if err != nil {
		t.Fatalf("settings: %v", err)
	}
}

// protect keeps the files that can hold a password from everybody else, as the
// README says.
func (s *Stack) protect(t testing.TB) {
	t.Helper()
	for pattern, reader := range map[string]string{"etc/dovecot/*.ext": "dovecot", "etc/postfix/sql/*.cf": "postfix", "etc/dovecot/enforce.conf": ""} {
		files, err := filepath.Glob(s.Path(pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("settings: no %s: %v", pattern, err)
		}
		for _, file := range files {
			mode := os.FileMode(0o600)
			if reader != "" {
				s.chown(t, file, reader)
				mode = 0o640
			}
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// adapt makes the replacements in one file.
func adapt(name, text string, words *strings.Replacer, used []bool) string {
	for i, r := range replacements {
		if match, _ := path.Match(r.files, name); match && strings.Contains(text, r.old) {
			text = strings.ReplaceAll(text, r.old, words.Replace(r.new))
			used[i] = true
		}
	}
	return text
}

func (s *Stack) appendSetting(t testing.TB, file, text string) {
	t.Helper()
	name := s.Path("etc", file)
	old, _ := os.ReadFile(name)
	if err := writeFile(name, string(old)+text); err != nil {
		t.Fatalf("settings: %v", err)
	}
}

// setPostfix changes parameters as an administrator does. Naming one twice would
// do, but Postfix warns of it, and so many warnings block its log when it starts.
func (s *Stack) setPostfix(t testing.TB, text string) {
	t.Helper()
	args := append([]string{"-c", s.Path("etc/postfix"), "-e"}, strings.Split(strings.TrimSpace(text), "\n")...)
	if out, err := exec.Command("/usr/sbin/postconf", args...).CombinedOutput(); err != nil {
		t.Fatalf("settings: postconf: %v\n%s", err, out)
	}
}

func writeFile(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

// certificate makes the server's certificate, and returns what a client needs
// to trust it.
func (s *Stack) certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.acme.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"mail.acme.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"fullchain.pem": {Type: "CERTIFICATE", Bytes: der}, "privkey.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(s.Path("tls", name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(fmt.Errorf("certificate: %w", err))
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{RootCAs: pool, ServerName: "mail.acme.example"}
}
