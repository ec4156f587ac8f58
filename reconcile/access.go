package reconcile

import (
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
	p, q := was.SignInNetworks(), will.SignInNetworks()
	switch {
	case len(p) == 0 && len(q) == 0:
	case len(p) == 0:
		e.say(Warning, "networks-set", key, "%s can sign in from %s only", who(will), strings.Join(q, ", "))
	case len(q) == 0:
		if !will.TravelMode.Endless() { // grant-without-end says so
			e.say(Warning, "networks-lifted", key, "%s can sign in from any network%s", who(will), e.journey(will))
		}
	default:
		if gained := beyond(q, p); len(gained) > 0 {
			e.say(Warning, "networks-widened", key, "%s can sign in from %s as well", who(will), strings.Join(gained, ", "))
		}
		if lost := beyond(p, q); len(lost) > 0 {
			e.say(Warning, "networks-narrowed", key, "%s can sign in from %s only, and no longer from %s", who(will), strings.Join(q, ", "), strings.Join(lost, ", "))
		}
	}
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

// welcome says what somebody new can do from elsewhere: what is said of somebody
// who gets it later. In a first plan everybody is new, and nobody among them.
func (e *effects) welcome(key schema.Key, will *schema.User) {
	ways := outside(will.SignInWays())
	if len(ways) > 0 && len(will.SignInNetworks()) == 0 && len(e.before) > 0 {
		e.say(Warning, "new-outside", key, "%s is new, and can sign in by %s from any network", who(will), enumerate(ways))
	}
	if !will.MailboxActions.SpamCheck {
		e.say(Warning, "spam-check-off", key, "mail to %s is not checked for spam", who(will))
	}
}
