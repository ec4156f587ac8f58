package emailarray

import "mailops/schema"

// blank is a resource of which the service holds no more than that it is there:
// what it has no field for is as an organization has it that declares nothing, so
// that there is nothing to say of who was declared so.
func blank(key schema.Key) schema.Resource {
	switch key.Kind {
	case schema.KindUser:
		return blankUser(key.Address())
	case schema.KindList:
		return &schema.List{Address: key.Address(), Posting: schema.PostingAnyone}
	case schema.KindAlias:
		return &schema.Alias{Address: key.Address()}
	}
	return &schema.Domain{Name: key.Name}
}

func blankUser(a schema.Address) *schema.User {
	return &schema.User{Address: a, Settings: schema.Settings{
		Role:           schema.RoleMember,
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

// shown is what a read brings of a resource that is as it is wanted: with the quota
// that the service holds for it, so that one which cannot be held exactly is no
// change for ever.
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
	case *schema.Domain:
		return &schema.Domain{Name: r.Name, CatchAll: r.CatchAll, Timezone: r.Timezone}
	}
	return r
}

func (s Settings) shownUser(u *schema.User) *schema.User {
	out := blankUser(u.Address)
	out.Name, out.Status, out.AccountType = u.Name, u.Status, u.AccountType
	out.Quota, _ = s.Hold(u.Quota)
	out.Forwarding.To = u.Forwarding.To
	schema.Normalize(out)
	return out
}

// newcomer is a resource right after it was created: active, without forwards and
// members, as what creates it takes none.
func (s Settings) newcomer(want schema.Resource) schema.Resource {
	switch want := want.(type) {
	case *schema.User:
		out := s.shownUser(want)
		out.Status, out.Forwarding.To = schema.StatusActive, nil
		return out
	case *schema.Alias:
		return s.shown(want)
	}
	return blank(want.Key())
}
