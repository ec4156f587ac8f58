package sqlstore

import (
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// A stored resource is a row, and what only the tables hold of a user.
type stored struct {
	reconcile.Row
	hash    string // of the password; "" is none
	mailbox string
}

// resource is the resource of the row, nil when there is no row.
func (s *stored) resource() schema.Resource {
	if s == nil {
		return nil
	}
	return s.Resource
}

// plain are the columns of mailuser that are fields as they are; the fields of
// plainFields, in that order.
const plain = "name, role, status, account_type, quota_bytes, language, timezone, keep_copy, " +
	"incoming, outgoing, spam_check, imap, pop, activesync, webmail, smtp, sieve, only_local_smtp, " +
	"feature_autoresponder, feature_forwarding, feature_filters, feature_allow_block_list, " +
	"feature_shared_folders, feature_change_password, backup, addon_lock"

// derived are the columns that take a step between row and field.
const derived = "mailbox, password, travel_until, hours, hours_timezone"

func plainFields(u *schema.User) []any {
	a, p := &u.MailboxActions, &u.Permissions
	f, s := &p.Features, &p.Services
	return []any{
		&u.Name, &u.Role, &u.Status, &u.AccountType, &u.Quota, &u.Language, &u.Timezone, &u.Forwarding.KeepCopy,
		&a.Incoming, &a.Outgoing, &a.SpamCheck, &a.IMAP, &a.POP, &a.ActiveSync,
		&s.Webmail, &s.SMTP, &s.ManageSieve, &p.OnlyLocalSMTP,
		&f.Autoresponder, &f.Forwarding, &f.Filters, &f.AllowBlockList, &f.SharedFolders, &f.ChangePassword,
		&u.MailAddOn.Backup, &u.Lock.MailAddOn,
	}
}

// observed are the columns of what a user owns, as observedFields.
const observed = "addon_protocol, addon_sharing, addon_mailbox, addon_saved, backup, storage_used, last_sign_in"

func observedFields(o *schema.Observed) []any {
	return []any{&o.AddOnProtocol, &o.AddOnSharing, &o.AddOnMailbox, &o.AddOnSaved, &o.Backup, &o.StorageUsed, &o.LastSignInUnix}
}

// load puts column values into fields.
func load(fields, values []any) {
	for i, f := range fields {
		switch f := f.(type) {
		case *string:
			*f = text(values[i])
		case *bool:
			*f = values[i] == int64(1)
		case *int64:
			*f, _ = values[i].(int64)
		case *schema.Bytes:
			n, _ := values[i].(int64)
			*f = schema.Bytes(n)
		default:
			panic(fmt.Sprintf("sqlstore: a field is a %T", f)) // the lists above hold no other
		}
	}
}

// save is the way back: the arguments that hold the fields.
func save(fields []any) []any {
	args := make([]any, len(fields))
	for i, f := range fields {
		switch f := f.(type) {
		case *string:
			args[i] = *f
		case *bool:
			args[i] = *f
		case *int64:
			args[i] = *f
		case *schema.Bytes:
			args[i] = max(int64(*f), 0) // any amount below one is unlimited
		}
	}
	return args
}

// text reads a column that may be NULL.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// nullable is the argument for a text whose absence is NULL.
func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// loadUser makes a user of the columns domain, local, derived and plain.
func loadUser(values []any) stored {
	u := &schema.User{Address: address(values)}
	load(plainFields(u), values[7:])
	s := stored{Row: reconcile.Row{Resource: u}, mailbox: text(values[2]), hash: text(values[3])}
	u.Password = schema.Fingerprint(s.hash)
	if until, ok := values[4].(string); ok {
		u.TravelMode = &schema.TravelMode{Until: until}
	}
	if values[5] == int64(1) {
		u.Permissions.AccessHours = &schema.AccessHours{Timezone: text(values[6])}
	}
	return s
}

// saveUser is the way back, without domain and local.
func saveUser(u *schema.User, mailbox, hash string) []any {
	var until any
	if u.TravelMode != nil {
		until = u.TravelMode.Until
	}
	hours, zone := u.Permissions.AccessHours != nil, ""
	if hours {
		zone = u.Permissions.AccessHours.Timezone
	}
	return append([]any{mailbox, nullable(hash), until, hours, zone}, save(plainFields(u))...)
}

// address puts together the first two columns of every table.
func address(values []any) schema.Address {
	return schema.Address(text(values[1]) + "@" + text(values[0]))
}

// place is the way back.
func place(a schema.Address) (domain, local any) { return a.Domain(), a.Local() }
