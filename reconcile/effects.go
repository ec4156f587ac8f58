package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// Advance returns what a state becomes when changes are carried out.
func Advance(live schema.State, changes []Change) (schema.State, error) {
	touched := make(map[schema.Key]*Change, len(changes))
	for i := range changes {
		touched[changes[i].Key] = &changes[i]
	}
	out := make(schema.State, 0, len(live)+len(changes))
	for _, r := range live {
		c := touched[r.Key()]
		if c == nil {
			out = append(out, r)
			continue
		}
		delete(touched, r.Key())
		after, err := c.Apply(r)
		if err != nil {
			return nil, err
		}
		if after != nil {
			out = append(out, after)
		}
	}
	for i := range changes {
		c := touched[changes[i].Key]
		if c != &changes[i] {
			continue
		}
		after, err := c.Apply(nil)
		if err != nil {
			return nil, err
		}
		if after != nil {
			out = append(out, after)
		}
	}
	out.Sort()
	return out, nil
}

// Effects says what changes mean to people: who can no longer sign in, send or
// be reached, which address ends without a reader, and what runs out. The live
// state of in and after are whole, so that what reaches further than one resource
// is seen.
func Effects(in Input, after schema.State, changes []Change) []Effect {
	before := in.Live.State
	e := &effects{in: &in, before: before, after: after, was: NewRouter(before), will: NewRouter(after), heirs: heirs(changes), changes: changes}
	for i := range changes {
		e.change(&changes[i])
	}
	e.readers()
	e.licences()
	sortEffects(e.out)
	return e.out
}

// sortEffects puts the loudest first.
func sortEffects(effects []Effect) {
	loud := []Severity{Severe, Warning, Info}
	slices.SortStableFunc(effects, func(a, b Effect) int {
		return cmp.Or(slices.Index(loud, a.Severity)-slices.Index(loud, b.Severity), a.Key.Compare(b.Key))
	})
}

type effects struct {
	in            *Input
	before, after schema.State
	was, will     *Router
	heirs         map[schema.Address]schema.Address
	changes       []Change
	out           []Effect
}

