package reconcile

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// The effects of this file are about how, when and from where somebody signs in.

func (e *effects) signIn(key schema.Key, was, will *schema.User) {
	before, after := was.SignInWays(), will.SignInWays()
	lost, gained := without(before, after), without(after, before)
	switch {
	case len(lost) > 0 && len(after) == 0:
		e.say(Severe, "sign-in-lost", key, "%s can no longer sign in", who(will))
	case len(lost) > 0:
		e.say(Warning, "sign-in-narrowed", key, "%s can no longer sign in by %s", who(will), enumerate(lost))
	}
	switch {
	case len(gained) > 0 && len(before) > 0 && len(outside(gained)) > 0:
		e.say(Warning, "sign-in-widened", key, "%s can now sign in by %s as well", who(will), enumerate(gained))
	case len(gained) > 0:
		e.say(Info, "sign-in-gained", key, "%s can now sign in by %s", who(will), enumerate(gained))
	}
	e.hours(key, was, will)
	e.networks(key, was, will)
}

// outside are the ways to sign in that programs use, wherever they run.
func outside(ways []string) []string { return without(ways, []string{"webmail"}) }

// hours compares when somebody may sign in.
func (e *effects) hours(key schema.Key, was, will *schema.User) {
	p, q := was.Permissions.AccessHours, will.Permissions.AccessHours
	switch {
	case p == nil && q == nil, p != nil && q != nil && p.String() == q.String():
	case q == nil:
		e.say(Warning, "hours-lifted", key, "%s can sign in at any hour", who(will))
	case len(will.SignInWays()) == 0: // there is no hour left
	case p == nil:
		e.say(Warning, "hours-set", key, "%s can sign in during access hours only: %s", who(will), q)
	case q.Cover(p):
		e.say(Warning, "hours-widened", key, "%s can sign in at more hours: %s, before %s", who(will), q, p)
	case p.Cover(q):
		e.say(Warning, "hours-narrowed", key, "%s can sign in at fewer hours: %s, before %s", who(will), q, p)
	default:
		e.say(Warning, "hours-changed", key, "%s can sign in at other hours: %s, before %s", who(will), q, p)
	}
}

// networks compares from where somebody may sign in.
func (e *effects) networks(key schema.Key, was, will *schema.User) {
	e.between(key, will, was.SignInNetworks(), will.SignInNetworks(), "")
	p, q := was.Permissions.TrustedNetworks, will.Permissions.TrustedNetworks
	switch {
	case was.TravelMode == nil:
	case will.TravelMode != nil:
		e.between(key, will, p, q, ", when the journey ends")
	case len(p) > 0 && len(q) == 0: // the journey ends, and nothing holds after it
		e.between(key, will, p, q, "")
	}
}

// between compares two sets of networks, that hold now or at a time.
func (e *effects) between(key schema.Key, will *schema.User, p, q []string, when string) {
	p, q = spread(p), spread(q)
	switch {
	case len(p) == 0 && len(q) == 0:
	case len(p) == 0:
		e.say(Warning, "networks-set", key, "%s can sign in from %s only%s", who(will), spoken(q), when)
	case len(q) == 0 && when != "":
		e.say(Warning, "networks-lifted", key, "%s can sign in from any network%s", who(will), when)
	case len(q) == 0:
		if !will.TravelMode.Endless() { // grant-without-end says so
			e.say(Warning, "networks-lifted", key, "%s can sign in from any network%s", who(will), e.journey(will))
		}
	default:
		e.moved(key, will, p, q, when)
	}
}

// moved says which networks come, and which go.
func (e *effects) moved(key schema.Key, will *schema.User, p, q []string, when string) {
	gained, lost := beyond(q, p), beyond(p, q)
	switch {
	case len(gained) > 0 && len(lost) > 0:
		e.say(Warning, "networks-changed", key, "%s can sign in from %s, and no longer from %s%s", who(will), spoken(q), spoken(lost), when)
	case len(gained) > 0:
		e.say(Warning, "networks-widened", key, "%s can sign in from %s as well%s", who(will), spoken(gained), when)
	case len(lost) > 0:
		e.say(Warning, "networks-narrowed", key, "%s can sign in from %s only, and no longer from %s%s", who(will), spoken(q), spoken(lost), when)
	}
}

