package reconcile

import (
	"fmt"
	"math"
	"strings"

	"mailops/schema"
)

// The effects of this file are about what runs out: the storage of a mailbox, and
// what the organization has paid for.

// full says when a mailbox holds more than its new quota: mail to it bounces at
// once.
func (e *effects) full(key schema.Key, was, will *schema.User) {
	used := schema.Bytes(e.in.Live.Observed[will.Address].StorageUsed)
	if used == 0 || will.Quota == schema.Unlimited || used <= will.Quota {
		return
	}
	if was.Quota == schema.Unlimited || used <= was.Quota {
		e.say(Severe, "over-quota", key, "%s holds %s, more than the new quota of %s: mail to it is refused until something is deleted", who(will), about(used), will.Quota)
	}
}

// about is a size as people say it: with one digit after the point.
func about(b schema.Bytes) string {
	size, unit := float64(b), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if size < 1024 {
			break
		}
		size, unit = size/1024, next
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", size), ".0") + " " + unit
}

// pressing is from which share of a licence on its use is worth a word.
const pressing = 90 // percent

// licences says when a licence gets scarce; one that is exceeded is a problem of
// the declarations.
func (e *effects) licences() {
	l := e.in.Organization.Licences
	if len(e.changes) == 0 || l.Basic == nil && l.Enhanced == nil && l.Storage == schema.Unlimited {
		return
	}
	was, will := usedOf(e.before), usedOf(e.after)
	tight := func(what string, was, will, limit int64, show func(int64) string) {
		if will > was && float64(will)*100 >= pressing*float64(limit) && will <= limit {
			e.say(Warning, "licence-pressure", schema.Key{Kind: schema.KindOrganization, Name: e.in.Organization.Name}, "the licence for %s: %s of %s are used after this, %s before", what, show(will), show(limit), show(was))
		}
	}
	number := func(n int64) string { return fmt.Sprint(n) }
	if l.Basic != nil {
		tight("basic accounts", was.basic, will.basic, *l.Basic, number)
	}
	if l.Enhanced != nil {
		tight("enhanced accounts", was.enhanced, will.enhanced, *l.Enhanced, number)
	}
	if l.Storage != schema.Unlimited {
		tight("storage", was.storage, will.storage, int64(l.Storage), func(n int64) string { return about(schema.Bytes(n)) })
	}
}

// used is what a state takes of the licences.
type used struct{ basic, enhanced, storage int64 }

func usedOf(s schema.State) used {
	var u used
	for user := range s.Users() {
		if user.AccountType == schema.AccountEnhanced {
			u.enhanced++
		} else {
			u.basic++
		}
		u.storage += min(int64(user.Quota), math.MaxInt64-u.storage)
	}
	return u
}
