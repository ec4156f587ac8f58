package load

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"mailops/schema"
)

// A canon says how a text is folded so that two spellings of one thing are
// equal.
type canon int

const (
	canonNone canon = iota
	canonAddress
	canonDomain
)

var (
	errLocal  = errors.New("the part before the @ is longer than 64 bytes (RFC 5321 §4.5.3.1.1)")
	errLength = errors.New("an address is at most 254 bytes long (RFC 5321 §4.5.3.1.3)")
	errDomain = errors.New("not a domain name that DNS can hold (RFC 5891)")
)

// fold returns the canonical form of a text that the law accepts.
func (c canon) fold(text string) (string, error) {
	switch c {
	case canonAddress:
		return foldAddress(text)
	case canonDomain:
		return foldDomain(text)
	}
	return text, nil
}

// foldAddress lower-cases both parts: RFC 5321 §2.4 lets local parts differ by
// case, but no mail system that people use does, and two users of which one
// gets the other's mail are worse than one.
func foldAddress(text string) (string, error) {
	at := schema.Address(text)
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(at.Local())))
	domain, err := foldDomain(at.Domain())
	switch {
	case err != nil:
		return "", err
	case len(local) > 64:
		return "", errLocal
	case len(local)+1+len(domain) > 254:
		return "", errLength
	}
	return local + "@" + domain, nil
}

// foldDomain returns the name as DNS and mail servers hold it, in ASCII.
func foldDomain(text string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(norm.NFC.String(text))
	long := func(label string) bool { return len(label) > 63 }
	if err != nil || len(ascii) > 253 || slices.ContainsFunc(strings.Split(ascii, "."), long) {
		return "", errDomain
	}
	return strings.ToLower(ascii), nil
}

// FoldAddress returns the canonical form of an address that somebody typed, as
// on a command line. The error says what is wrong with it.
func FoldAddress(text string) (schema.Address, error) {
	folded, err := foldAddress(text)
	if err != nil {
		return "", err
	}
	if at := schema.Address(folded); at.Local() == "" || at.Domain() == "" {
		return "", errors.New("not an address such as ana@acme.example")
	}
	return schema.Address(folded), nil
}

// readable shows the domain of an address in its own script.
func readable(address string) string {
	at := schema.Address(address)
	domain, err := idna.ToUnicode(at.Domain())
	if err != nil {
		return address
	}
	return at.Local() + "@" + domain
}

// FoldDomain returns the canonical form of a domain.
func FoldDomain(text string) (string, error) { return canonDomain.fold(text) }