func (e *effects) say(severity Severity, id string, key schema.Key, format string, args ...any) {
	e.out = append(e.out, Effect{Severity: severity, ID: id, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (e *effects) change(c *Change) {
	switch c.Kind {
	case schema.KindUser:
		e.user(c)
	case schema.KindDomain:
		e.domain(c)
	default:
		if c.Op == OpDelete && !e.will.Exists(c.Address()) {
			e.unreachable(Warning, c.Key)
		}
		e.outside(c)
		e.posting(c)
	}
	e.byHand(c)
}

// outside says when the mail of an alias or a list begins to go to others.
func (e *effects) outside(c *Change) {
	for _, to := range without(targets(e.after.Find(c.Key)), targets(e.before.Find(c.Key))) {
		if !e.will.IsOurs(to) {
			e.say(Warning, "forward-outside", c.Key, "mail to %s goes out of the organization, to %s", c.Name, to)
		}
	}
}

func targets(r schema.Resource) []schema.Address {
	if r == nil {
		return nil
	}
	return schema.Targets(r)
}

// enumerate joins words as a sentence does.
func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// unreachable says what happens to mail to an address that is gone.
func (e *effects) unreachable(severity Severity, key schema.Key) {
	if is, next := e.will.station(key.Address()); is == CatchAll {
		e.say(Warning, "mail-to-catch-all", key, "mail to %s goes to the catch-all %s", key.Name, next[0])
		return
	}
	e.say(severity, "mail-refused", key, "mail to %s is refused", key.Name)
}

// user compares what a user could and can do.
func (e *effects) user(c *Change) {
	was, will := c.users(e.before, e.after)
	switch {
	case was == nil && will != nil:
		e.granted(c.Key, &schema.User{}, will)
		e.welcome(c.Key, will)
	case was != nil && will == nil:
		e.gone(c.Key, was)
	case was != nil:
		e.password(c.Key, was, will)
		e.handed(c.Key, was, will)
		e.signIn(c.Key, was, will)
		e.mail(c.Key, was, will)
		e.granted(c.Key, was, will)
		e.add(c.Key, was, will)
		e.features(c.Key, was, will)
		e.backup(c.Key, was, will)
		e.quota(c.Key, was, will)
	}
}

// users returns the user of a change before and after it. The one before a
// rename is the one with the old address.
func (c *Change) users(before, after schema.State) (was, will *schema.User) {
	old := c.Key
	if c.Op == OpCreate && c.From != "" {
		old.Name = string(c.From)
	}
	was, _ = before.Find(old).(*schema.User)
	will, _ = after.Find(c.Key).(*schema.User)
	return was, will
}

// gone says what the end of a mailbox means.
func (e *effects) gone(key schema.Key, was *schema.User) {
	if heir := e.heirs[was.Address]; heir != "" {
		e.becomes(key, was, heir)
	} else {
		e.say(Severe, "mailbox-deleted", key, "the mailbox of %s is deleted with all its mail", who(was))
	}
	if !e.will.Exists(was.Address) {
		e.unreachable(Severe, key)
	}
	if was.IsAdmin() && e.heirs[was.Address] == "" {
		e.say(Warning, "admin-lost", key, "%s is no longer an administrator", who(was))
	}
}

func (e *effects) mail(key schema.Key, was, will *schema.User) {
	e.sending(key, was, will)
	switch {
	case was.AcceptsMail() && !will.AcceptsMail():
		e.say(Severe, "mail-refused", key, "mail to %s is refused", who(will))
	case !was.AcceptsMail() && will.AcceptsMail():
		e.say(Info, "mail-accepted", key, "mail to %s is now accepted", who(will))
	}
	if was.MailboxActions.SpamCheck && !will.MailboxActions.SpamCheck {
		e.say(Warning, "spam-check-off", key, "mail to %s is no longer checked for spam", who(will))
	}
}

// granted says what somebody gets that others should know of.
func (e *effects) granted(key schema.Key, was, will *schema.User) {
	e.sendAs(key, was, will)
	for _, to := range without(will.Forwarding.To, was.Forwarding.To) {
		if !e.will.IsOurs(to) {
			e.say(Warning, "forward-outside", key, "mail to %s is forwarded out of the organization, to %s", will.Address, to)
		}
	}
	if will.TravelMode.Endless() && !was.TravelMode.Endless() {
		e.say(Warning, "grant-without-end", key, "%s travels with no end: trusted networks do not hold for them until somebody ends it", who(will))
	}
	switch {
	case will.IsAdmin() && (!was.IsAdmin() || will.Role == schema.RoleSuperAdmin && was.Role != will.Role):
		e.say(loudness[will.Role], "admin-gained", key, "%s becomes %s", who(will), rank[will.Role])
	case was.IsAdmin() && !will.IsAdmin():
		e.say(Warning, "admin-lost", key, "%s is no longer an administrator", who(will))
	}
}

// rank are the administrators' roles in words.
var rank = map[string]string{schema.RoleAdmin: "an administrator", schema.RoleSuperAdmin: "a super administrator"}

// loudness is how much it matters to become one of them.
var loudness = map[string]Severity{schema.RoleAdmin: Warning, schema.RoleSuperAdmin: Severe}

// add says what happens to the mail add-on, in the words of its console.
func (e *effects) add(key schema.Key, was, will *schema.User) {
	switch {
	case was.Lock.MailAddOn != schema.Locked && will.Lock.MailAddOn == schema.Locked:
		e.say(Info, "locked", key, "the mail add-on of %s is locked", who(will))
	case was.Lock.MailAddOn == schema.Locked && will.Lock.MailAddOn != schema.Locked:
		e.say(Info, "unlocked", key, "the mail add-on of %s is unlocked", who(will))
	}
}

// without returns what is in a and not in b.
func without[T comparable](a, b []T) []T {
	if len(a) == 0 || len(b) == 0 {
		return a
	}
	in := make(map[T]bool, len(b))
	for _, v := range b {
		in[v] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(v T) bool { return in[v] })
}

func join[S ~string](values []S) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}
