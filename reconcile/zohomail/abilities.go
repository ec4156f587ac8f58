package zohomail

import (
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// AbilityOf is what can be done with a field of a kind.
func AbilityOf(kind schema.Kind, path string) hosted.Ability { return abilities()[kind].Of(path) }

// abilities is everything that a live store of mailops holds.
func abilities() map[schema.Kind]hosted.Table {
	return map[schema.Kind]hosted.Table{
		schema.KindDomain: {
			{Path: "catchAll", Can: hosted.Neither, Why: "no documented call shows or sets a catch-all address", From: "§1.4"},
			{Path: "timezone", Can: hosted.Neither, Why: "a domain has no time zone there", From: "§1.4"},
		},
		schema.KindAlias: {
			{Path: "to", Can: hosted.ReadSet, Why: "an alias belongs to one user", From: "§1.7"},
		},
		schema.KindList: {
			{Path: "members", Can: hosted.ReadSet, Why: "of a list that may have been cut off, others may be there", From: "§1.7"},
			{Path: "posting", Can: hosted.Neither, Why: "how a group's access is called was not found documented", From: "§1.7"},
		},
		schema.KindUser: userTable(),
	}
}

func userTable() hosted.Table {
	return hosted.Table{
		{Path: "name", Can: hosted.ReadSet, Why: "a new name can show as the old one for a while", From: "§1.2, §1.6"},
		{Path: "role", Can: hosted.ReadSet, Why: "a super administrator is made in the console alone; a role that is not known, or an administrator of the organization's own sort, is read as admin", From: "§1.7"},
		{Path: "status", Can: hosted.ReadSet, Why: "suspended and deactivated are disableUser without and with blockIncoming; which field shows it is not documented", From: "§1.4, §1.6"},
		{Path: "accountType", Can: hosted.Neither, Why: "there are plans instead, whose numbers are not documented", From: "§1.4"},
		{Path: "quota", Can: hosted.ReadOnly, Why: "what a call that sets storage has to say was not found", From: "§1.4"},
		{Path: "language", Can: hosted.ReadOnce, Why: "it is set when a user is created, and not after", From: "§1.5"},
		{Path: "timezone", Can: hosted.ReadOnce, Why: "it is set when a user is created, and not after", From: "§1.5"},
		{Path: "forwarding.to", Can: hosted.ReadSet, Why: "an address outside the organization waits until its owner confirms it; some records do not show forwards", From: "§1.4, §1.6"},
		{Path: "forwarding.keepCopy", Can: hosted.ReadSet, Why: "it is shown with an address to forward to alone", From: "§1.4, §1.6"},
		{Path: "mailboxActions.incoming", Can: hosted.ReadSet, Why: "the service's true is blocked; of a deactivated user it is not shown", From: "§1.6"},
		{Path: "mailboxActions.outgoing", Can: hosted.ReadSet, Why: "the service's true is blocked", From: "§1.6"},
		{Path: "mailboxActions.spamCheck", Can: hosted.ReadOnly, Why: "no call that sets it per user is documented", From: "§1.6"},
		{Path: "mailboxActions.imap", Can: hosted.ReadSet, Why: "", From: "§1.6"},
		{Path: "mailboxActions.pop", Can: hosted.ReadSet, Why: "", From: "§1.6"},
		{Path: "mailboxActions.activeSync", Can: hosted.ReadSet, Why: "", From: "§1.6"},
		{Path: "permissions", Can: hosted.Neither, Why: "the service has no such permission of a user", From: "§1.8, §2.1"},
		{Path: "permissions.services.webmail", Can: hosted.Neither, Why: "webBlocked is shown, but what it is and what sets it is not documented", From: "§1.4"},
		{Path: "permissions.trustedNetworks", Can: hosted.Neither, Why: "networks are of a role there, never of a user", From: "§1.7"},
		{Path: "travelMode", Can: hosted.Neither, Why: "networks are of a role there, never of a user", From: "§1.7"},
		{Path: "mailAddOn", Can: hosted.Neither, Why: "the add-on is set in its own pages alone", From: "§3"},
		{Path: "lock", Can: hosted.Neither, Why: "the add-on is locked in its own pages alone", From: "§3"},
		{Path: "password", Can: hosted.Neither, Why: "a password is set as plain text and never shown, and declarations have hashes: mailops password --reset sets one", From: "§1.7"},
	}
}
