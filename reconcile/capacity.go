package reconcile

import (
	"cmp"
	"fmt"
	"math"
	"strings"

	"mailops/schema"
)

// The effects of this file are about what runs out: the storage of a mailbox, and
// what the organization has paid for.

// quota says when a mailbox gets less room, or holds more than its new quota: mail
// to it bounces at once.
func (e *effects) quota(key schema.Key, was, will *schema.User) {
	if !below(will.Quota, was.Quota) {
		return
	}
	switch used := schema.Bytes(e.in.Live.Observed[was.Address].StorageUsed); {
	case used <= will.Quota:
		e.say(Info, "quota-cut", key, "%s has less room for mail than before", who(will)) // how much differs from one to the next, and the changes show it
	case was.Quota == schema.Unlimited || used <= was.Quota:
		e.say(Severe, "over-quota", key, "%s holds %s, more than the new quota of %s: mail to it is refused until something is deleted", who(will), about(used), will.Quota)
	}
}

// below reports whether a quota is less than another one.
func below(quota, other schema.Bytes) bool {
	return quota != schema.Unlimited && (other == schema.Unlimited || quota < other)
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

// unpaid refuses what the store says was not paid for. What was too much before is
// no plan's fault.
func (in Input) unpaid(after schema.State) (out []Finding) {
	for _, paid := range in.Licences {
		was, will := usedOf(in.part(in.Live.State, paid.Part)), usedOf(in.part(after, paid.Part))
		for _, l := range []struct {
			name      string
			limit     *int64
			was, will int64
		}{
			{"basic", paid.Basic, was.basic, will.basic},
			{"enhanced", paid.Enhanced, was.enhanced, will.enhanced},
		} {
			if l.limit != nil && l.will > *l.limit && l.will > l.was {
				out = append(out, Finding{Rule: "licence-limit", Severity: Refuse, Text: fmt.Sprintf(
					"%d users would have %s accounts, and the licence of %s is for %d", l.will, l.name, cmp.Or(paid.Store, "the live store"), *l.limit)})
			}
		}
	}
	return out
}

// part is what one of several stores has of a state; all, when there is one.
func (in Input) part(s schema.State, part int) schema.State {
	if len(in.Routes) == 0 {
		return s
	}
	var out schema.State
	for _, r := range s {
		if schema.RouteOf(in.Routes, r.Key()) == part {
			out = append(out, r)
		}
	}
	return out
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
	key := schema.Key{Kind: schema.KindOrganization, Name: e.in.Organization.Name}
	if l.Basic != nil && tight(was.basic, will.basic, *l.Basic) {
		e.say(Warning, "licence-pressure", key, "the licence for basic accounts: %d of %d are used after this, %d before", will.basic, *l.Basic, was.basic)
	}
	if l.Enhanced != nil && tight(was.enhanced, will.enhanced, *l.Enhanced) {
		e.say(Warning, "licence-pressure", key, "the licence for enhanced accounts: %d of %d are used after this, %d before", will.enhanced, *l.Enhanced, was.enhanced)
	}
	if l.Storage != schema.Unlimited && tight(was.storage, will.storage, int64(l.Storage)) {
		e.say(Warning, "storage-pressure", key, "the licence for storage: %s of %s are used after this, %s before", about(schema.Bytes(will.storage)), about(l.Storage), about(schema.Bytes(was.storage)))
	}
}

// tight reports whether more of a licence is used, and not much is left of it.
func tight(was, will, limit int64) bool {
	return will > was && float64(will)*100 >= pressing*float64(limit) && will <= limit
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
