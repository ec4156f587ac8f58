package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A scheme is a way to hash passwords, and what a hash by it looks like.
type scheme struct {
	name string
	form *regexp.Regexp // of what follows {SCHEME}
}

// strongSchemes are the password schemes of Dovecot 2.3 that withstand a stolen
// table; all others are fast to guess, or keep the password itself. The forms
// are those that `doveadm pw` prints: a password that only calls itself a hash
// must not reach the store.
var strongSchemes = []scheme{
	{"ARGON2ID", regexp.MustCompile(`^\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}$`)},
	{"ARGON2I", regexp.MustCompile(`^\$argon2i\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}$`)},
	{"BLF-CRYPT", regexp.MustCompile(`^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$`)},
	{"SHA512-CRYPT", regexp.MustCompile(`^\$6\$(rounds=\d+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$`)},
	{"PBKDF2", regexp.MustCompile(`^\$1\$[^$\s]+\$\d+\$[0-9a-f]{40}$`)},
	{"SCRAM-SHA-256", regexp.MustCompile(`^\d+,[A-Za-z0-9+/=]{16,},[A-Za-z0-9+/=]{44},[A-Za-z0-9+/=]{44}$`)},
}

// hashForm is that of #Password in user.cue, for hashes that do not come from a
// declaration.
var hashForm = regexp.MustCompile(`^\{([A-Z0-9][A-Z0-9.-]*)\}(\S+)$`)

// HashProblem says what is wrong with what should be a password's hash, in words
// that do not hold it; rule is "" when nothing is.
func HashProblem(hash string) (rule, message, hint string) {
	const (
		enough = 20 // letters of a scheme, of which there is none as long
		write  = "run `mailops password ADDRESS`, which writes a hash"
	)
	parts := hashForm.FindStringSubmatch(hash)
	if parts == nil {
		return "password-plain", "this is not a hash with its scheme", write
	}
	i := slices.IndexFunc(strongSchemes, func(s scheme) bool { return s.name == parts[1] })
	switch {
	case i < 0:
		return "password-weak-scheme", fmt.Sprintf("the scheme %s does not protect a password", parts[1][:min(enough, len(parts[1]))]),
			"one of " + strings.Join(schemeNames(), ", ") + "; `mailops password ADDRESS` makes one"
	case !strongSchemes[i].form.MatchString(parts[2]):
		return "password-plain", "this is not a hash of the scheme " + parts[1], write
	}
	return "", "", ""
}

func schemeNames() []string {
	names := make([]string, len(strongSchemes))
	for i, s := range strongSchemes {
		names[i] = s.name
	}
	return names
}
