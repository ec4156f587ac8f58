package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// strongSchemes are the password schemes of Dovecot 2.3 that withstand a stolen
// table; all others are fast to guess, or keep the password itself.
var strongSchemes = []string{"ARGON2ID", "ARGON2I", "BLF-CRYPT", "SHA512-CRYPT", "PBKDF2", "SCRAM-SHA-256"}

// hashForm is that of #Password in user.cue, for hashes that do not come from a
// declaration.
var hashForm = regexp.MustCompile(`^\{([A-Z0-9][A-Z0-9.-]*)\}\S+$`)

// HashProblem says what is wrong with what should be a password's hash, in words
// that do not hold it; rule is "" when nothing is.
func HashProblem(hash string) (rule, message, hint string) {
	form := hashForm.FindStringSubmatch(hash)
	switch {
	case form == nil:
		return "password-plain", "this is not a hash with its scheme", "run `mailops password ADDRESS`, which writes a hash"
	case slices.Contains(strongSchemes, form[1]):
		return "", "", ""
	}
	const enough = 20 // letters of a scheme, of which there is none as long
	return "password-weak-scheme", fmt.Sprintf("the scheme %s does not protect a password", form[1][:min(enough, len(form[1]))]),
		"one of " + strings.Join(strongSchemes, ", ") + "; `mailops password ADDRESS` makes one"
}
