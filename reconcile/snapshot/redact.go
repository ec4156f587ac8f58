package snapshot

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A Key makes hashes that say nothing to whoever does not have it.
type Key struct{ secret []byte }

// leastKey is how long a key is at least: as long as no list of guesses gets.
const leastKey = 32

// NewKey makes a key of a secret, such as `openssl rand -base64 32` prints.
func NewKey(secret []byte) (*Key, error) {
	secret = bytes.TrimSpace(secret)
	if len(secret) < leastKey {
		return nil, fmt.Errorf("a key of %d characters can be guessed, %d are needed: `openssl rand -base64 32` prints one", len(secret), leastKey)
	}
	return &Key{bytes.Clone(secret)}, nil
}

// id names the key without telling it.
func (k *Key) id() string { return k.hasher().hash("key", Format)[:16] }

// A hasher makes keyed hashes one after another.
type hasher struct{ mac hash.Hash }

func (k *Key) hasher() hasher { return hasher{hmac.New(sha256.New, k.secret)} }

// hash hashes a value; what tells apart values of different kinds.
func (h hasher) hash(what, value string) string {
	h.mac.Reset()
	h.mac.Write([]byte(what + "\x00" + value))
	return hex.EncodeToString(h.mac.Sum(nil)[:16])
}

// What stands in place of values. All are of the form that their fields have, so
// that a plan treats them like any other.
const (
	hiddenPassword = schema.Secret("hidden") // there is one: without a key nothing else is said
	tokenPassword  = "hmac-sha256:"
	tokenText      = "redacted:"
	tokenAddress   = "@redacted.invalid" // RFC 2606: nobody has that domain
)

func (h hasher) password(s schema.Secret) string {
	return tokenPassword + h.hash("password", string(s))
}
func (h hasher) name(s string) string            { return tokenText + h.hash("name", s) }
func (h hasher) network(s string) string         { return tokenText + h.hash("network", s) }
func (h hasher) address(a schema.Address) string { return h.hash("address", string(a)) + tokenAddress }

// A redactor takes out of rows what a snapshot does not tell.
type redactor struct {
	keyed   bool
	hasher  hasher
	domains map[string]bool // of the organization: all, before the first row is redacted
}

func newRedactor(key *Key) *redactor {
	r := &redactor{keyed: key != nil, domains: make(map[string]bool)}
	if key != nil {
		r.hasher = key.hasher()
	}
	return r
}

// row is what a snapshot tells of a row. When somebody last signed in is left
// out: no plan looks at it.
func (r *redactor) row(row reconcile.Row) (schema.Resource, schema.Observed) {
	out, observed := schema.Clone(row.Resource), row.Observed
	schema.SetKind(out)
	observed.LastSignInUnix = 0
	switch out := out.(type) {
	case *schema.Domain:
		out.APIVersion = ""
	case *schema.User:
		out.APIVersion, out.RenamedFrom, out.Profiles, out.SigningKeys, out.Schedule = "", "", nil, nil, nil
		out.Password = r.password(out.Password)
	case *schema.Alias:
		out.APIVersion = ""
	case *schema.List:
		out.APIVersion = ""
	}
	if r.keyed {
		rewrite(out, r.word)
		observed.AddOnMailbox = r.word(wordAddress, observed.AddOnMailbox)
	}
	return out, observed
}

func (r *redactor) password(s schema.Secret) schema.Secret {
	switch {
	case s == "":
		return ""
	case r.keyed:
		return schema.Secret(r.hasher.password(s))
	}
	return hiddenPassword
}

// A word is a personal value: what is hashed of a resource.
type word int

const (
	wordName word = iota
	wordAddress
	wordNetwork
)

// word is what is told of a personal value. An address of the organization is
// what plans are about, and stays.
func (r *redactor) word(is word, value string) string {
	switch {
	case value == "":
	case is == wordName:
		return r.hasher.name(value)
	case is == wordNetwork:
		return r.hasher.network(value)
	case !r.domains[schema.Address(value).Domain()]:
		return r.hasher.address(schema.Address(value))
	}
	return value
}

// rewrite replaces the personal values of a resource, in place. Lists are copied:
// a clone shares them.
func rewrite(r schema.Resource, say func(word, string) string) {
	addresses := func(list []schema.Address) []schema.Address {
		return each(list, func(a schema.Address) schema.Address { return schema.Address(say(wordAddress, string(a))) })
	}
	switch r := r.(type) {
	case *schema.Domain:
		r.CatchAll = schema.Address(say(wordAddress, string(r.CatchAll)))
	case *schema.User:
		r.Name = say(wordName, r.Name)
		r.Forwarding.To = addresses(r.Forwarding.To)
		r.Permissions.SendAs = addresses(r.Permissions.SendAs)
		r.Permissions.TrustedNetworks = each(r.Permissions.TrustedNetworks, func(n string) string { return say(wordNetwork, n) })
	case *schema.Alias:
		r.To = addresses(r.To)
	case *schema.List:
		r.Members = addresses(r.Members)
	}
	schema.Normalize(r) // other values, another order
}

func each[T any](list []T, change func(T) T) []T {
	if len(list) == 0 {
		return list
	}
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = change(v)
	}
	return out
}

// redacted reports whether a value stands in place of another.
func redacted(is word, value string) bool {
	if is == wordAddress {
		return strings.HasSuffix(value, tokenAddress)
	}
	return strings.HasPrefix(value, tokenText)
}
