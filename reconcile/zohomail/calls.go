package zohomail

import (
	"encoding/json"
	"net/http"
	"net/url"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// An API builds the calls of one organization. Each is the documented one
// (reference/seed-systems.md §1.4–§1.7): which id stands in the path differs from
// call to call, and one switch is set by one call.
type API struct {
	Organization string
	Settings
}

// An ID is how the API names a user. Both are numbers, above 2^53 too.
type ID struct {
	ZUID    string `json:"zuid"`
	Account string `json:"accountId"`
}

// The modes whose answers are read in a way of their own.
const changeRole = "changeRole"

// A NewUser is a user to be. Password names a secret. Language and Timezone can be
// set now and never after.
type NewUser struct {
	Address     schema.Address
	Password    string
	Once        bool // the password must be changed at the first sign-in
	DisplayName string
	Role        string // as schema has it; superAdmin only here
	Language    string
	Timezone    string
	Groups      []schema.Address // joined at once, at most 100
}

// CreateUser adds a user (§1.5). The answer's data has the ids.
func (a API) CreateUser(u NewUser) hosted.Call {
	body := []hosted.Field{hosted.Value("primaryEmailAddress", u.Address), hosted.Hidden("password", u.Password)}
	for _, f := range []struct{ name, value string }{
		{"displayName", u.DisplayName}, {"role", roleWords[u.Role]}, {"language", u.Language}, {"timeZone", u.Timezone},
	} {
		if f.value != "" {
			body = append(body, hosted.Value(f.name, f.value))
		}
	}
	body = append(body, a.plainFlag("oneTimePassword", u.Once))
	if len(u.Groups) > 0 {
		body = append(body, hosted.Value("groupMailList", u.Groups))
	}
	return a.call("createUser", http.MethodPost, "accounts", body)
}

// DeleteUsers removes users with their mail (§1.5). One that does not exist may
// spoil the rest: that is not documented. The key's name is the service's; what it
// holds are zuids.
func (a API) DeleteUsers(zuids ...string) hosted.Call {
	return a.call("deleteUsers", http.MethodDelete, "accounts", []hosted.Field{hosted.Value("accountList", zuids)})
}

// ChangeRole makes users members or admins (§1.7).
func (a API) ChangeRole(role string, zuids ...string) hosted.Call {
	return a.mode(changeRole, "accounts", hosted.Value("userList", zuids), hosted.Value("role", roleWords[role]))
}

// SetDisplayName renames a user (§1.6). Only a public client shows this call.
func (a API) SetDisplayName(id ID, name string) hosted.Call {
	return a.account(id, "updatePersonalInfo", hosted.Value("displayName", name))
}

// ResetPassword sets a password (§1.7). Sessions end; whether the user must change
// it is said, since the default is not the same everywhere.
func (a API) ResetPassword(id ID, secret string, once bool) hosted.Call {
	return a.user(id, "resetPassword", hosted.Hidden("password", secret), a.plainFlag("resetAuthToken", true), a.plainFlag("oneTimePassword", once))
}

// AddAliases gives a user more addresses (§1.7).
func (a API) AddAliases(id ID, aliases ...schema.Address) hosted.Call {
	return a.user(id, "addEmailAlias", hosted.Value("emailAlias", aliases))
}

// DeleteAliases takes addresses from a user (§1.7).
func (a API) DeleteAliases(id ID, aliases ...schema.Address) hosted.Call {
	return a.user(id, "deleteEmailAlias", hosted.Value("emailAlias", aliases))
}

// SetIMAP allows IMAP or not (§1.6). True is allowed.
func (a API) SetIMAP(id ID, on bool) hosted.Call {
	return a.account(id, "updateIMAPStatus", a.flag("imapAccessEnabled", on))
}

// SetPOP allows POP or not (§1.6). True is allowed.
func (a API) SetPOP(id ID, on bool) hosted.Call {
	return a.account(id, "updatePOPStatus", a.flag("popAccessEnabled", on))
}

// SetActiveSync allows ActiveSync or not (§1.6). True is allowed.
func (a API) SetActiveSync(id ID, on bool) hosted.Call {
	return a.account(id, "updateMobileSyncStatus", a.flag("activeSyncEnabled", on))
}

// SetIncoming lets mail in or not (§1.6). The service's true is blocked.
func (a API) SetIncoming(id ID, on bool) hosted.Call {
	return a.account(id, "updateIncomingStatus", a.flag("incomingBlocked", !on))
}

// SetOutgoing lets mail out or not (§1.6). The service's true is blocked.
func (a API) SetOutgoing(id ID, on bool) hosted.Call {
	return a.account(id, "updateOutgoingStatus", a.flag("outgoingBlocked", !on))
}

// EnableUser lets a user sign in again, and mail in if so said (§1.6).
func (a API) EnableUser(id ID, unblockIncoming bool) hosted.Call {
	return a.account(id, "enableUser", a.flag("unblockIncoming", unblockIncoming))
}

// DisableUser keeps a user from signing in, and mail out if so said (§1.6). What
// it must not remove is said too: what happens otherwise is not documented.
func (a API) DisableUser(id ID, blockIncoming bool) hosted.Call {
	return a.account(id, "disableUser", a.flag("blockIncoming", blockIncoming),
		a.flag("removeMailforward", false), a.flag("removeGroupMembership", false), a.flag("removeAlias", false))
}

// AddForward forwards a user's mail (§1.6). An address outside the organization
// waits until its owner confirms it.
func (a API) AddForward(id ID, to schema.Address) hosted.Call {
	return a.forward(id, "addMailForward", to)
}

// DeleteForward ends forwarding to an address (§1.6).
func (a API) DeleteForward(id ID, to schema.Address) hosted.Call {
	return a.forward(id, "deleteMailForward", to)
}

// EnableForward switches a forward on (§1.6).
func (a API) EnableForward(id ID, to schema.Address) hosted.Call {
	return a.forward(id, "enableMailForward", to)
}

// DisableForward switches a forward off (§1.6).
func (a API) DisableForward(id ID, to schema.Address) hosted.Call {
	return a.forward(id, "disableMailForward", to)
}

// SetKeepCopy keeps what is forwarded or not (§1.6). The service's true is not
// kept, and it was seen as a boolean alone.
func (a API) SetKeepCopy(id ID, keep bool) hosted.Call {
	return a.account(id, "deleteZohoMailCopy", a.plainFlag("deleteCopy", !keep))
}

func (a API) forward(id ID, mode string, to schema.Address) hosted.Call {
	if a.Forward == AsString {
		return a.account(id, mode, hosted.Value("mailForward", to))
	}
	return a.account(id, mode, hosted.Value("mailForward", []map[string]schema.Address{{"mailForwardTo": to}}))
}

// flag is a switch, which the documentation declares a boolean and shows as a
// text.
func (a API) flag(name string, value bool) hosted.Field {
	if a.Bools == AsBooleans {
		return hosted.Value(name, value)
	}
	return hosted.Value(name, map[bool]string{true: "true", false: "false"}[value])
}

// plainFlag is a flag that was seen as a boolean, or never as a text.
func (a API) plainFlag(name string, value bool) hosted.Field {
	if a.Bools == AsStrings {
		return a.flag(name, value)
	}
	return hosted.Value(name, value)
}

// account is a call whose path has the accountId, and whose body the zuid.
func (a API) account(id ID, mode string, fields ...hosted.Field) hosted.Call {
	return a.mode(mode, "accounts/"+url.PathEscape(id.Account), append([]hosted.Field{hosted.Value("zuid", id.ZUID)}, fields...)...)
}

// user is a call whose path has the zuid, and whose body too.
func (a API) user(id ID, mode string, fields ...hosted.Field) hosted.Call {
	return a.mode(mode, "accounts/"+url.PathEscape(id.ZUID), append([]hosted.Field{hosted.Value("zuid", id.ZUID)}, fields...)...)
}

// mode is a call that says in its body what it does.
func (a API) mode(mode, path string, fields ...hosted.Field) hosted.Call {
	return a.call(mode, http.MethodPut, path, append([]hosted.Field{hosted.Value("mode", mode)}, fields...))
}

func (a API) call(name, method, path string, body []hosted.Field) hosted.Call {
	return hosted.Call{Name: name, Method: method, Path: "/api/organization/" + url.PathEscape(a.Organization) + "/" + path, Body: body}
}

// NewID reads the ids of a user who was created from the answer's data. They can
// be missing: then the user is looked up by address.
func NewID(data json.RawMessage) (ID, bool) {
	rows, err := loose(data).rows()
	if err != nil || len(rows) != 1 {
		return ID{}, false
	}
	o, err := parseObject(rows[0])
	id := ID{ZUID: o.id("zuid"), Account: o.id("accountId")}
	return id, err == nil && id.ZUID != "" && id.Account != ""
}
