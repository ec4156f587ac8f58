package sign_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/sign"
)

// message is what most tests sign.
const message = "what mailops wrote\n"

// now is when signatures are looked at.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// keygen runs ssh-keygen, whose format this is, and returns what it says.
func keygen(t testing.TB, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("these tests need ssh-keygen: %v", err)
	}
	return string(out), err
}

// newKey makes a key of a type and returns the file of its private half.
func newKey(t testing.TB, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if out, err := keygen(t, "", append([]string{"-q", "-C", "test", "-f", file}, args...)...); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return file
}

func newEd25519(t testing.TB) string { return newKey(t, "-t", "ed25519", "-N", "") }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// signed signs with this package.
func signed(t *testing.T, file, message string, ns sign.Namespace) []byte {
	t.Helper()
	k, err := sign.ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := k.Sign(strings.NewReader(message), ns)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// signedByKeygen signs with ssh-keygen.
func signedByKeygen(t *testing.T, file, message, ns string) []byte {
	t.Helper()
	text := write(t, "message", message)
	if out, err := keygen(t, "", "-q", "-Y", "sign", "-f", file, "-n", ns, text); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	return []byte(read(t, text+".sig"))
}

func signers(t *testing.T, text string) *sign.Signers {
	t.Helper()
	s, err := sign.ParseSigners([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKeygenAccepts: what this package signs, ssh-keygen verifies, for its own
// purpose and its own text.
func TestKeygenAccepts(t *testing.T) {
	file := newEd25519(t)
	list := write(t, "allowed", "ci@acme.example "+read(t, file+".pub"))
	for _, message := range []string{"", message, strings.Repeat("0123456789abcdef", 1<<16)} {
		for _, ns := range []sign.Namespace{sign.Plan, sign.Snapshot} {
			sig := write(t, "sig", string(signed(t, file, message, ns)))
			verify := []string{"-Y", "verify", "-f", list, "-I", "ci@acme.example", "-s", sig, "-n"}
			if out, err := keygen(t, message, append(verify, string(ns))...); err != nil {
				t.Errorf("%s, %d bytes: %v\n%s", ns, len(message), err, out)
			}
			if out, err := keygen(t, message+"!", append(verify, string(ns))...); err == nil {
				t.Errorf("%s: another text passes: %s", ns, out)
			}
			if out, err := keygen(t, message, append(verify, "file")...); err == nil {
				t.Errorf("%s: another purpose passes: %s", ns, out)
			}
		}
	}
}

// TestAcceptsKeygen: what ssh-keygen signs, this package verifies.
func TestAcceptsKeygen(t *testing.T) {
	file := newEd25519(t)
	public := read(t, file+".pub")
	for _, list := range []string{public, "ci@acme.example " + public, "# people\n\n\"ana@acme.example,*@ci.example\" " + public} {
		sig := signedByKeygen(t, file, message, string(sign.Plan))
		who, err := signers(t, list).Verify(strings.NewReader(message), sig, sign.Plan, now)
		if err != nil {
			t.Fatalf("%q: %v", list, err)
		}
		if said, _ := keygen(t, "", "-l", "-f", file+".pub"); !strings.Contains(said, who.Key) {
			t.Errorf("the fingerprint %s is not that of ssh-keygen: %s", who.Key, said)
		}
		if who.Principals == "" {
			t.Errorf("%q: nobody has signed", list)
		}
	}
}

// TestStream: a message that is written in pieces has the signature of the whole;
// one that is given up leaves nobody waiting.
func TestStream(t *testing.T) {
	file := newEd25519(t)
	k, err := sign.ReadKey(file)
	if err != nil {
		t.Fatal(err)
	}
	s := k.Stream(sign.Snapshot)
	for _, c := range message {
		if _, err := s.Write([]byte(string(c))); err != nil {
			t.Fatal(err)
		}
	}
	sig, err := s.Signature()
	if err != nil || !bytes.Equal(sig, signed(t, file, message, sign.Snapshot)) {
		t.Errorf("got %s, %v", sig, err)
	}
	cause := errors.New("the disk is full")
	s = k.Stream(sign.Snapshot)
	_ = s.CloseWithError(cause)
	if _, err := s.Signature(); !errors.Is(err, cause) {
		t.Errorf("got error %v, want %v", err, cause)
	}
}
