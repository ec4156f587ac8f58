package sign

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A Key is a private key that signs.
type Key struct{ signer ssh.Signer }

// Fingerprint names the key as ssh-keygen does.
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.signer.PublicKey()) }

// maxKeyFile is far more than a key takes.
const maxKeyFile = 64 << 10

// ReadKey reads the file of a private key, which as ssh has it nobody but its
// owner may read.
func ReadKey(file string) (*Key, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%s: others may read it (mode %04o): chmod 600 %s", file, mode.Perm(), file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return k, nil
}

// The mistakes that people make about keys, and what they are told.
var (
	// ErrPassphrase: nobody could be asked for it where mailops signs.
	ErrPassphrase = errors.New("the key has a passphrase, and nobody can be asked for it here: take a key without one (ssh-keygen -t ed25519 -N '' -f FILE)")
	// ErrAge: an age key does Diffie-Hellman and nothing else.
	ErrAge = errors.New("this is a key of age, which encrypts and cannot sign: take an SSH key (ssh-keygen -t ed25519 -N '' -f FILE)")

	errNoKey  = errors.New("this is no private key in the format of OpenSSH (ssh-keygen -t ed25519 -N '' -f FILE makes one)")
	errPublic = errors.New("this is a public key: the file without .pub is the one that signs")
	errPutty  = errors.New("this is a key of PuTTY: puttygen FILE -O private-openssh-new -o NEW makes one that OpenSSH and mailops read")
)

// ParseKey reads a private key of type ed25519.
func ParseKey(text []byte) (*Key, error) {
	if len(text) > maxKeyFile {
		return nil, errNoKey
	}
	if err := mistaken(text); err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoKey, err)
	}
	if t := signer.PublicKey().Type(); t != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("%w, and this one is of type %s: ssh-keygen -t ed25519 -N '' -f FILE makes one", ErrKeyType, t)
	}
	return &Key{signer}, nil
}

// mistaken knows files that are keys of another kind.
func mistaken(text []byte) error {
	switch {
	case bytes.Contains(text, []byte("AGE-SECRET-KEY-")), bytes.Contains(text, []byte("AGE-PLUGIN-")), bytes.HasPrefix(text, []byte("age1")):
		return ErrAge
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File")):
		return errPutty
	}
	if first, _, _ := strings.Cut(string(text), " "); keyTypes[first] {
		return errPublic
	}
	return nil
}

// keyTypes are the words that a public key in a line begins with.
var keyTypes = map[string]bool{
	ssh.KeyAlgoED25519: true, ssh.KeyAlgoSKED25519: true, ssh.KeyAlgoRSA: true, ssh.KeyAlgoECDSA256: true,
	ssh.KeyAlgoECDSA384: true, ssh.KeyAlgoECDSA521: true, ssh.KeyAlgoSKECDSA256: true, "ssh-dss": true,
}

// whole demands one armored block and nothing beside it.
func whole(text []byte) error {
	block, rest := pem.Decode(text)
	switch {
	case block == nil && bytes.HasPrefix(text, []byte(Header)):
		return fmt.Errorf("%w: its end is missing", ErrFormat)
	case block == nil, !bytes.HasPrefix(text, []byte("-----BEGIN ")):
		return fmt.Errorf("%w: it does not begin with %s", ErrFormat, Header)
	case len(bytes.TrimSpace(rest)) > 0:
		return fmt.Errorf("%w: there is more after its end", ErrFormat)
	}
	return nil
}
