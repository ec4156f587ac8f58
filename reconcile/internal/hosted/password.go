package hosted

import (
	"crypto/rand"
	"maps"
	"math/big"
	"strings"
)

// passwordKinds are the kinds of characters that services want one each of, in
// eight or more. Those that look alike are left out, for who has to read one aloud.
var passwordKinds = []string{"ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.+=!*"}

// WithPasswords are the secrets, and for each other one that a call names with this
// prefix a new password.
func (s Secrets) WithPasswords(call Call, prefix string) Secrets {
	out := maps.Clone(s)
	if out == nil {
		out = make(Secrets)
	}
	for _, name := range call.Named() {
		if strings.HasPrefix(name, prefix) && out[name] == "" {
			out[name] = NewPassword()
		}
	}
	return out
}

// NewPassword is a password for a new mailbox. Nobody has to know it: who gets the
// mailbox is given one of their own.
func NewPassword() string {
	const rounds = 6 // of four characters, some 90 bits in all
	out := make([]byte, 0, rounds*len(passwordKinds))
	for range rounds {
		for _, kind := range passwordKinds {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(kind))))
			if err != nil {
				panic(err) // crypto/rand never fails
			}
			out = append(out, kind[n.Int64()])
		}
	}
	return string(out)
}
