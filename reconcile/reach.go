package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
)

// The effects of this file are about who reads the mail to an address, however
// far away the change is.

// readers finds the addresses that had a reader and end without one, new ones
// that never have any, and the lists and aliases whose mail others read now.
func (e *effects) readers() {
	near := e.near()
	for _, r := range e.after {
		key := r.Key()
		a := key.Address()
		if key.Kind == schema.KindDomain || near != nil && !near[a] {
			continue
		}
		if key.Kind == schema.KindUser {
			if near != nil && len(e.before) > 0 {
				e.ownMail(key)
			}
			continue
		}
		if !e.will.Reads(a) && (e.was.Reads(a) || !e.was.Exists(a)) {
			word := " any more"
			if !e.was.Exists(a) {
				word = ""
			}
			e.say(Severe, "no-reader", key, "nobody reads mail to %s%s", a, word)
			continue
		}
		if near != nil && len(e.before) > 0 {
			e.audience(key)
		}
	}
}

// readersOf are who got the mail of an address, and who gets it: whoever is renamed
// reads on.
func (e *effects) readersOf(a schema.Address) (before, after []schema.Address) {
	before, after = e.was.Audience(a), e.will.Audience(a)
	for i, reader := range before {
		if heir := e.heirs[reader]; heir != "" && slices.Contains(after, heir) {
			before[i] = heir
		}
	}
	return before, after
}

// audience says who begins and who ceases to get the mail of a list or an alias,
// by name: a list within a list means its people.
func (e *effects) audience(key schema.Key) {
	before, after := e.readersOf(key.Address())
	e.leaves(key, before, after)
	if !e.was.Exists(key.Address()) {
		return
	}
	lost, gained := without(before, after), e.inside(without(after, before))
	if len(lost) > 0 {
		e.say(Warning, "readers-lost", key, "mail to %s no longer reaches %s", key.Name, some(lost))
	}
	if len(gained) > 0 {
		e.say(Info, "readers-gained", key, "mail to %s reaches %s %s", key.Name, some(gained), beside(lost, before))
	}
}

// ownMail says who else gets the mail of a person, and when they themselves do not:
// nobody who writes to them can see it.
func (e *effects) ownMail(key schema.Key) {
	own := key.Address()
	before, after := e.readersOf(own)
	if slices.Contains(before, e.heirs[own]) || len(after) == 0 {
		return // mail-refused says so
	}
	e.leaves(key, before, after)
	if !e.was.Exists(own) {
		return
	}
	lost, gained := without(before, after), e.inside(without(after, before))
	if slices.Contains(lost, own) {
		e.say(Warning, "readers-lost", key, "%s no longer gets the mail to their own address", own)
	}
	if others := without(lost, []schema.Address{own}); len(others) > 0 {
		e.say(Warning, "readers-lost", key, "mail to %s no longer reaches %s", own, some(others))
	}
	if others := without(gained, []schema.Address{own}); len(others) > 0 {
		e.say(Warning, "readers-gained", key, "mail to %s reaches %s %s", own, some(others), beside(lost, before))
	}
}

// beside is whether readers come in the place of those before.
func beside(lost, before []schema.Address) string {
	if len(lost) == len(before) {
		return "instead"
	}
	return "as well"
}

// inside are the addresses that are ours.
func (e *effects) inside(addresses []schema.Address) []schema.Address {
	return slices.DeleteFunc(slices.Clone(addresses), func(a schema.Address) bool { return !e.will.IsOurs(a) })
}

// leaves says when mail begins to go out of the organization by a detour. What an
// address itself sends out is said where it changes.
func (e *effects) leaves(key schema.Key, before, after []schema.Address) {
	gained := without(after, before)
	if out := without(without(gained, e.inside(gained)), targets(e.after.Find(key))); len(out) > 0 {
		e.say(Warning, "forward-outside", key, "mail to %s goes out of the organization, by way of others, to %s", key.Name, some(out))
	}
}

// some names a few addresses, and counts the others.
func some(addresses []schema.Address) string {
	const few = 5
	if len(addresses) <= few+1 {
		return join(addresses)
	}
	return fmt.Sprintf("%s and %d more", join(addresses[:few]), len(addresses)-few)
}

