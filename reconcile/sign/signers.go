package sign

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Signers are those whose signatures count.
type Signers struct{ all []allowed }

// An allowed is one line of an allowed_signers file.
type allowed struct {
	principals string
	key        ssh.PublicKey
	namespaces string // patterns; "" is all
	after      time.Time
	before     time.Time
}

// A Signer is who made a signature.
type Signer struct {
	Principals string // as the line of the key has them: names, or patterns of names
	Key        string // its fingerprint
}

// maxSigners bounds a file of signers.
const maxSigners = 1 << 20

// ReadSigners reads a file as [ParseSigners] does.
func ReadSigners(file string) (*Signers, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read signers: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSigners+1))
	if err != nil {
		return nil, fmt.Errorf("read signers: %w", err)
	}
	s, err := ParseSigners(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// ParseSigners reads an allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS), or
// a single public key, whose owner then may sign everything.
func ParseSigners(text []byte) (*Signers, error) {
	switch {
	case len(text) > maxSigners:
		return nil, fmt.Errorf("signers: longer than %d bytes", maxSigners)
	case bytes.Contains(text, []byte("PRIVATE KEY-----")):
		return nil, errors.New("signers: this is a private key: give its .pub file, and keep this one secret")
	}
	out, public := new(Signers), 0
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxSigners)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if keyTypes[strings.Fields(line)[0]] {
			line = "* " + line
			public = cmp.Or(public, n)
		}
		a, err := parseAllowed(line)
		if err != nil {
			return nil, fmt.Errorf("signers: line %d: %w", n, err)
		}
		out.all = append(out.all, a)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("signers: %w", err)
	}
	switch {
	case len(out.all) == 0:
		return nil, errors.New("signers: there is no key in it")
	case public > 0 && len(out.all) > 1:
		return nil, fmt.Errorf("signers: line %d: it does not say whose key this is: a line begins with a name, such as ana@acme.example", public)
	}
	return out, nil
}

// Verify finds out who signed a message for a purpose, and whether that counts
// at an instant.
func (s *Signers) Verify(message io.Reader, signature []byte, ns Namespace, at time.Time) (Signer, error) {
	sig, err := parse(signature)
	if err != nil {
		return Signer{}, err
	}
	who := Signer{Key: ssh.FingerprintSHA256(sig.PublicKey)}
	if sig.Namespace != string(ns) {
		return who, fmt.Errorf("%w: for %q, and not for %s", ErrNamespace, sig.Namespace, ns)
	}
	if who.Principals, err = s.permit(sig.PublicKey, ns, at); err != nil {
		return who, err
	}
	from := &reader{Reader: message}
	err = sshsig.Verify(from, sig, sig.PublicKey, sig.HashAlgorithm, string(ns))
	switch {
	case from.err != nil:
		return who, fmt.Errorf("read what was signed: %w", from.err)
	case err != nil:
		return who, fmt.Errorf("%w (%w)", ErrChanged, err)
	}
	return who, nil
}

// permit finds the line that lets a key sign. It may stand in several: the first
// that does counts.
func (s *Signers) permit(key ssh.PublicKey, ns Namespace, at time.Time) (principals string, err error) {
	err = fmt.Errorf("%w: %s", ErrUnknown, ssh.FingerprintSHA256(key))
	for _, a := range s.all {
		if !bytes.Equal(a.key.Marshal(), key.Marshal()) {
			continue
		}
		if err = a.permits(ns, at); err == nil {
			return a.principals, nil
		}
	}
	return "", err
}

// A reader remembers what kept a message from being read: that is no forgery.
type reader struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// permits says why a line does not let its key sign; nil when it does.
func (a *allowed) permits(ns Namespace, at time.Time) error {
	switch {
	case a.namespaces != "" && !matchList(a.namespaces, string(ns)):
		return fmt.Errorf("%w: the key of %s may sign %s, and not %s", ErrNamespace, a.principals, a.namespaces, ns)
	case !a.after.IsZero() && at.Before(a.after):
		return fmt.Errorf("%w: that of %s is valid after %s", ErrTime, a.principals, a.after.UTC().Format(time.RFC3339))
	case !a.before.IsZero() && at.After(a.before):
		return fmt.Errorf("%w: that of %s was valid before %s", ErrTime, a.principals, a.before.UTC().Format(time.RFC3339))
	}
	return nil
}
