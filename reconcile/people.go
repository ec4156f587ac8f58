package reconcile

import (
	"slices"
	"strconv"
	"strings"

	"mailops/schema"
)

// The rules of this file look at who somebody is: administrators, protected
// addresses, and people who would come back under another name.

// admins: enough administrators can sign in afterwards, and never none.
func (c *check) admins() {
	before, beforeWithPassword := signedInAdmins(c.Live.State)
	after, afterWithPassword := signedInAdmins(c.after)
	least := int(c.Organization.Guards.MinAdmins)
	switch {
	case len(c.changes) == 0:
	case len(after) == 0 && len(before) > 0:
		c.refuse("admin-lockout", "", c.among(before), "the plan leaves no administrator who can sign in")
	case len(afterWithPassword) == 0 && len(beforeWithPassword) > 0:
		c.refuse("admin-lockout", "", c.among(beforeWithPassword), "the plan leaves no administrator who can sign in: none of the %d that it leaves has a password", len(after))
	case len(after) < least:
		c.refuse("min-admins", strconv.Itoa(len(after)), c.among(without(before, after)), "the organization wants %d administrators who can sign in (`minAdmins`), and the plan leaves %d", least, len(after))
	}
}

// among are those of some users that the plan changes.
func (c *check) among(users []schema.Key) []schema.Key {
	var out []schema.Key
	for _, k := range users {
		if slices.ContainsFunc(c.changes, func(d Change) bool { return d.Key == k }) {
			out = append(out, k)
		}
	}
	return out
}

// signedInAdmins are the administrators who have a way to sign in, and those
// of them who have a password too. Passwords may be elsewhere, as in a first
// plan, so their absence counts only once somebody had one.
func signedInAdmins(s schema.State) (all, withPassword []schema.Key) {
	for u := range s.Users() {
		if !u.IsAdmin() || len(u.SignInWays()) == 0 {
			continue
		}
		all = append(all, u.Key())
		if u.Password != "" {
			withPassword = append(withPassword, u.Key())
		}
	}
	return all, withPassword
}

// protected: some addresses are never deleted, locked out or cut off from mail.
func (c *check) protected() {
	protected := make(map[schema.Address]bool, len(c.Organization.Protected))
	for _, a := range c.Organization.Protected {
		protected[a] = true
	}
	for i := range c.changes {
		d := &c.changes[i]
		if !protected[d.Address()] {
			continue
		}
		if does := c.harms(d); does != "" {
			c.refuse("protected", d.Name, []schema.Key{d.Key}, "%s is protected, and the plan %s", d.Name, does)
		}
	}
}

func (c *check) harms(d *Change) string {
	was, will := d.users(c.Live.State, c.after)
	switch {
	case c.inherited(d):
		return "renames it to " + string(c.heirs[d.Address()])
	case d.Op == OpDelete:
		return "deletes it"
	case locksOut(was, will):
		return "locks it out"
	case was != nil && will != nil && was.AcceptsMail() && !will.AcceptsMail():
		return "refuses its mail"
	}
	return ""
}

// noRename: a delete and a create that look like one person are most likely a
// rename, which a mailbox does not survive.
func (c *check) noRename() {
	if !slices.ContainsFunc(c.changes, func(d Change) bool {
		return d.Op == OpDelete && d.Kind == schema.KindUser && !c.inherited(&d)
	}) {
		return
	}
	byName, byLocal := c.created()
	for _, d := range c.changes {
		was, ok := c.Live.State.Find(d.Key).(*schema.User)
		if !ok || d.Op != OpDelete || c.inherited(&d) {
			continue
		}
		u, why := byName[strings.ToLower(was.Name)], "name"
		if u == nil {
			u, why = byLocal[was.Address.Local()], "local part"
		}
		if u != nil {
			c.refuse("no-rename", string(was.Address), []schema.Key{was.Key(), u.Key()},
				"%s is deleted and %s is created with the same %s: this looks like a rename, and would lose the mail; declare `renamedFrom: %s` for %s", was.Address, u.Address, why, was.Address, u.Address)
		}
	}
}

// created indexes the users that come from nothing: those that the plan creates,
// and those that are wanted and lie outside of its scope. Half of a rename in
// one plan, and half in the next, is a rename.
func (c *check) created() (byName, byLocal map[string]*schema.User) {
	byName, byLocal = make(map[string]*schema.User), make(map[string]*schema.User)
	add := func(u *schema.User) {
		byLocal[u.Address.Local()] = u
		if u.Name != "" {
			byName[strings.ToLower(u.Name)] = u
		}
	}
	rest := c.Live.State
	for u := range c.Want.Users() {
		var is schema.Resource
		if is, rest = rest.Next(u); is == nil && u.RenamedFrom == "" {
			add(u)
		}
	}
	for _, d := range c.changes {
		if u, ok := c.after.Find(d.Key).(*schema.User); ok && d.Op == OpCreate && d.From == "" {
			add(u)
		}
	}
	return byName, byLocal
}
