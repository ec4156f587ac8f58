package zohomail

import (
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// shown is what a read brings of a resource that is as it is wanted.
func (s Settings) shown(r schema.Resource) schema.Resource {
	switch r := r.(type) {
	case *schema.User:
		return s.shownUser(r)
	case *schema.Alias:
		out := &schema.Alias{Address: r.Address, To: r.To}
		schema.Normalize(out)
		return out
	case *schema.List:
		out := &schema.List{Address: r.Address, Members: r.Members, Posting: schema.PostingAnyone}
		schema.Normalize(out)
		return out
	}
	return hosted.Blank(r.Key())
}

// shownUser is a user as a record shows one: whoever is suspended and gets no mail
// looks deactivated (§1.6), unless nothing shows that either, and without a forward
// nobody knows whether copies are kept.
func (s Settings) shownUser(u *schema.User) *schema.User {
	out := hosted.BlankUser(u.Address)
	out.Name, out.Role, out.Status = readable(u.Name), u.Role, u.Status
	out.Quota, out.Language, out.Timezone = u.Quota, readable(u.Language), readable(u.Timezone)
	out.Forwarding, out.MailboxActions = u.Forwarding, u.MailboxActions
	switch accepts := u.AcceptsMail(); {
	case s.Disabled == ShownNowhere:
		out.Status, out.MailboxActions.Incoming = schema.StatusActive, accepts
	case u.Status != schema.StatusActive && !accepts:
		out.Status, out.MailboxActions.Incoming = schema.StatusDeactivated, true
	}
	if len(u.Forwarding.To) == 0 {
		out.Forwarding.KeepCopy = true
	}
	schema.Normalize(out)
	return out
}

// readable is a text as a record shows it: "null" is none, as in some records what
// is not known is that word (§1.4), and blanks around it are not looked at.
func readable(text string) string {
	if text = strings.TrimSpace(text); text == "null" {
		return ""
	}
	return text
}

// lacks is what the service cannot do.
func (s Settings) lacks() []reconcile.Lack {
	out := []reconcile.Lack{{Kind: schema.KindDomain, Cannot: reconcile.CannotObserve, Reason: "domains are verified and hosted in the console, and no documented call lists them"}}
	fields := abilities()
	for _, kind := range schema.LiveKinds {
		out = append(out, fields[kind].Lacks(hosted.Blank(schema.Key{Kind: kind}))...)
	}
	if s.Disabled == ShownNowhere {
		out = append(out, reconcile.Lack{Kind: schema.KindUser, Path: "status", Cannot: reconcile.CannotObserve, Reason: "which field shows it is not documented"})
	}
	return append(out,
		reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotSet, Reason: "no documented call gives a mailbox another address"},
		hosted.Takes(schema.KindUser, "role", "a super administrator is made in the console alone", reconcile.Bounds{OneOf: hosted.Values(schema.RoleMember, schema.RoleAdmin)}),
		hosted.Takes(schema.KindAlias, "to", "an alias belongs to one user", reconcile.Bounds{Least: 1, Most: 1, Users: true}),
		hosted.Takes(schema.KindList, "members", "a group has a member from the beginning", reconcile.Bounds{Least: 1}),
	)
}