// The networks that are all of a family.
const allIPv4, allIPv6 = "0.0.0.0/0", "::/0"

// spoken are networks in words.
func spoken(networks []string) string {
	return strings.NewReplacer(allIPv4, "any IPv4 network", allIPv6, "any IPv6 network").Replace(strings.Join(networks, ", "))
}

// spread are networks with those that together are all of a family as one: two halves
// are the whole. All of both is none: from anywhere.
func spread(networks []string) []string {
	var share4, share6 float64
	for i, n := range networks {
		p, err := schema.ParseNetwork(n)
		switch {
		case err != nil || len(beyond(networks[i:i+1], slices.Delete(slices.Clone(networks), i, i+1))) == 0:
		case p.Addr().Is4():
			share4 += math.Ldexp(1, -p.Bits())
		default:
			share6 += math.Ldexp(1, -p.Bits())
		}
	}
	out := networks
	whole := func(all string, is4 bool) {
		out = append([]string{all}, slices.DeleteFunc(slices.Clone(out), func(n string) bool {
			p, err := schema.ParseNetwork(n)
			return err == nil && p.Addr().Is4() == is4
		})...)
	}
	if share6 >= 1 {
		whole(allIPv6, false)
	}
	if share4 >= 1 {
		whole(allIPv4, true)
	}
	if share4 >= 1 && share6 >= 1 {
		return nil
	}
	return out
}

// beyond are the networks that do not lie within others.
func beyond(networks, others []string) []string {
	var outer []netip.Prefix
	for _, o := range others {
		if p, err := schema.ParseNetwork(o); err == nil {
			outer = append(outer, p)
		}
	}
	return slices.DeleteFunc(slices.Clone(networks), func(n string) bool {
		inner, err := schema.ParseNetwork(n)
		return err == nil && slices.ContainsFunc(outer, func(o netip.Prefix) bool {
			return o.Bits() <= inner.Bits() && o.Contains(inner.Addr())
		})
	})
}

// journey is until when a journey lifts trusted networks, in the time zone of the
// organization.
func (e *effects) journey(u *schema.User) string {
	if u.TravelMode == nil {
		return ""
	}
	zone, err := time.LoadLocation(e.in.Organization.Timezone)
	if err != nil {
		zone = nil
	}
	return " until " + u.TravelMode.End(zone)
}

// welcome says how somebody new can sign in, and what is said of somebody who gets
// it later. In a first plan everybody is new, and nobody among them.
func (e *effects) welcome(key schema.Key, will *schema.User) {
	ways, networks := will.SignInWays(), spread(will.SignInNetworks())
	switch {
	case len(e.before) == 0:
	case len(ways) == 0:
		e.say(Info, "new-person", key, "%s is new, and cannot sign in", who(will))
	case will.Password == "" && e.passwords():
		e.say(Info, "new-person", key, "%s is new, and cannot sign in by %s until they have a password", who(will), enumerate(ways))
	case len(networks) > 0:
		e.say(Info, "new-person", key, "%s is new, and can sign in by %s from %s", who(will), enumerate(ways), spoken(networks))
	case len(outside(ways)) == 0:
		e.say(Info, "new-person", key, "%s is new, and can sign in by %s from any network", who(will), enumerate(ways))
	default:
		e.say(Warning, "new-outside", key, "%s is new, and can sign in by %s from any network", who(will), enumerate(ways))
	}
	if !will.MailboxActions.SpamCheck {
		e.say(Warning, "spam-check-off", key, "mail to %s is not checked for spam", who(will))
	}
}

// passwords reports whether anybody has one: where nobody has, they are kept
// elsewhere.
func (e *effects) passwords() bool {
	if unmanaged("password", e.in.Organization.Unmanaged) {
		return false
	}
	for u := range e.before.Users() {
		if u.Password != "" {
			return true
		}
	}
	return false
}
