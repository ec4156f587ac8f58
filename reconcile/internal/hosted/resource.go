package hosted

import (
	"slices"
	"strconv"

	"mailops/reconcile"
	"mailops/schema"
)

// Blank is a resource of which a service holds no more than that it is there: what
// it has no field for is as an organization has it that declares nothing
// (schema/defaults.cue), so that there is nothing to say of who was declared so.
func Blank(key schema.Key) schema.Resource {
	switch key.Kind {
	case schema.KindUser:
		return BlankUser(key.Address())
	case schema.KindList:
		return &schema.List{Address: key.Address(), Posting: schema.PostingAnyone}
	case schema.KindAlias:
		return &schema.Alias{Address: key.Address()}
	}
	return &schema.Domain{Name: key.Name}
}

// BlankUser is Blank of a user.
func BlankUser(a schema.Address) *schema.User {
	return &schema.User{Address: a, Settings: schema.Settings{
		Role: schema.RoleMember, Status: schema.StatusActive, AccountType: schema.AccountBasic,
		Forwarding:     schema.Forwarding{KeepCopy: true},
		MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true},
		Permissions: schema.Permissions{
			Features: schema.Features{Autoresponder: true, Forwarding: true, Filters: true, AllowBlockList: true, SharedFolders: true, ChangePassword: true},
			Services: schema.Services{Webmail: true, SMTP: true, ManageSieve: true},
		},
		MailAddOn: schema.MailAddOn{Backup: schema.BackupOff},
		Lock:      schema.Lock{MailAddOn: schema.Unlocked},
	}}
}

// Takes is the lack of a service that takes some values of a field alone.
func Takes(kind schema.Kind, path, why string, bounds reconcile.Bounds) reconcile.Lack {
	return reconcile.Lack{Kind: kind, Path: path, Cannot: reconcile.CannotTake, Bounds: &bounds, Reason: why}
}

// Values are texts as values of a field.
func Values(texts ...string) (out []schema.Value) {
	for _, text := range texts {
		out = append(out, schema.Value(strconv.Quote(text)))
	}
	return out
}

// As is a resource as its type; nil is nil.
func As[T schema.Resource](r schema.Resource) T {
	t, _ := r.(T)
	return t
}

// Without are the addresses that are not among others.
func Without(all, others []schema.Address) (out []schema.Address) {
	for _, a := range all {
		if !slices.Contains(others, a) {
			out = append(out, a)
		}
	}
	return out
}
