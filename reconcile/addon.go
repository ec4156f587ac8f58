package reconcile

import (
	"slices"

	"mailops/schema"
)

// The rules of this file are those of the Zoho CRM mail add-on, from its help
// page "Managing Zoho Mail Add-on Users": what may be locked, by whom, and
// whose mail can be backed up. They are judged on what the user owns and the
// store only reports.

// addOns holds each user's change of lock or status against them.
func (c *check) addOns() {
	for i := range c.changes {
		d := &c.changes[i]
		if d.Kind != schema.KindUser {
			continue
		}
		was, will := d.users(c.Live.State, c.after)
		c.lock(d, was, will)
		c.backup(d, was, will)
	}
}

// lock: lock-private and lock-self.
func (c *check) lock(d *Change, was, will *schema.User) {
	if was == nil || will == nil || was.Lock == will.Lock {
		return
	}
	locks := will.Lock.MailAddOn == schema.Locked
	if locks && c.Live.Observed[was.Address].AddOnSharing == schema.SharingPrivate {
		c.refuse("lock-private", "", []schema.Key{d.Key},
			"the lock of the mail add-on of %s is refused: its sharing is private, and a private add-on cannot be locked", who(will))
	}
	if c.Actor == was.Address && was.IsAdmin() && c.otherAdmins(will) {
		verb := map[bool]string{true: "lock", false: "unlock"}[locks]
		c.refuse("lock-self", "", []schema.Key{d.Key},
			"%s cannot %s their own mail add-on while there is another administrator: ask that one", who(will), verb)
	}
}

func (c *check) otherAdmins(self *schema.User) bool {
	for u := range c.after.Users() {
		if u.IsAdmin() && u.Address != self.Address && u.Status == schema.StatusActive {
			return true
		}
	}
	return false
}

// backup: a user whose mail is to be backed up on deactivation is deactivated
// only when the backup can be taken, and deleted only when it was.
func (c *check) backup(d *Change, was, will *schema.User) {
	switch {
	case was == nil || was.MailAddOn.Backup != schema.BackupOnDeactivation && (will == nil || will.MailAddOn.Backup != schema.BackupOnDeactivation):
	case will == nil:
		// The backup of a user who is active again is an old one.
		first := "deactivate the user first"
		if was.Status == schema.StatusDeactivated {
			first = "wait until the backup is completed"
		}
		if !c.inherited(d) && (was.Status != schema.StatusDeactivated || c.Live.Observed[was.Address].Backup != schema.BackupCompleted) {
			c.refuseFor("backup-deactivated", was, "%s is deleted, and the mail that `mailAddOn.backup: onDeactivation` asks to keep is not backed up: %s", who(was), first)
		}
	case backupDue(was, will):
		c.out = append(c.out, BackupFindings(will, c.Live.Observed[was.Address], c.after, c.Organization)...)
	}
}

// backupDue reports whether a change deactivates a user whose mail is then to be
// backed up.
func backupDue(was, will *schema.User) bool {
	return was != nil && will != nil && was.Status != schema.StatusDeactivated &&
		will.Status == schema.StatusDeactivated && will.MailAddOn.Backup == schema.BackupOnDeactivation
}

// BackupsDue names the users whose mail is to be backed up once the changes are
// applied to live: they are deactivated, and asked for it.
func BackupsDue(live schema.State, changes []Change) []schema.Address {
	after, err := Advance(live, changes)
	if err != nil {
		return nil // such changes are not applied
	}
	var due []schema.Address
	for i := range changes {
		if was, will := changes[i].users(live, after); backupDue(was, will) {
			due = append(due, will.Address)
		}
	}
	return due
}

// BackupFindings says why a user's mail cannot be backed up, by the rules
// backup-deactivated, backup-pop-only, backup-sharing, backup-domain and
// latest-backup-saved; none when it can. o is what is observed of the user, and
// s is the state whose domains are the organization's.
func BackupFindings(u *schema.User, o schema.Observed, s schema.State, org schema.Organization) []Finding {
	c := &check{Input: Input{Organization: org}, after: s}
	if u.Status != schema.StatusDeactivated {
		c.refuseFor("backup-deactivated", u, "%s is %s: only the mail of a deactivated user is backed up", who(u), u.Status)
	}
	c.backupPossible(u, o)
	return c.out
}

// backupPossible: backup-pop-only, backup-sharing, backup-domain and
// latest-backup-saved.
func (c *check) backupPossible(u *schema.User, o schema.Observed) {
	if o.AddOnProtocol != schema.ProtocolPOP && c.Organization.Rules.BackupPOPOnly != "off" {
		c.refuseFor("backup-pop-only", u, "%s is deactivated, and the mail add-on %s: only a POP3 mailbox can be backed up", who(u), uses(o.AddOnProtocol))
	}
	if !slices.Contains([]string{schema.SharingRecordLevel, schema.SharingComplete}, o.AddOnSharing) {
		c.refuseFor("backup-sharing", u, "%s is deactivated, and the sharing of the mail add-on is %s: only record-level or complete sharing can be backed up", who(u), sharing(o.AddOnSharing))
	}
	if mailbox := schema.Address(o.AddOnMailbox); mailbox != "" && c.after.Find(schema.Key{Kind: schema.KindDomain, Name: mailbox.Domain()}) == nil {
		c.refuseFor("backup-domain", u, "%s is deactivated, and the mail add-on reads %s, whose domain is not the organization's: it cannot be backed up", who(u), mailbox)
	}
	if o.Backup == schema.BackupCompleted && !o.AddOnSaved {
		c.refuseFor("latest-backup-saved", u, "%s is deactivated again, and has not saved the mail add-on's configuration since the last activation: the latest backup cannot be taken", who(u))
	}
}

func uses(protocol string) string {
	if protocol == "" {
		return "is not configured"
	}
	return "uses " + protocol
}

func sharing(s string) string {
	if s == "" {
		return "not configured"
	}
	return s
}
