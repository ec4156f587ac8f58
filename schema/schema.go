// Package schema says what a mail user is: the law in CUE (the embedded *.cue
// files) and the Go types beside it, the words that the rest of mailops speaks.
//
// The Go types are effective values: profiles merged, defaults filled in. Their
// JSON names are the fields of the CUE definition of the same name; a test ties
// the two. Only the standard library is imported.
package schema

import (
	"embed"
	"net/netip"
	"slices"
	"strings"
)

// Law holds the CUE files that define every kind of declaration.
//
//go:embed *.cue
var Law embed.FS

// APIVersion is the apiVersion of the declarations that this program reads.
const APIVersion = "mailops/v1"

// A Kind is a kind of declaration.
type Kind string

// The kinds of declarations. Those from KindDomain to KindList also exist in
// the live store; the others only shape what is wanted there.
const (
	KindOrganization Kind = "Organization"
	KindProfile      Kind = "Profile"
	KindDomain       Kind = "Domain"
	KindUser         Kind = "User"
	KindAlias        Kind = "Alias"
	KindList         Kind = "DistributionList"
)

// Kinds lists every kind, in the order in which they are shown.
var Kinds = []Kind{KindOrganization, KindDomain, KindProfile, KindUser, KindAlias, KindList}

// LiveKinds lists the kinds that a live store holds, in key order.
var LiveKinds = []Kind{KindDomain, KindUser, KindAlias, KindList}

// Domain is a mail domain that the organization owns.
type Domain struct {
	APIVersion string  `json:"apiVersion,omitempty" live:"-"`
	Kind       Kind    `json:"kind" live:"-"`
	Name       string  `json:"name"`
	CatchAll   Address `json:"catchAll,omitempty"`
	Timezone   string  `json:"timezone,omitempty"`
}

