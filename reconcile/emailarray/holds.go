package emailarray

import (
	"context"
	"encoding/json"
	"slices"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// holds reports whether the service is as a call asks for, with one request as a
// rule. The call is all that is needed, so that one from a journal will do.
func (c *Client) holds(ctx context.Context, call hosted.Call) (bool, hosted.Answer) {
	switch call.Name {
	case "addUser", "updateUser", "removeUser", "disableUser", "enableUser":
		return c.userHolds(ctx, call)
	case "addForward", "removeForward":
		user := userOf(call)
		return holdsRow(ctx, c, ownForwards(user), call.Name == "addForward", func(row forwardRow) bool {
			to, ok := address(row.Forward, "")
			return ok && to == wanted(call, "newforward", "forward")
		})
	case "addAlias", "removeAlias":
		return c.aliasHolds(ctx, call)
	case "addList", "removeList":
		at := addressOf(call, "newlname", "lname")
		return holdsRow(ctx, c, listLists(at.Domain()), call.Name == "addList", func(row listRow) bool {
			a, ok := address(row.Name, at.Domain())
			return ok && a == at
		})
	case "addListMember", "removeListMember":
		return holdsRow(ctx, c, listMembers(addressOf(call, "editlname", "lname")), call.Name == "addListMember", func(row memberRow) bool {
			a, ok := address(row.Member, "")
			return ok && a == wanted(call, "newmember", "member")
		})
	case "addDomain", "removeDomain":
		return holdsRow(ctx, c, listDomains(), call.Name == "addDomain", func(row domainRow) bool {
			return string(row.Domain) == field(call, "newdomain", "domain")
		})
	}
	return false, hosted.Answer{Outcome: hosted.Refused, Text: "nothing shows what it does"}
}

// holdsRow reports whether a list has a row, or has none, as is wanted.
func holdsRow[T any](ctx context.Context, c *Client, call hosted.Call, there bool, is func(T) bool) (bool, hosted.Answer) {
	r := c.ask(ctx, call)
	if !r.Outcome.OK() {
		return false, r.Answer
	}
	all, err := rows[T](r.Data)
	if err != nil {
		return false, hosted.Answer{Outcome: hosted.Failed, Text: err.Error()}
	}
	for _, row := range all {
		if is(row) {
			return there, r.Answer
		}
	}
	return !there, r.Answer
}

// aliasHolds: an alias that leads elsewhere is not what is asked for.
func (c *Client) aliasHolds(ctx context.Context, call hosted.Call) (bool, hosted.Answer) {
	at, there := addressOf(call, "alias"), call.Name == "addAlias"
	return holdsRow(ctx, c, listAliases(at.Domain()), there, func(row aliasRow) bool {
		a, ok := address(row.Alias, at.Domain())
		to, _ := address(row.Forward, "")
		return ok && a == at && (!there || to == wanted(call, "forward"))
	})
}

// userHolds asks for the one user. That this is refused, with a token that is
// good, is how the service says that there is none.
func (c *Client) userHolds(ctx context.Context, call hosted.Call) (bool, hosted.Answer) {
	at := addressOf(call, "editusername", "username")
	r := c.ask(ctx, oneUser(at))
	switch {
	case r.Outcome == hosted.Refused:
		return call.Name == "removeUser", hosted.Answer{Outcome: hosted.Done}
	case !r.Outcome.OK():
		return false, r.Answer
	}
	row, err := object[userRow](r.Data)
	if err != nil {
		return false, hosted.Answer{Outcome: hosted.Failed, Text: "getUserInfo: " + err.Error()}
	}
	return row.as(call), r.Answer
}

// as reports whether a user that there is, is as a call asks for.
func (row userRow) as(call hosted.Call) bool {
	disabled, known := row.Disabled.flag()
	switch call.Name {
	case "disableUser":
		return known && disabled
	case "enableUser":
		return known && !disabled
	case "addUser", "updateUser":
		if setsPassword(call) {
			return false
		}
		quota, ok := fromMegabytes(string(row.Quota))
		return ok && gigabytes(quota) == field(call, "editquota", "quota") &&
			string(row.Name) == field(call, "edituname", "uname") &&
			string(row.AccountType) == field(call, "editaccount_type", "account_type")
	}
	return false
}

// setsPassword reports whether a call gives a user who is there another password: no
// read shows that.
func setsPassword(call hosted.Call) bool {
	return slices.ContainsFunc(call.Body, func(f hosted.Field) bool { return f.Name == newPassword })
}

// field is the text of a call's field, of the first of these names that it has.
func field(call hosted.Call, names ...string) string {
	for _, name := range names {
		for _, f := range call.Body {
			var text string
			if f.Name == name && json.Unmarshal(f.Value, &text) == nil {
				return text
			}
		}
	}
	return ""
}

// wanted is an address that a call names in one field.
func wanted(call hosted.Call, names ...string) schema.Address {
	return schema.Address(field(call, names...))
}

// addressOf is the address that a call names in two.
func addressOf(call hosted.Call, locals ...string) schema.Address {
	return schema.Address(field(call, locals...) + "@" + field(call, "editdomain", "domain"))
}
