package emailarray

import (
	"net/http"
	"strings"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// The paths of §4.3: administrators ask one, users the other.
const (
	adminPath = "/admin/json.php"
	userPath  = "/json.php"
)

// The names of the secrets in calls. Those of one user end with the address.
const (
	adminToken    = "token"
	adminPassword = "password"
	userToken     = "token of "
	userOnce      = "one-time password of "
	userPassword  = "password of "
)

// PasswordOf names the secret that addUser needs for a mailbox.
func PasswordOf(a schema.Address) string { return userPassword + string(a) }

// The constructors of this file build the call of one change each, with the names
// of §4.3, which differ between calls that seem alike. A call holds no secret.

// act is a call of an administrator's.
func act(action string, fields ...hosted.Field) hosted.Call {
	return post(adminPath, action, append([]hosted.Field{hosted.Hidden("token", adminToken)}, fields...)...)
}

// actAs is a call of a user's own.
func actAs(user schema.Address, action string, fields ...hosted.Field) hosted.Call {
	return post(userPath, action, append([]hosted.Field{hosted.Hidden("token", userToken+string(user))}, fields...)...)
}

func post(path, action string, fields ...hosted.Field) hosted.Call {
	return hosted.Call{
		Name: action, Method: http.MethodPost, Path: path,
		Body: append([]hosted.Field{hosted.Value("action", action)}, fields...),
	}
}

func text(name, value string) hosted.Field { return hosted.Value(name, value) }

// named are the fields that name an address.
func named(local, domain string, a schema.Address) []hosted.Field {
	return []hosted.Field{text(local, a.Local()), text(domain, a.Domain())}
}

func with(fields []hosted.Field, more ...hosted.Field) []hosted.Field { return append(fields, more...) }

// AddUser creates a mailbox; its password is the secret that [PasswordOf] names.
// The quota is one that the service holds.
func AddUser(u *schema.User) hosted.Call {
	return act("addUser", with(named("username", "domain", u.Address),
		text("account_type", accountNumber(u.AccountType)),
		hosted.Hidden("password", PasswordOf(u.Address)),
		text("quota", gigabytes(u.Quota)),
		text("uname", u.Name))...)
}

// UpdateUser sets name, account type and quota, all three: what a field that is
// left out does is not documented, and the vendor's module leaves out none.
func UpdateUser(u *schema.User) hosted.Call {
	return act("updateUser", with(named("editusername", "editdomain", u.Address),
		text("edituname", u.Name),
		text("editaccount_type", accountNumber(u.AccountType)),
		text("editquota", gigabytes(u.Quota)))...)
}

// newPassword is the parameter of updateUser that sets one.
const newPassword = "editpassword"

// SetPassword gives a user another password, which the secret of that name is, and
// says the rest as it is: see [UpdateUser].
func SetPassword(u *schema.User, secret string) hosted.Call {
	call := UpdateUser(u)
	call.Body = append(call.Body, hosted.Hidden(newPassword, secret))
	return call
}

// RemoveUser removes a mailbox with all that is in it, at once and for good (§4.1).
func RemoveUser(a schema.Address) hosted.Call {
	return act("removeUser", named("username", "domain", a)...)
}

// DisableUser disables a mailbox.
func DisableUser(a schema.Address) hosted.Call {
	return act("disableUser", named("username", "domain", a)...)
}

// EnableUser takes that back.
func EnableUser(a schema.Address) hosted.Call {
	return act("enableUser", named("username", "domain", a)...)
}

// AddForward sends the mail of a user on. It takes a token of that user's.
func AddForward(user, to schema.Address) hosted.Call {
	return actAs(user, "addForward", text("newforward", string(to)))
}

// RemoveForward takes that back.
func RemoveForward(user, to schema.Address) hosted.Call {
	return actAs(user, "removeForward", text("forward", string(to)))
}

// AddAlias makes an alias of a mailbox.
func AddAlias(a, to schema.Address) hosted.Call {
	return act("addAlias", with(named("alias", "domain", a), text("forward", string(to)))...)
}

// RemoveAlias removes an alias.
func RemoveAlias(a schema.Address) hosted.Call {
	return act("removeAlias", named("alias", "domain", a)...)
}

// AddList makes a list without members, of the only type that a client sends.
func AddList(a schema.Address) hosted.Call {
	const distribution = "1"
	return act("addList", with(named("newlname", "domain", a), text("newlisttype", distribution))...)
}

// RemoveList removes a list.
func RemoveList(a schema.Address) hosted.Call {
	return act("removeList", named("lname", "domain", a)...)
}

// AddMember adds a member to a list.
func AddMember(a, member schema.Address) hosted.Call {
	return act("addListMember", with(named("editlname", "editdomain", a), text("newmember", string(member)))...)
}

// RemoveMember removes a member from a list.
func RemoveMember(a, member schema.Address) hosted.Call {
	return act("removeListMember", with(named("lname", "domain", a), text("member", string(member)))...)
}

// AddDomain adds a domain. The vendor's module and the public client disagree on
// the name of its parameter: the module's is sent.
func AddDomain(name string) hosted.Call { return act("addDomain", text("newdomain", name)) }

// RemoveDomain removes a domain, and erases all that is there (§4.2).
func RemoveDomain(name string) hosted.Call { return act("removeDomain", text("domain", name)) }

// The reads.

func listUsers(domain string, offset, limit int) hosted.Call {
	slicing := 1
	if limit == 0 {
		slicing = 0
	}
	return act("getAllUsersDomain", text("domain", domain), hosted.Value("slicing", slicing), hosted.Value("offset", offset),
		hosted.Value("limit", limit), hosted.Value("showQuota", 1), hosted.Value("getOTPAndToken", 0))
}

func oneUser(a schema.Address) hosted.Call {
	return act("getUserInfo", named("username", "domain", a)...)
}

func listAliases(domain string) hosted.Call {
	return act("getAllAliasesDomain", text("domain", domain))
}
func listLists(domain string) hosted.Call { return act("getAllListsDomain", text("domain", domain)) }
func listMembers(a schema.Address) hosted.Call {
	return act("getListMembers", named("lname", "domain", a)...)
}

func listForwards(domain string) hosted.Call {
	return act("getAllForwardsDomain", text("domain", domain))
}
func listDomains() hosted.Call              { return act("getAllDomains") }
func aboutDomain(domain string) hosted.Call { return act("getDomainInfo", text("domain", domain)) }
func adminStats() hosted.Call               { return act("getAdminStats") }
func oncePassword(a schema.Address) hosted.Call {
	return act("getOTPass", named("username", "domain", a)...)
}

func login(username string) hosted.Call {
	return post(adminPath, "login", text("username", username), hosted.Hidden("password", adminPassword))
}

func userLogin(a schema.Address) hosted.Call {
	return post(userPath, "login", text("username", a.Local()), hosted.Hidden("password", userOnce+string(a)), text("domain", a.Domain()))
}

// reads reports whether a call changes nothing, so that it may be sent twice. A
// one-time password and a token change nothing that a declaration holds.
func reads(c hosted.Call) bool {
	return strings.HasPrefix(c.Name, "get") || c.Name == "login"
}

// userOf is whose token a call takes; "" is an administrator's.
func userOf(c hosted.Call) schema.Address {
	for _, name := range c.Named() {
		if user, ok := strings.CutPrefix(name, userToken); ok {
			return schema.Address(user)
		}
	}
	return ""
}
