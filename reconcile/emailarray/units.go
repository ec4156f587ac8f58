package emailarray

import (
	"fmt"
	"strings"

	"mailops/schema"
)

// megabyte is the unit in which quotas are read: 1000 of them are the GB in which
// they are written (§4.3). That it has a million bytes is taken from that.
const megabyte schema.Bytes = 1e6

// step is the smallest part of a quota that the service keeps.
func (s Settings) step() schema.Bytes { return max(s.QuotaStep, megabyte) }

// Hold is the quota that a mailbox has once this one is written: the next lower
// one of whole steps, and never none. A quota that the service holds exactly is
// its own. ok is false where there is none to write: unlimited is not documented.
func (s Settings) Hold(quota schema.Bytes) (held schema.Bytes, ok bool) {
	if quota <= schema.Unlimited {
		return schema.Unlimited, false
	}
	return max(quota-quota%s.step(), s.step()), true
}

// gigabytes writes a quota of whole MB as the service takes it: GB, with no more
// decimals than it needs, and never by way of a float.
func gigabytes(quota schema.Bytes) string {
	mb := int64(quota / megabyte)
	text := fmt.Sprintf("%d.%03d", mb/1000, mb%1000)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

// fromMegabytes reads an amount as the service shows it. What is no amount of
// whole bytes, or none at all, is not known: what 0 means is not documented.
func fromMegabytes(text string) (schema.Bytes, bool) {
	b, err := schema.ParseBytes(strings.TrimSpace(text) + "MB")
	return b, err == nil
}
