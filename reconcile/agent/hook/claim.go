package hook

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// stampTime is how far the time of a signature may be from now.
const stampTime = 5 * time.Minute

// mostSignatures is how many signatures of one request are looked at: there are
// two while a forge changes its key.
const mostSignatures = 4

// An event is what a request is about.
type event int

const (
	other event = iota
	ping
	push
)

// A claim is what a request says of itself in its headers.
type claim struct {
	signatures [][]byte // one of them is the HMAC-SHA256 of before and the body
	before     string   // is signed before the body
	token      string   // or, without signatures, the secret itself
	dated      bool
	stamp      int64 // unix seconds of the signature, if it is dated
	id         string
	event      event
}

// complete reports whether there is something that could hold.
func (c claim) complete() bool { return len(c.signatures) > 0 || c.token != "" }

// holds reports whether one of the signatures is the right sum, or the token is
// the secret. How long that takes does not depend on how much of them is right.
func (c claim) holds(key, sum []byte) bool {
	if len(c.signatures) == 0 {
		// Sums have one length, whatever the lengths of what they are of.
		said, secret := sha256.Sum256([]byte(c.token)), sha256.Sum256(key)
		return subtle.ConstantTimeCompare(said[:], secret[:]) == 1
	}
	right := 0
	for _, s := range c.signatures {
		right |= subtle.ConstantTimeCompare(s, sum)
	}
	return right == 1
}

// signed returns the sum by which a signed request is known; nil without
// signatures.
func (c claim) signed(sum []byte) []byte {
	if len(c.signatures) == 0 {
		return nil
	}
	return sum
}

// github reads the headers of GitHub.
func github(h http.Header) claim {
	return claim{
		signatures: hexSignature(only(h, "X-Hub-Signature-256"), "sha256="),
		id:         only(h, "X-GitHub-Delivery"),
		event:      eventOf(only(h, "X-GitHub-Event"), "push"),
	}
}

// gitea reads the headers of Forgejo, which sends those of Gitea as well, and
// those of Gitea.
func gitea(h http.Header) claim {
	forge := "X-Gitea-"
	if len(h.Values("X-Forgejo-Signature")) > 0 {
		forge = "X-Forgejo-"
	}
	return claim{
		signatures: hexSignature(only(h, forge+"Signature"), ""),
		id:         only(h, forge+"Delivery"),
		event:      eventOf(only(h, forge+"Event"), "push"),
	}
}

// gitlab reads the headers of GitLab with a secret token. It signs nothing, so
// the id is all by which a repeated request is known.
func gitlab(h http.Header) claim {
	id := only(h, "Idempotency-Key") // stays the same when GitLab tries again
	if id == "" {
		id = only(h, "X-Gitlab-Event-UUID")
	}
	return claim{
		token: only(h, "X-Gitlab-Token"),
		id:    id,
		event: eventOf(only(h, "X-Gitlab-Event"), "Push Hook"),
	}
}

// standard reads the headers of GitLab with a signing token, which are those of
// Standard Webhooks: "v1," and a signature in base64, or several of these.
func standard(h http.Header) claim {
	id, stamp := only(h, "Webhook-Id"), only(h, "Webhook-Timestamp")
	c := claim{
		before: id + "." + stamp + ".",
		dated:  true,
		stamp:  unix(stamp),
		id:     id,
		event:  eventOf(only(h, "X-Gitlab-Event"), "Push Hook"),
	}
	for one := range strings.FieldsSeq(only(h, "Webhook-Signature")) {
		encoded, known := strings.CutPrefix(one, "v1,")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if known && err == nil && len(c.signatures) < mostSignatures {
			c.signatures = append(c.signatures, signature)
		}
	}
	return c
}

// generic reads the headers of anything that can sign: X-Signature is sha256=
// and, in hex, the HMAC-SHA256 of X-Timestamp, a dot and the body.
func generic(h http.Header) claim {
	stamp := only(h, "X-Timestamp")
	return claim{
		signatures: hexSignature(only(h, "X-Signature"), "sha256="),
		before:     stamp + ".",
		dated:      true,
		stamp:      unix(stamp),
		event:      push,
	}
}

// only returns the value of a header that is there once, and short; "" else.
func only(h http.Header, name string) string {
	values := h.Values(name)
	if len(values) != 1 || len(values[0]) > 1024 {
		return ""
	}
	return values[0]
}

func hexSignature(value, prefix string) [][]byte {
	digits, ok := strings.CutPrefix(value, prefix)
	signature, err := hex.DecodeString(digits)
	if !ok || err != nil || len(signature) != sha256.Size {
		return nil
	}
	return [][]byte{signature}
}

// unix reads unix seconds; what is none is a time that is never fresh.
func unix(stamp string) int64 {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || seconds < 0 {
		return 0
	}
	return seconds
}

func eventOf(name, ofPush string) event {
	switch name {
	case ofPush:
		return push
	case "ping":
		return ping
	}
	return other
}
