package storetest

import (
	"slices"

	"mailops/schema"
)

// NewUser returns an active member with the defaults of the law
// (schema/defaults.cue).
func NewUser(address schema.Address) *schema.User {
	return &schema.User{Address: address, Settings: schema.Settings{
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

// The cast of the suite.
const (
	domain = "acme.example"
	ana    = schema.Address("ana@acme.example")
	bruno  = schema.Address("bruno@acme.example")
	office = schema.Address("office@acme.example")
	team   = schema.Address("team@acme.example")
)

// small is a small organization.
func small() schema.State {
	return state(
		&schema.Domain{Name: domain, CatchAll: office, Timezone: "Europe/Lisbon"},
		NewUser(ana), NewUser(bruno),
		&schema.Alias{Address: office, To: []schema.Address{ana}},
		&schema.List{Address: team, Members: []schema.Address{ana, bruno}, Posting: schema.PostingMembers},
	)
}

// state puts resources in order.
func state(resources ...schema.Resource) schema.State {
	s := schema.State(resources)
	s.Sort()
	return s
}

// with replaces resources in a state, or adds them.
func with(s schema.State, resources ...schema.Resource) schema.State {
	for _, r := range resources {
		s = without(s, r.Key())
		s = append(s, r)
	}
	s.Sort()
	return s
}

// without removes resources from a state.
func without(s schema.State, keys ...schema.Key) schema.State {
	return slices.DeleteFunc(slices.Clone(s), func(r schema.Resource) bool { return slices.Contains(keys, r.Key()) })
}

func userKey(a schema.Address) schema.Key { return schema.Key{Kind: schema.KindUser, Name: string(a)} }
func aliasKey(a schema.Address) schema.Key {
	return schema.Key{Kind: schema.KindAlias, Name: string(a)}
}
func listKey(a schema.Address) schema.Key { return schema.Key{Kind: schema.KindList, Name: string(a)} }
func domainKey(name string) schema.Key    { return schema.Key{Kind: schema.KindDomain, Name: name} }

// named returns the default user with a name.
func named(a schema.Address, name string) *schema.User {
	u := NewUser(a)
	u.Name = name
	return u
}

// full returns a user whose every field has a value that no default has.
func full(a schema.Address, secrets schema.Secrets) *schema.User {
	u := &schema.User{Address: a, Name: "Ana Silva", TravelMode: &schema.TravelMode{Until: "2026-12-10T23:59:59Z"}}
	u.Password = secrets.Add("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$" + string(a))
	u.Settings = schema.Settings{
		Role: schema.RoleSuperAdmin, Status: schema.StatusDeactivated, AccountType: schema.AccountEnhanced,
		Quota: 50 << 30, Language: "pt", Timezone: "Europe/Lisbon",
		Forwarding:     schema.Forwarding{To: []schema.Address{"ana@partner.example", bruno}},
		MailboxActions: schema.MailboxActions{IMAP: true, POP: true, ActiveSync: true},
		Permissions: schema.Permissions{
			OnlyLocalSMTP: true,
			AccessHours: &schema.AccessHours{
				Timezone: "Europe/Madrid",
				Mon:      []schema.Hours{{Start: 540, End: 780}, {Start: 840, End: 1080}},
				Sun:      []schema.Hours{{Start: 0, End: 1440}},
			},
			SendAs:          []schema.Address{bruno, office},
			TrustedNetworks: []string{"10.0.0.0/8", "2001:db8::/32"},
		},
		MailAddOn: schema.MailAddOn{Backup: schema.BackupOnDeactivation},
		Lock:      schema.Lock{MailAddOn: schema.Locked},
	}
	return u
}