// near finds the addresses whose mail passes one that changes; nil is all of
// them, where it would take as long to find out.
func (e *effects) near() map[schema.Address]bool {
	if len(e.changes) == 0 {
		return map[schema.Address]bool{}
	}
	if len(e.changes) > many {
		return nil
	}
	var open []schema.Address
	for i := range e.changes {
		if e.changes[i].Kind == schema.KindDomain {
			return nil
		}
		open = append(open, e.changes[i].Address())
	}
	catchAlls := make(map[schema.Address]bool) // mail to who knows which addresses passes them
	for _, r := range []*Router{e.was, e.will} {
		for _, d := range r.domains {
			catchAlls[d.CatchAll] = true
		}
	}
	senders := make(map[schema.Address][]schema.Address)
	for _, s := range []schema.State{e.before, e.after} {
		for _, r := range s {
			for _, to := range schema.Targets(r) {
				senders[to] = append(senders[to], r.Key().Address())
			}
		}
	}
	near := make(map[schema.Address]bool)
	for len(open) > 0 {
		a := open[len(open)-1]
		open = open[:len(open)-1]
		if near[a] {
			continue
		}
		near[a] = true
		open = append(open, senders[a]...)
		if catchAlls[a] {
			open = append(open, e.unknown(senders)...)
		}
	}
	return near
}

// unknown are the addresses to which others send, and that a catch-all takes before or
// after.
func (e *effects) unknown(senders map[schema.Address][]schema.Address) []schema.Address {
	var out []schema.Address
	for to := range senders {
		before, _ := e.was.station(to)
		after, _ := e.will.station(to)
		if before == CatchAll || after == CatchAll {
			out = append(out, to)
		}
	}
	for _, r := range []*Router{e.was, e.will} {
		for _, d := range r.domains {
			if d.CatchAll != "" && !r.Exists(d.CatchAll) {
				out = append(out, d.CatchAll) // which another one takes
			}
		}
	}
	return out
}

// A RouteChange is an address whose mail ends up elsewhere.
type RouteChange struct {
	Address schema.Address `json:"address"`
	Before  []string       `json:"before"` // where its mail was read: mailboxes, and addresses of others; none: it was refused
	After   []string       `json:"after"`
}

// String is the change as a line: of many readers, those who come and go.
func (r RouteChange) String() string {
	const few = 4
	if len(r.Before) > 0 && len(r.After) > 0 && len(r.Before)+len(r.After) > 2*few {
		line := fmt.Sprintf("%s: %d → %d readers", r.Address, len(r.Before), len(r.After))
		if gone := without(r.Before, r.After); len(gone) > 0 {
			line += "; no longer " + strings.Join(gone, ", ")
		}
		if come := without(r.After, r.Before); len(come) > 0 {
			line += "; now also " + strings.Join(come, ", ")
		}
		return line
	}
	show := func(to []string) string {
		if len(to) == 0 {
			return "nobody"
		}
		return strings.Join(to, ", ")
	}
	return fmt.Sprintf("%s: %s → %s", r.Address, show(r.Before), show(r.After))
}

// Routes lists, of the addresses that changes are about, those whose mail ends up
// elsewhere; at most so many.
func Routes(before, after schema.State, changes []Change, most int) []RouteChange {
	was, will := NewRouter(before), NewRouter(after)
	var out []RouteChange
	for i := range changes {
		c := &changes[i]
		if c.Kind == schema.KindDomain || len(out) == most || !c.routes() {
			continue
		}
		a := c.Address()
		r := RouteChange{a, text(was.Audience(a)), text(will.Audience(a))}
		if was.IsOurs(a) && !will.IsOurs(a) {
			r.After = nil // its domain is gone: it is refused, and not somebody else's
		}
		if own := []string{string(a)}; !slices.Equal(r.Before, r.After) && !slices.Equal(append(r.Before, r.After...), own) {
			out = append(out, r) // a mailbox that comes or goes is no news about its mail
		}
	}
	slices.SortFunc(out, func(a, b RouteChange) int { return strings.Compare(string(a.Address), string(b.Address)) })
	return slices.CompactFunc(out, func(a, b RouteChange) bool { return a.Address == b.Address })
}

// routes reports whether a change can be one of where mail goes.
func (c *Change) routes() bool {
	return c.Op != OpUpdate || slices.ContainsFunc(c.Fields, func(f FieldChange) bool {
		return f.Path == "status" || f.Path == "mailboxActions.incoming" || strings.HasPrefix(f.Path, "forwarding") || f.Path == "to" || f.Path == "members"
	})
}

func text(addresses []schema.Address) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = string(a)
	}
	return out
}
