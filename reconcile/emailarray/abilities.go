package emailarray

import (
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// abilities is everything that a live store of mailops holds. No field can be set
// and not read.
func abilities() map[schema.Kind]hosted.Table {
	return map[schema.Kind]hosted.Table{
		schema.KindDomain: {
			{Path: "catchAll", Can: hosted.ReadOnly, Why: "one public client sends one with updateDomain, and which values that takes is not documented", From: "§4.3"},
			{Path: "timezone", Can: hosted.ReadOnly, Why: "one public client sends one with updateDomain, and which values that takes is not documented", From: "§4.3"},
		},
		schema.KindAlias: {
			{Path: "to", Can: hosted.ReadSet, Why: "an alias leads to one mailbox", From: "§4.2, §4.3"},
		},
		schema.KindList: {
			{Path: "members", Can: hosted.ReadSet, Why: "", From: "§4.3"},
			{Path: "posting", Can: hosted.Neither, Why: "who may post is a matter of Smart Lists, which no action is about", From: "§4.2"},
		},
		schema.KindUser: userTable(),
	}
}

// panelOnly is why most of what the panel has cannot be declared.
const panelOnly = "the panel has it, and the API has no action for it"

func userTable() hosted.Table {
	return hosted.Table{
		{Path: "name", Can: hosted.ReadSet, Why: "", From: "§4.3"},
		{Path: "role", Can: hosted.Neither, Why: "administrators are accounts of their own there, and no action is about them", From: "§4.2"},
		{Path: "status", Can: hosted.ReadSet, Why: "a user is enabled or disabled; whether a disabled one still takes mail is not documented", From: "§4.3"},
		{Path: "accountType", Can: hosted.ReadSet, Why: "", From: "§4.3"},
		{Path: "quota", Can: hosted.ReadSet, Why: "it is kept in whole MB, of which a GB has 1000", From: "§4.3"},
		{Path: "language", Can: hosted.Neither, Why: "addUser alone takes one, nothing shows it, and which values it has is not documented", From: "§4.3"},
		{Path: "timezone", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "forwarding.to", Can: hosted.ReadSet, Why: "", From: "§4.3"},
		{Path: "forwarding.keepCopy", Can: hosted.Neither, Why: "whether a forward keeps a copy is nowhere said", From: "§4.3"},
		{Path: "mailboxActions", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "permissions", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "permissions.onlyLocalSMTP", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "permissions.accessHours", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "permissions.sendAs", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "permissions.trustedNetworks", Can: hosted.Neither, Why: panelOnly, From: "§4.2, §4.3"},
		{Path: "travelMode", Can: hosted.Neither, Why: panelOnly, From: "§4.1, §4.3"},
		{Path: "mailAddOn", Can: hosted.Neither, Why: "the add-on is another service's", From: "§3"},
		{Path: "lock", Can: hosted.Neither, Why: "the add-on is another service's", From: "§3"},
		{Path: "password", Can: hosted.Neither, Why: "a password is set as plain text and never shown, and declarations have hashes: mailops password --reset sets one", From: "§4.3"},
	}
}
