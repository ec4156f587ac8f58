package zohosim

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A User is one mail user. The zero value has the defaults of §2.1: mail comes
// and goes, spam is checked, and POP, IMAP and ActiveSync are off.
type User struct {
	ZUID      int64 `json:"zuid,omitempty"`             // 0 is a new one
	AccountID int64 `json:"accountId,omitempty,string"` // 0 is a new one; above 2^53

	Address     string `json:"primaryEmailAddress"`
	FirstName   string `json:"firstName,omitempty"`
	LastName    string `json:"lastName,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Role        string `json:"role,omitempty"` // member, admin or super_admin; "" is member
	Country     string `json:"country,omitempty"`
	Language    string `json:"language,omitempty"`
	TimeZone    string `json:"timeZone,omitempty"`
	ExpiryDays  int64  `json:"userExpiry,omitempty"` // 0 is none

	IMAP            bool `json:"imapAccessEnabled,omitempty"`
	POP             bool `json:"popAccessEnabled,omitempty"`
	ActiveSync      bool `json:"activeSyncEnabled,omitempty"`
	IncomingBlocked bool `json:"incomingBlocked,omitempty"`
	OutgoingBlocked bool `json:"outgoingBlocked,omitempty"`
	NoSpamCheck     bool `json:"noSpamCheck,omitempty"`
	Disabled        bool `json:"disabled,omitempty"` // by disableUser

	// What a policy blocks, perhaps: how these differ from the switches above is
	// not documented (§1.4), and no call sets them.
	IMAPBlocked bool `json:"imapBlocked,omitempty"`
	POPBlocked  bool `json:"popBlocked,omitempty"`
	WebBlocked  bool `json:"webBlocked,omitempty"`

	Aliases    []string  `json:"aliases,omitempty"`
	Forwards   []Forward `json:"forwards,omitempty"`
	DeleteCopy bool      `json:"deleteCopy,omitempty"` // what is forwarded is not kept

	PlanGB       int64 `json:"planStorage,omitempty"` // 0 is 5
	UsedKB       int64 `json:"usedStorage,omitempty"`
	PasswordSets int   `json:"passwordSets,omitempty"` // how often a password was set

	created  time.Time
	password string
	former   string    // the name before the last change
	renamed  time.Time // when it was changed
}

// A Forward is where a user's mail is forwarded to.
type Forward struct {
	To         string `json:"to"`
	Off        bool   `json:"off,omitempty"`
	Unverified bool   `json:"unverified,omitempty"` // the owner of the address has not confirmed it
	Key        string `json:"key,omitempty"`        // what the owner was sent to confirm it
}

// firstAccount begins the account ids: 19 digits, as real ones, of which a
// floating-point number cannot tell a thousand apart (§1.3).
const firstAccount = 5250000000000008001

// put adds a user, with ids if it has none.
func (s *Server) put(now time.Time, u User) User {
	n := s.next()
	if u.ZUID == 0 {
		u.ZUID = 700000000 + n
	}
	if u.AccountID == 0 {
		u.AccountID = firstAccount + n
	}
	if u.Role == "" {
		u.Role = "member"
	}
	if u.PlanGB == 0 {
		u.PlanGB = 5
	}
	if u.DisplayName == "" {
		u.DisplayName = strings.TrimSpace(u.FirstName + " " + u.LastName)
	}
	u.created = now
	s.account[u.AccountID] = u.ZUID
	s.save(now, u)
	return u
}

// save writes a user, and who has the addresses.
func (s *Server) save(now time.Time, u User) {
	before, _ := s.users.Get(u.ZUID)
	for _, alias := range before.Aliases {
		delete(s.owners, alias)
	}
	for _, address := range append([]string{u.Address}, u.Aliases...) {
		s.owners[address] = u.ZUID
	}
	s.users.Put(now, u.ZUID, u)
}

// remove deletes a user, who leaves all groups.
func (s *Server) remove(now time.Time, u User) {
	s.leaveGroups(now, u)
	for _, address := range append([]string{u.Address}, u.Aliases...) {
		delete(s.owners, address)
	}
	s.users.Delete(now, u.ZUID)
}

// byAddress is the user of an address or an alias.
func (s *Server) byAddress(address string) (User, bool) { return s.users.Get(s.owners[address]) }

// byAddressAt is who it was.
func (s *Server) byAddressAt(at time.Time, address string) (User, bool) {
	if s.quirks.Late == 0 {
		return s.byAddress(address)
	}
	for _, u := range s.users.AllAt(at) {
		if u.Address == address || slices.Contains(u.Aliases, address) {
			return u, true
		}
	}
	return User{}, false
}

// record is a user as §1.4 lists the fields. What changes is said here; the rest
// is in constants.
func (s *Server) record(u User, now time.Time) map[string]any {
	out := maps.Clone(constants)
	name := s.shownName(u, now)
	maps.Copy(out, map[string]any{
		"zuid": s.id(u.ZUID, "quoted"), "accountId": s.accountID(u.AccountID),
		"accountName": u.Address, "accountDisplayName": name, "displayName": name,
		"firstName": u.FirstName, "lastName": u.LastName, "country": s.known(u.Country),
		"gender": s.known(""), "mobileNumber": s.known(""), "phoneNumer": s.known(""),
		"language": s.known(u.Language), "timeZone": s.known(u.TimeZone),
		"URI":                 "https://mail.zoho.com/api/accounts/" + strconv.FormatInt(u.AccountID, 10),
		"primaryEmailAddress": u.Address, "mailboxAddress": u.Address, "incomingUserName": u.Address,
		"emailAddress": addresses(u), "role": u.Role, "iamUserRole": u.Role, "roleName": u.Role,
		"incomingBlocked": u.IncomingBlocked, "outgoingBlocked": u.OutgoingBlocked,
		"imapAccessEnabled": u.IMAP, "popAccessEnabled": u.POP, "activeSyncEnabled": u.ActiveSync,
		"imapBlocked": u.IMAPBlocked, "popBlocked": u.POPBlocked, "webBlocked": u.WebBlocked,
		"spamcheckEnabled": !u.NoSpamCheck, "accountCreationTime": u.created.UnixMilli(),
		"mailboxCreationTime": u.created.UnixMilli(), "userExpiry": expiry(u.ExpiryDays),
		"planStorage": u.PlanGB, "usedStorage": u.UsedKB, "allowedStorage": u.PlanGB << 20,
		"policyId":        map[string]any{"5250000000000002001": "Business Policy", "zoid": s.options.Organization},
		"sendMailDetails": s.senders(u, name),
	})
	s.showDisabled(out, u.Disabled)
	if !s.quirks.NoForward {
		out["mailForward"] = forwards(u)
	}
	if s.quirks.NoRoleName {
		delete(out, "roleName")
	}
	return out
}

// constants are the fields that no call changes. Of mailboxStatus, iamStatus and
// type, no other value is known (§1.4).
var constants = map[string]any{
	"address": map[string]any{"country": "", "streetAddr": "", "city": "", "postalCode": "", "state": ""},
	"type":    "ZOHO_ACCOUNT", "iamStatus": 1, "mailboxStatus": "enabled", "enabled": true, "status": true,
	"isLogoExist": false, "isCustomAdmin": false, "sequence": 1, "smtpStatus": true, "popFetchTime": -1,
	"mxStatus": true, "tfaEnabled": false, "lastLogin": -1, "lastPasswordReset": -1, "lastClient": "WEB_ZM",
	"planType": 0, "basicStorage": "free", "extraStorage": map[string]any{}, "extraEDiscoveryStorage": map[string]any{},
	"ediscoveryStorage": map[string]any{"iseDiscoveryStorageEnabled": false},
}

// showDisabled says that a user is disabled, in the fields that the quirk names.
func (s *Server) showDisabled(record map[string]any, disabled bool) {
	if !disabled {
		return
	}
	switch s.quirks.DisabledAs {
	case "enabled", "status":
		record[s.quirks.DisabledAs] = false
	case "mailboxStatus":
		record["mailboxStatus"] = "disabled"
	case "nothing":
	default:
		record["enabled"], record["status"] = false, false
	}
}

// shownName is a user's name, or for a while the one before (§1.2).
func (s *Server) shownName(u User, now time.Time) string {
	if s.quirks.Regress == 0 || u.renamed.IsZero() || now.Sub(u.renamed) >= s.quirks.Regress {
		return u.DisplayName
	}
	s.looks[u.ZUID]++
	if s.looks[u.ZUID]%2 == 0 {
		return u.former
	}
	return u.DisplayName
}

// id is a number, quoted if the quirk has this form.
func (s *Server) id(n int64, quoted string) any {
	if s.quirks.IDs == quoted {
		return strconv.FormatInt(n, 10)
	}
	return n
}

// accountID is a quoted number, unless the quirk says otherwise.
func (s *Server) accountID(n int64) any {
	if s.quirks.IDs == "bare" {
		return n
	}
	return strconv.FormatInt(n, 10)
}

// known is a text; one that is not known can be the string "null" (§1.4).
func (s *Server) known(text string) string {
	if text == "" && s.quirks.NullStrings {
		return "null"
	}
	return text
}

func expiry(days int64) int64 {
	if days == 0 {
		return -1
	}
	return days
}

func addresses(u User) []map[string]any {
	out := []map[string]any{{"mailId": u.Address, "isAlias": false, "isPrimary": true, "isConfirmed": true}}
	for _, alias := range u.Aliases {
		out = append(out, map[string]any{"mailId": alias, "isAlias": true, "isPrimary": false, "isConfirmed": true})
	}
	return out
}

func forwards(u User) []map[string]any {
	out := []map[string]any{}
	for _, f := range u.Forwards {
		out = append(out, map[string]any{"mailForward": f.To, "deleteCopy": u.DeleteCopy, "status": !f.Off && !f.Unverified})
	}
	return out
}

func (s *Server) senders(u User, name string) []map[string]any {
	var out []map[string]any
	for i, from := range append([]string{u.Address}, u.Aliases...) {
		mode := "alias"
		if i == 0 {
			mode = "mailbox"
		}
		out = append(out, map[string]any{
			"sendMailId": strconv.FormatInt(u.AccountID+int64(i), 10), "fromAddress": from, "displayName": name, "mode": mode,
			"status": true, "validated": true, "validationRequired": false, "serverPort": 0, "signatureId": "null",
		})
	}
	return out
}
