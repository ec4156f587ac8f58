package hosted

import (
	"crypto/rand"
	"math/big"
)

// passwordKinds are the kinds of characters that services want one each of, in
// eight or more. Those that look alike are left out, for who has to read one aloud.
var passwordKinds = []string{"ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz", "23456789", "-_.+=!*"}

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
