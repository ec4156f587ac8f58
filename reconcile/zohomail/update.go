package zohomail

import (
	"slices"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// Update is what makes a user of before one of after, what takes something away
// first. Each does one thing and does no harm when it is repeated.
func (a API) Update(id ID, before, after *schema.User) []piecemeal.Operation {
	out := a.status(id, before, after)
	out = append(out, a.switches(id, before, after)...)
	gone, added := a.forwards(id, before, after)
	out = append(out, gone...)
	if before.Role != after.Role && after.Role != schema.RoleSuperAdmin {
		out = append(out, operation(a.ChangeRole(after.Role, id.ZUID), after.Role == schema.RoleMember))
	}
	if readable(before.Name) != readable(after.Name) {
		out = append(out, operation(a.SetDisplayName(id, after.Name), false))
	}
	out = append(out, added...)
	slices.SortStableFunc(out, byWeight)
	return out
}

func operation(call hosted.Call, less bool) piecemeal.Operation {
	return piecemeal.Operation{Call: call, Less: less}
}

func byWeight(a, b piecemeal.Operation) int { return weight(a) - weight(b) }

func weight(o piecemeal.Operation) int {
	if o.Less {
		return 0
	}
	return 1
}

// A newcomer is what a user is right after being created (§2.1). Who is not to sign in
// becomes an administrator after that is so; a super administrator only begins as one.
func newcomer(want *schema.User) *schema.User {
	fresh := *want
	if want.Status != schema.StatusActive && want.Role == schema.RoleAdmin {
		fresh.Role = schema.RoleMember
	}
	fresh.Status, fresh.Forwarding = schema.StatusActive, schema.Forwarding{KeepCopy: true}
	fresh.MailboxActions = schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true}
	return &fresh
}

// Create is the call that adds a user, with a password that the secret names and
// that must be changed at the first sign-in.
func (a API) Create(want *schema.User, secret string) hosted.Call {
	return a.CreateUser(NewUser{
		Address: want.Address, Password: secret, Once: true, DisplayName: want.Name,
		Role: newcomer(want).Role, Language: want.Language, Timezone: want.Timezone,
	})
}

// switches are the calls of the mailbox actions, incoming apart: a status has to
// do with it.
func (a API) switches(id ID, before, after *schema.User) (out []piecemeal.Operation) {
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
			out = append(out, operation(c.set(id, c.is), !c.is))
		}
	}
	return out
}

// status is the calls of a status and of incoming mail: the service has two
// switches, disabled and blocked, for what are three statuses and an action here.
// A deactivated user is both, whatever incoming says.
func (a API) status(id ID, before, after *schema.User) (out []piecemeal.Operation) {
	wasOff, wasBlocked := before.Status != schema.StatusActive, !before.AcceptsMail()
	off, blocked := after.Status != schema.StatusActive, !after.AcceptsMail()
	switch {
	case off && !wasOff:
		out = append(out, operation(a.DisableUser(id, blocked), true))
		wasBlocked = wasBlocked || blocked
	case !off && wasOff:
		out = append(out, operation(a.EnableUser(id, !blocked), false))
		wasBlocked = wasBlocked && blocked
	}
	switch {
	case blocked && !wasBlocked:
		out = append(out, operation(a.SetIncoming(id, false), true))
	case !blocked && wasBlocked:
		out = append(out, operation(a.SetIncoming(id, true), false))
	}
	return out
}

// forwards is the calls of forwarding. Whether a copy is kept is not shown without
// an address to forward to, but the service remembers it: with the first address
// it is always said, lest mail be forwarded and not kept.
func (a API) forwards(id ID, before, after *schema.User) (gone, added []piecemeal.Operation) {
	b, w := before.Forwarding, after.Forwarding
	for _, to := range hosted.Without(b.To, w.To) {
		gone = append(gone, operation(a.DeleteForward(id, to), true))
	}
	for _, to := range hosted.Without(w.To, b.To) {
		added = append(added, operation(a.AddForward(id, to), false))
	}
	if len(w.To) > 0 && (len(b.To) == 0 || b.KeepCopy != w.KeepCopy) {
		added = append(added, operation(a.SetKeepCopy(id, w.KeepCopy), false))
	}
	return gone, added
}
