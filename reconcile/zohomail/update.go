package zohomail

import (
	"slices"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// Update is the calls that make a user of before one of after, those first that
// take something away. Each does one thing and does no harm when it is repeated.
// Cannot are the paths of fields that differ and that no call sets.
func (a API) Update(id ID, before, after *schema.User) (calls []hosted.Call, cannot []string) {
	less, more := a.status(id, before, after)
	for _, s := range a.switches(id, before, after) {
		if s.less {
			less = append(less, s.call)
		} else {
			more = append(more, s.call)
		}
	}
	gone, added := a.forwards(id, before, after)
	less = append(less, gone...)
	if before.Role != after.Role && after.Role != schema.RoleSuperAdmin {
		call := a.ChangeRole(after.Role, id.ZUID)
		if after.Role == schema.RoleMember {
			less = append(less, call)
		} else {
			more = append(more, call)
		}
	}
	if before.Name != after.Name {
		more = append(more, a.SetDisplayName(id, after.Name))
	}
	return slices.Concat(less, more, added), cannotSet(before, after)
}

// A newcomer is what a user is right after being created (§2.1).
func newcomer(want *schema.User) *schema.User {
	fresh := *want
	fresh.Status, fresh.Forwarding = schema.StatusActive, schema.Forwarding{KeepCopy: true}
	fresh.MailboxActions = schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true}
	return &fresh
}

// Complete is the calls after CreateUser that make the new user what is wanted.
func (a API) Complete(id ID, want *schema.User) (calls []hosted.Call, cannot []string) {
	return a.Update(id, newcomer(want), want)
}

// Create is the call that adds a user, with a password that the secret names and
// that must be changed at the first sign-in.
func (a API) Create(want *schema.User, secret string) hosted.Call {
	return a.CreateUser(NewUser{
		Address: want.Address, Password: secret, Once: true, DisplayName: want.Name,
		Role: want.Role, Language: want.Language, Timezone: want.Timezone,
	})
}

// A shift is a call and whether it takes something away.
type shift struct {
	call hosted.Call
	less bool
}

// switches are the calls of the mailbox actions, incoming apart: a status has to
// do with it.
func (a API) switches(id ID, before, after *schema.User) (out []shift) {
	b, w := before.MailboxActions, after.MailboxActions
	for _, c := range []struct {
		was, is bool
		set     func(ID, bool) hosted.Call
	}{
		{b.Outgoing, w.Outgoing, a.SetOutgoing},
		{b.IMAP, w.IMAP, a.SetIMAP},
		{b.POP, w.POP, a.SetPOP},
		{b.ActiveSync, w.ActiveSync, a.SetActiveSync},
	} {
		if c.was != c.is {
			out = append(out, shift{c.set(id, c.is), !c.is})
		}
	}
	return out
}

// status is the calls of a status and of incoming mail: the service has two
// switches, disabled and blocked, for what are three statuses and an action here.
// A deactivated user is both, whatever incoming says.
func (a API) status(id ID, before, after *schema.User) (less, more []hosted.Call) {
	wasOff, wasBlocked := before.Status != schema.StatusActive, !before.AcceptsMail()
	off, blocked := after.Status != schema.StatusActive, !after.AcceptsMail()
	switch {
	case off && !wasOff:
		less = append(less, a.DisableUser(id, blocked))
		wasBlocked = wasBlocked || blocked
	case !off && wasOff:
		more = append(more, a.EnableUser(id, !blocked))
		wasBlocked = wasBlocked && blocked
	}
	switch {
	case blocked && !wasBlocked:
		less = append(less, a.SetIncoming(id, false))
	case !blocked && wasBlocked:
		more = append(more, a.SetIncoming(id, true))
	}
	return less, more
}

// forwards is the calls of forwarding. Whether a copy is kept is not shown without
// an address to forward to, but the service remembers it: with the first address
// it is always said, lest mail be forwarded and not kept.
func (a API) forwards(id ID, before, after *schema.User) (gone, added []hosted.Call) {
	b, w := before.Forwarding, after.Forwarding
	for _, to := range b.To {
		if !slices.Contains(w.To, to) {
			gone = append(gone, a.DeleteForward(id, to))
		}
	}
	for _, to := range w.To {
		if !slices.Contains(b.To, to) {
			added = append(added, a.AddForward(id, to))
		}
	}
	if len(w.To) > 0 && (len(b.To) == 0 || b.KeepCopy != w.KeepCopy) {
		added = append(added, a.SetKeepCopy(id, w.KeepCopy))
	}
	return gone, added
}

// cannotSet lists the fields that differ and that no call sets.
func cannotSet(before, after *schema.User) (paths []string) {
	table := userTable()
	for _, f := range schema.Fields(schema.KindUser) {
		if f.Equal(before, after) {
			continue
		}
		impossible := !table.Of(f.Path).Can.Sets() || f.Path == "role" && after.Role == schema.RoleSuperAdmin
		if impossible {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// UpdateList is the calls that make a group of before one of after.
func (a API) UpdateList(zgid string, before, after *schema.List) (calls []hosted.Call) {
	without := func(all, of []schema.Address) (out []schema.Address) {
		for _, m := range all {
			if !slices.Contains(of, m) {
				out = append(out, m)
			}
		}
		return out
	}
	if gone := without(before.Members, after.Members); len(gone) > 0 {
		calls = append(calls, a.RemoveMembers(zgid, gone...))
	}
	if added := without(after.Members, before.Members); len(added) > 0 {
		calls = append(calls, a.AddMembers(zgid, added...))
	}
	return calls
}
