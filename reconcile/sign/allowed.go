package sign

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// errAuthority: a certificate says more than a key does, such as until when it is
// valid and for whom, and nothing here looks at that.
var errAuthority = errors.New("cert-authority: mailops takes no certificates, only keys: list the key of each signer")

// parseAllowed reads one line: principals, options, key, comment.
func parseAllowed(line string) (allowed, error) {
	principals, rest, err := cutPrincipals(line)
	if err != nil {
		return allowed{}, err
	}
	// ParseAuthorizedKey goes on to the next line where it cannot read one; there
	// is none.
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return allowed{}, fmt.Errorf("after the name there is no public key, such as `ssh-ed25519 AAAA...`: %w", err)
	}
	a := allowed{principals: principals, key: key}
	if _, ok := key.(*ssh.Certificate); ok {
		return allowed{}, errAuthority
	}
	seen := make(map[string]bool)
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if seen[name] {
			return allowed{}, fmt.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if err := a.option(name, value); err != nil {
			return allowed{}, err
		}
	}
	if !a.after.IsZero() && !a.before.IsZero() && !a.before.After(a.after) {
		return allowed{}, errors.New("valid-before is not later than valid-after")
	}
	return a, nil
}

// cutPrincipals takes the names off a line; they may be quoted.
func cutPrincipals(line string) (principals, rest string, err error) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		principals, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("a quote is not closed")
		}
	} else if i := strings.IndexAny(line, " \t"); i >= 0 {
		principals, rest = line[:i], line[i:]
	}
	if rest = strings.TrimSpace(rest); principals == "" || rest == "" {
		return "", "", errors.New("a line is a name, then a public key")
	}
	return principals, rest, nil
}

// option reads one option of a line. One that is not known may take something
// away, so it is not passed over.
func (a *allowed) option(name, value string) (err error) {
	if name == "cert-authority" {
		return errAuthority
	}
	text := strings.Trim(value, `"`)
	if text == "" || value != `"`+text+`"` {
		return fmt.Errorf("the option %s is not read: want namespaces=\"...\", valid-after=\"...\" or valid-before=\"...\"", name)
	}
	switch name {
	case "namespaces":
		a.namespaces = text
	case "valid-after":
		a.after, err = parseTime(text)
	case "valid-before":
		a.before, err = parseTime(text)
	default:
		return fmt.Errorf("the option %s is not known", name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// parseTime reads a time as ssh-keygen does: YYYYMMDD or YYYYMMDDHHMM[SS] in the
// zone of the machine, or in UTC with a Z at the end.
func parseTime(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(s, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, digits, zone); err == nil && len(digits) == len(layout) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 20261231, 202612311800 or 20261231180000Z", s)
}

// matchList reports whether a name matches a list of patterns with * and ?,
// joined by commas; one with a ! before it takes away.
func matchList(patterns, name string) bool {
	matched := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matches(pattern, name) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

func matches(pattern, name string) bool {
	wild := strings.NewReplacer(`\*`, ".*", `\?`, ".")
	ok, err := regexp.MatchString("^(?s:"+wild.Replace(regexp.QuoteMeta(pattern))+")$", name)
	return ok && err == nil
}