// Profile is a role that users inherit from. Which of its settings are set is
// known to the [Node] it was read from, and to that alone.
type Profile struct {
	APIVersion  string   `json:"apiVersion,omitempty"`
	Kind        Kind     `json:"kind"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Profiles    []string `json:"profiles"`
	Enforced    bool     `json:"enforced"`
	Settings
}

// User is one mailbox and the person behind it. Fields tagged `live:"-"` exist
// in declarations only: no live store holds them and no difference shows them.
type User struct {
	APIVersion  string   `json:"apiVersion,omitempty" live:"-"`
	Kind        Kind     `json:"kind" live:"-"`
	Address     Address  `json:"address"`
	Name        string   `json:"name,omitempty"`
	RenamedFrom Address  `json:"renamedFrom,omitempty" live:"-"`
	Profiles    []string `json:"profiles,omitempty" live:"-"`
	Settings
	Password    Secret          `json:"password,omitempty"`
	SigningKeys []string        `json:"signingKeys,omitempty" live:"-"`
	TravelMode  *TravelMode     `json:"travelMode,omitempty"`
	Schedule    []ScheduleEntry `json:"schedule,omitempty" live:"-"`
}

// Settings is the inheritable part of a user.
type Settings struct {
	Role           string         `json:"role"`        // member | admin | superAdmin
	Status         string         `json:"status"`      // active | suspended | deactivated
	AccountType    string         `json:"accountType"` // basic | enhanced
	Quota          Bytes          `json:"quota"`
	Language       string         `json:"language,omitempty"`
	Timezone       string         `json:"timezone,omitempty"`
	Forwarding     Forwarding     `json:"forwarding"`
	MailboxActions MailboxActions `json:"mailboxActions"`
	Permissions    Permissions    `json:"permissions"`
	MailAddOn      MailAddOn      `json:"mailAddOn"`
	Lock           Lock           `json:"lock"`
}

// The roles, states and other words that fields of a user hold.
const (
	RoleMember     = "member"
	RoleAdmin      = "admin"
	RoleSuperAdmin = "superAdmin"

	StatusActive      = "active"
	StatusSuspended   = "suspended"   // cannot sign in or send; mail is accepted
	StatusDeactivated = "deactivated" // mail is refused too, and kept

	AccountBasic    = "basic"
	AccountEnhanced = "enhanced"

	Locked   = "locked"
	Unlocked = "unlocked"

	BackupOff            = "off"
	BackupOnDeactivation = "onDeactivation"

	PostingAnyone       = "anyone"
	PostingMembers      = "members"
	PostingOrganization = "organization"
)

// TravelMode lifts trusted networks until a time, which is absolute (RFC 3339,
// UTC) in a resolved user. A journey that has ended is nil.
type TravelMode struct {
	Until string `json:"until"`
}

// ScheduleEntry sets fields of a user for a while.
type ScheduleEntry struct {
	From   string   `json:"from"`
	Until  string   `json:"until"`
	Reason string   `json:"reason,omitempty"`
	Set    Settings `json:"set"`
}

// Forwarding is where arriving mail is sent on to.
type Forwarding struct {
	To       []Address `json:"to,omitempty"`
	KeepCopy bool      `json:"keepCopy"`
}

// MailboxActions are the services of a mailbox. True is always "on", whatever
// the polarity of a store.
type MailboxActions struct {
	Incoming   bool `json:"incoming"`
	Outgoing   bool `json:"outgoing"`
	SpamCheck  bool `json:"spamCheck"`
	IMAP       bool `json:"imap"`
	POP        bool `json:"pop"`
	ActiveSync bool `json:"activeSync"`
}

// Permissions is what a user may do, and from where and when.
type Permissions struct {
	Features        Features     `json:"features"`
	Services        Services     `json:"services"`
	OnlyLocalSMTP   bool         `json:"onlyLocalSMTP"`
	AccessHours     *AccessHours `json:"accessHours,omitempty"` // nil: unrestricted
	SendAs          []Address    `json:"sendAs,omitempty"`
	TrustedNetworks []string     `json:"trustedNetworks,omitempty"` // none: from anywhere
}

// Features is what users may see and change in their own panel.
type Features struct {
	Autoresponder  bool `json:"autoresponder"`
	Forwarding     bool `json:"forwarding"`
	Filters        bool `json:"filters"`
	AllowBlockList bool `json:"allowBlockList"`
	SharedFolders  bool `json:"sharedFolders"`
	ChangePassword bool `json:"changePassword"`
}

// Services are the ways to sign in beside the mailbox actions.
type Services struct {
	Webmail     bool `json:"webmail"`
	SMTP        bool `json:"smtp"`
	ManageSieve bool `json:"manageSieve"`
}

// MailAddOn is the add-on of the customer system, as administrators set it.
type MailAddOn struct {
	Backup string `json:"backup"` // off | onDeactivation
}

// Lock is what users may not change themselves.
type Lock struct {
	MailAddOn string `json:"mailAddOn"` // locked | unlocked
}

// Alias is an address whose mail goes to others.
type Alias struct {
	APIVersion string    `json:"apiVersion,omitempty" live:"-"`
	Kind       Kind      `json:"kind" live:"-"`
	Address    Address   `json:"address"`
	To         []Address `json:"to"`
}

// List is a distribution list: an address whose mail goes to all its members.
type List struct {
	APIVersion string    `json:"apiVersion,omitempty" live:"-"`
	Kind       Kind      `json:"kind" live:"-"`
	Address    Address   `json:"address"`
	Members    []Address `json:"members"`
	Posting    string    `json:"posting"` // anyone | members | organization
}

// Observed is live state that its user owns, or that the mail system reports:
// no declaration sets it and no plan changes it; rules look at it.
type Observed struct {
	AddOnProtocol  string `json:"addOnProtocol,omitempty"`  // pop | imap; "" when not configured
	AddOnSharing   string `json:"addOnSharing,omitempty"`   // private | recordLevel | complete; "" when not configured
	AddOnMailbox   string `json:"addOnMailbox,omitempty"`   // the mailbox that the add-on reads; "" is the user's own
	AddOnSaved     bool   `json:"addOnSaved,omitempty"`     // its configuration was saved since the last reactivation
	Backup         string `json:"backup,omitempty"`         // "" | queued | running | completed | failed
	StorageUsed    int64  `json:"storageUsed,omitempty"`    // bytes
	LastSignInUnix int64  `json:"lastSignInUnix,omitempty"` // seconds since 1970; 0 is never
}

// The words that fields of [Observed] hold.
const (
	ProtocolPOP        = "pop"
	ProtocolIMAP       = "imap"
	SharingPrivate     = "private"
	SharingRecordLevel = "recordLevel"
	SharingComplete    = "complete"
	BackupCompleted    = "completed"
)

// IsAdmin reports whether the user administers the organization.
func (u *User) IsAdmin() bool { return u.Role == RoleAdmin || u.Role == RoleSuperAdmin }

// SignInWays lists the ways by which the user can read mail now, hours and
// networks apart: imap, pop, activeSync, webmail.
func (u *User) SignInWays() []string {
	if u.Status != StatusActive || u.Permissions.AccessHours.alwaysClosed() {
		return nil
	}
	var ways []string
	for _, way := range []struct {
		name string
		on   bool
	}{
		{"IMAP", u.MailboxActions.IMAP},
		{"POP", u.MailboxActions.POP},
		{"ActiveSync", u.MailboxActions.ActiveSync},
		{"webmail", u.Permissions.Services.Webmail},
	} {
		if way.on {
			ways = append(ways, way.name)
		}
	}
	return ways
}

// CanSend reports whether the user can send by a mail program or webmail.
func (u *User) CanSend() bool {
	return u.Status == StatusActive && u.MailboxActions.Outgoing &&
		!u.Permissions.AccessHours.alwaysClosed() &&
		(u.Permissions.Services.SMTP || u.Permissions.Services.Webmail || u.MailboxActions.ActiveSync)
}

// AcceptsMail reports whether mail to the mailbox is accepted.
func (u *User) AcceptsMail() bool {
	return u.Status != StatusDeactivated && u.MailboxActions.Incoming
}

// SignInNetworks are the networks that the user may sign in from now; none is
// from anywhere. A journey lifts them.
func (u *User) SignInNetworks() []string {
	if u.TravelMode != nil {
		return nil
	}
	return u.Permissions.TrustedNetworks
}

// normalize puts sets in order, so that two ways to write one value are equal.
func (s *Settings) normalize() {
	s.Forwarding.To = sortedSet(s.Forwarding.To)
	s.Permissions.SendAs = sortedSet(s.Permissions.SendAs)
	s.Permissions.TrustedNetworks = sortedSet(maskedNetworks(s.Permissions.TrustedNetworks))
	s.Permissions.AccessHours.normalize()
}

// sortedSet returns the values in order, each once; nil when there are none.
func sortedSet[S ~string](values []S) []S {
	if len(values) == 0 {
		return nil
	}
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}

// maskedNetworks writes each network with its host bits cleared, so that
// 10.1.2.3/8 and 10.0.0.0/8 are one value; what is no network stays as it is.
func maskedNetworks(networks []string) []string {
	out := make([]string, len(networks))
	for i, n := range networks {
		out[i] = n
		if p, err := ParseNetwork(n); err == nil {
			out[i] = p.String()
		}
	}
	return out
}

// ParseNetwork reads a network, or a single address as the network of it alone.
func ParseNetwork(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}
