package zohomail

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

// Sets reports whether a call sets the field of a user who is there.
func (c Can) Sets() bool { return c == ReadSet || c == SetOnly }

// Reads reports whether a record shows the field.
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

// abilities is everything that a live store of mailops holds.
func abilities() map[schema.Kind]Table {
	return map[schema.Kind]Table{
		schema.KindDomain: {
			{"catchAll", Neither, "no documented call shows or sets a catch-all address", "§1.4"},
			{"timezone", Neither, "a domain has no time zone there", "§1.4"},
		},
		schema.KindAlias: {
			{"to", ReadSet, "an alias belongs to one user", "§1.7"},
		},
		schema.KindList: {
			{"members", ReadSet, "of a list that may have been cut off, others may be there", "§1.7"},
			{"posting", Neither, "how a group's access is called was not found documented", "§1.7"},
		},
		schema.KindUser: userTable(),
	}
}

func userTable() Table {
	return Table{
		{"name", ReadSet, "a new name can show as the old one for a while", "§1.2, §1.6"},
		{"role", ReadSet, "a super administrator is made in the console alone", "§1.7"},
		{"status", ReadSet, "suspended and deactivated are disableUser without and with blockIncoming; which field shows it is not documented", "§1.4, §1.6"},
		{"accountType", Neither, "there are plans instead, whose numbers are not documented", "§1.4"},
		{"quota", ReadOnly, "what a call that sets storage has to say was not found", "§1.4"},
		{"language", ReadOnly, "it is set when a user is created, and not after", "§1.5"},
		{"timezone", ReadOnly, "it is set when a user is created, and not after", "§1.5"},
		{"forwarding.to", ReadSet, "an address outside the organization waits until its owner confirms it; some records do not show forwards", "§1.4, §1.6"},
		{"forwarding.keepCopy", ReadSet, "it is shown with an address to forward to alone", "§1.4, §1.6"},
		{"mailboxActions.incoming", ReadSet, "the service's true is blocked; of a deactivated user it is not shown", "§1.6"},
		{"mailboxActions.outgoing", ReadSet, "the service's true is blocked", "§1.6"},
		{"mailboxActions.spamCheck", ReadOnly, "no call that sets it per user is documented", "§1.6"},
		{"mailboxActions.imap", ReadSet, "", "§1.6"},
		{"mailboxActions.pop", ReadSet, "", "§1.6"},
		{"mailboxActions.activeSync", ReadSet, "", "§1.6"},
		{"permissions", Neither, "the service has no such permission of a user", "§1.8, §2.1"},
		{"permissions.services.webmail", Neither, "webBlocked is shown, but what it is and what sets it is not documented", "§1.4"},
		{"permissions.trustedNetworks", Neither, "networks are of a role there, never of a user", "§1.7"},
		{"travelMode", Neither, "networks are of a role there, never of a user", "§1.7"},
		{"mailAddOn", Neither, "the add-on is set in its own pages alone", "§3"},
		{"lock", Neither, "the add-on is locked in its own pages alone", "§3"},
		{"password", Neither, "a password is set as plain text and never shown, and declarations have hashes", "§1.7"},
	}
}
