// Package sign signs what mailops writes for later, and says who signed it: the
// detached signatures of `ssh-keygen -Y sign` (SSHSIG) with ed25519 keys, so that
// nobody needs mailops to check one. Imports: the standard library,
// github.com/hiddeco/sshsig and golang.org/x/crypto/ssh.
package sign

import (
	"errors"
	"fmt"
	"io"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// A Namespace is what a signature is for: one of a plan says nothing about a
// snapshot.
type Namespace string

// The namespaces of what mailops signs.
const (
	Plan     Namespace = "mailops-plan@v1"
	Snapshot Namespace = "mailops-snapshot@v1"
)

// Header is the first line of a signature.
const Header = "-----BEGIN " + sshsig.PEMType + "-----"

// MaxSize is how many bytes of a signature are looked at: those of ed25519 keys
// take about 300.
const MaxSize = 8 << 10

// The errors of signatures that do not hold. Each error that [Signers.Verify]
// returns wraps one of them, or is of reading the message.
var (
	// ErrFormat: it is no signature, or half of one.
	ErrFormat = errors.New("this is no SSH signature")
	// ErrKeyType: the key is not of a type that mailops takes.
	ErrKeyType = errors.New("only ssh-ed25519 keys sign")
	// ErrUnknown: nobody who may sign has the key.
	ErrUnknown = errors.New("signed with a key of nobody who may sign")
	// ErrNamespace: it was made for something else, or the key may not sign this.
	ErrNamespace = errors.New("signed for something else")
	// ErrChanged: it is of another text.
	ErrChanged = errors.New("the text is not the one that was signed")
	// ErrTime: the key is not valid yet, or not any more.
	ErrTime = errors.New("signed with a key that is not valid now")
)

// Sign signs a message. The signature is a text that `ssh-keygen -Y verify`
// reads.
func (k *Key) Sign(message io.Reader, ns Namespace) ([]byte, error) {
	sig, err := sshsig.Sign(message, k.signer, sshsig.HashSHA512, string(ns))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sshsig.Armor(sig), nil
}

// A Stream signs what is written to it, so that a long message needs not be held.
// It is to be ended by Signature or Close.
type Stream struct {
	*io.PipeWriter
	done chan signed
}

type signed struct {
	text []byte
	err  error
}

// Stream begins to sign a message.
func (k *Key) Stream(ns Namespace) *Stream {
	r, w := io.Pipe()
	s := &Stream{w, make(chan signed, 1)}
	go func() {
		text, err := k.Sign(r, ns)
		_ = r.CloseWithError(err) // a writer must not wait for a reader that is gone
		s.done <- signed{text, err}
	}()
	return s
}

// Signature ends the message and returns its signature.
func (s *Stream) Signature() ([]byte, error) {
	_ = s.Close()
	end := <-s.done
	return end.text, end.err
}

// parse reads the text of a signature.
func parse(text []byte) (*sshsig.Signature, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrFormat, MaxSize)
	}
	if err := whole(text); err != nil {
		return nil, err
	}
	sig, err := sshsig.Unarmor(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if t := sig.PublicKey.Type(); t != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("%w, and this was made with one of type %s", ErrKeyType, t)
	}
	return sig, nil
}
