package emailarray

import (
	"strings"

	"mailops/schema"
)

// A Can says what the API can do with a field.
type Can string

// What it can do.
const (
	ReadSet  Can = "read and set"
	ReadOnly Can = "read only"
	SetOnly  Can = "set only"
	Neither  Can = "neither"
)

// Sets reports whether a call sets the field.
func (c Can) Sets() bool { return c == ReadSet || c == SetOnly }

// Reads reports whether an answer shows the field.
func (c Can) Reads() bool { return c == ReadSet || c == ReadOnly }

// An Ability is what can be done with a field, and with those below its path.
type Ability struct {
	Path string
	Can  Can
	Why  string // to people who ask for what cannot be
	From string // the section of reference/seed-systems.md
}

// A Table is the abilities of a kind. The longest path counts.
type Table []Ability

// AbilityOf is what can be done with a field of a kind.
func AbilityOf(kind schema.Kind, path string) Ability { return abilities()[kind].of(path) }

func (t Table) of(path string) (best Ability) {
	best.Can = Neither
	for _, a := range t {
		if (a.Path == path || strings.HasPrefix(path, a.Path+".")) && len(a.Path) >= len(best.Path) {
			best = a
		}
	}
	return best
}

// abilities is everything that a live store of mailops holds. No field can be set
// and not read.
func abilities() map[schema.Kind]Table {
	return map[schema.Kind]Table{
		schema.KindDomain: {
			{"catchAll", ReadOnly, "one public client sends one with updateDomain, and which values that takes is not documented", "§4.3"},
			{"timezone", ReadOnly, "one public client sends one with updateDomain, and which values that takes is not documented", "§4.3"},
		},
		schema.KindAlias: {
			{"to", ReadSet, "an alias leads to one mailbox", "§4.2, §4.3"},
		},
		schema.KindList: {
			{"members", ReadSet, "", "§4.3"},
			{"posting", Neither, "who may post is a matter of Smart Lists, which no action is about", "§4.2"},
		},
		schema.KindUser: userTable(),
	}
}

// panelOnly is why most of what the panel has cannot be declared.
const panelOnly = "the panel has it, and the API has no action for it"

func userTable() Table {
	return Table{
		{"name", ReadSet, "", "§4.3"},
		{"role", Neither, "administrators are accounts of their own there, and no action is about them", "§4.2"},
		{"status", ReadSet, "a user is enabled or disabled; whether a disabled one still takes mail is not documented", "§4.3"},
		{"accountType", ReadSet, "", "§4.3"},
		{"quota", ReadSet, "it is kept in whole MB, of which a GB has 1000", "§4.3"},
		{"language", Neither, "addUser alone takes one, nothing shows it, and which values it has is not documented", "§4.3"},
		{"timezone", Neither, panelOnly, "§4.1, §4.3"},
		{"forwarding.to", ReadSet, "", "§4.3"},
		{"forwarding.keepCopy", Neither, "whether a forward keeps a copy is nowhere said", "§4.3"},
		{"mailboxActions", Neither, panelOnly, "§4.1, §4.3"},
		{"permissions", Neither, panelOnly, "§4.1, §4.3"},
		{"permissions.onlyLocalSMTP", Neither, panelOnly, "§4.1, §4.3"},
		{"permissions.accessHours", Neither, panelOnly, "§4.1, §4.3"},
		{"permissions.sendAs", Neither, panelOnly, "§4.1, §4.3"},
		{"permissions.trustedNetworks", Neither, panelOnly, "§4.2, §4.3"},
		{"travelMode", Neither, panelOnly, "§4.1, §4.3"},
		{"mailAddOn", Neither, "the add-on is another service's", "§3"},
		{"lock", Neither, "the add-on is another service's", "§3"},
		{"password", Neither, "a password is set as plain text and never shown, and declarations have hashes", "§4.3"},
	}
}
