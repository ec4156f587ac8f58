package reconcile

import "mailops/schema"

// The effects of this file are about what somebody may do: send, in whose name, and
// what they may set by themselves.

// sending says who can send, and to whom.
func (e *effects) sending(key schema.Key, was, will *schema.User) {
	switch {
	case was.CanSend() && !will.CanSend():
		e.say(Severe, "send-lost", key, "%s can no longer send", who(will))
	case !was.CanSend() && will.CanSend():
		e.say(Info, "send-gained", key, "%s can now send", who(will))
	}
	near, nearer := was.Permissions.OnlyLocalSMTP, will.Permissions.OnlyLocalSMTP
	switch {
	case !will.CanSend():
	case !near && nearer:
		e.say(Warning, "send-local", key, "%s can send to the organization's own domains only", who(will))
	case near && !nearer:
		e.say(Warning, "send-outside", key, "%s can send outside of the organization, and not to its own domains only", who(will))
	}
	if lost := without(was.Permissions.SendAs, will.Permissions.SendAs); len(lost) > 0 {
		e.say(Info, "send-as-lost", key, "%s can no longer send as %s", join(lost), will.Address)
	}
}

// sendAs says who can send in the name of somebody.
func (e *effects) sendAs(key schema.Key, was, will *schema.User) {
	if gained := without(will.Permissions.SendAs, was.Permissions.SendAs); len(gained) > 0 {
		e.say(Warning, "send-as-gained", key, "%s can send as %s", join(gained), will.Address)
	}
}

// features says what somebody may set by themselves, with no administrator.
func (e *effects) features(key schema.Key, was, will *schema.User) {
	before, after := features(was.Permissions.Features), features(will.Permissions.Features)
	if gained := without(after, before); len(gained) > 0 {
		severity, why := Info, ""
		if will.Permissions.Features.Forwarding && !was.Permissions.Features.Forwarding {
			severity, why = Warning, ", and so send all their mail out of the organization"
		}
		e.say(severity, "features-gained", key, "%s may set by themselves: %s%s", who(will), enumerate(gained), why)
	}
	if lost := without(before, after); len(lost) > 0 {
		e.say(Info, "features-lost", key, "%s may no longer set by themselves: %s", who(will), enumerate(lost))
	}
}

// features are those that are on, in words.
func features(f schema.Features) []string {
	var on []string
	for _, one := range []struct {
		word string
		on   bool
	}{
		{"filters", f.Filters}, {"an autoresponder", f.Autoresponder}, {"allow and block lists", f.AllowBlockList},
		{"shared folders", f.SharedFolders}, {"their password", f.ChangePassword}, {"forwarding", f.Forwarding},
	} {
		if one.on {
			on = append(on, one.word)
		}
	}
	return on
}

// backup says when mail is no longer kept for those who come after.
func (e *effects) backup(key schema.Key, was, will *schema.User) {
	if was.MailAddOn.Backup == schema.BackupOnDeactivation && will.MailAddOn.Backup != schema.BackupOnDeactivation {
		e.say(Warning, "backup-off", key, "the mail of %s is no longer backed up when they are deactivated", who(will))
	}
}
