package emailarray

import (
	"strings"

	"mailops/schema"
)

// An Ability is what can be done with a live field at the service.
type Ability struct {
	Read, Set bool
	Reason    string // why not both, with the section of the fact sheet; "" where both are
}

// An ability is a row of the table: of a field, or of all below a path that ends
// with a dot.
type ability struct {
	kind schema.Kind
	path string
	Ability
}

const (
	panelOnly = "EmailArray's panel has it, its API has no action for it (§4.3)"
	elsewhere = "EmailArray has no such setting (§4.1)"
)

// abilities is what the documented API can do with each live field. A field that
// nothing shows cannot be observed, one that nothing writes cannot be set.
var abilities = []ability{
	{schema.KindDomain, "catchAll", Ability{Read: true, Reason: "one public client sends a catch-all with updateDomain, and which values it takes is not documented (§4.3)"}},
	{schema.KindDomain, "timezone", Ability{Read: true, Reason: "one public client sends a time zone with updateDomain, and which values it takes is not documented (§4.3)"}},

	{schema.KindUser, "name", Ability{Read: true, Set: true}},
	{schema.KindUser, "role", Ability{Reason: "administrators are accounts apart from mailboxes (§4.2), and the API has no action for them"}},
	{schema.KindUser, "status", Ability{Read: true, Set: true}},
	{schema.KindUser, "accountType", Ability{Read: true, Set: true}},
	{schema.KindUser, "quota", Ability{Read: true, Set: true}},
	{schema.KindUser, "language", Ability{Reason: "addUser alone takes one, no action shows or changes it, and its values are not documented (§4.3)"}},
	{schema.KindUser, "timezone", Ability{Reason: panelOnly}},
	{schema.KindUser, "forwarding.to", Ability{Read: true, Set: true}},
	{schema.KindUser, "forwarding.keepCopy", Ability{Reason: "whether a forward keeps a copy is nowhere said (§4.3)"}},
	{schema.KindUser, "mailboxActions.", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.features.", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.services.", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.onlyLocalSMTP", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.accessHours", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.sendAs", Ability{Reason: panelOnly}},
	{schema.KindUser, "permissions.trustedNetworks", Ability{Reason: panelOnly}},
	{schema.KindUser, "mailAddOn.", Ability{Reason: elsewhere}},
	{schema.KindUser, "lock.", Ability{Reason: elsewhere}},
	{schema.KindUser, "password", Ability{Reason: "the service takes passwords in the clear (§4.3), and declarations hold hashes; a new mailbox gets one that nobody knows"}},
	{schema.KindUser, "travelMode", Ability{Reason: panelOnly}},

	{schema.KindAlias, "to", Ability{Read: true, Set: true}},

	{schema.KindList, "members", Ability{Read: true, Set: true}},
	{schema.KindList, "posting", Ability{Reason: "who may post is a matter of Smart Lists (§4.2), of which the API has no action"}},
}

// AbilityOf is what can be done with a live field of a kind.
func AbilityOf(kind schema.Kind, path string) Ability {
	for _, a := range abilities {
		if a.kind == kind && (a.path == path || strings.HasSuffix(a.path, ".") && strings.HasPrefix(path, a.path)) {
			return a.Ability
		}
	}
	return Ability{Reason: "nothing is known of it"}
}
