package zohomail

import (
	"net/http"
	"net/url"
	"strconv"

	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// Members of groups are one of these.
const (
	Member    = "member"
	Moderator = "moderator"
)

// ListUsers is a page of the users (§1.4).
func (a API) ListUsers(start, limit int) hosted.Call {
	c := a.call("list users", http.MethodGet, "accounts", nil)
	c.Query = []hosted.Field{hosted.Value("start", strconv.Itoa(start)), hosted.Value("limit", strconv.Itoa(limit))}
	return c
}

// GetUser is one user, by zuid or address (§1.4).
func (a API) GetUser(zuidOrAddress string) hosted.Call {
	return a.call("read user", http.MethodGet, "accounts/"+url.PathEscape(zuidOrAddress), nil)
}

// ListGroups is all groups (§1.7). It is not said to have pages.
func (a API) ListGroups() hosted.Call {
	return a.call("list groups", http.MethodGet, "groups", nil)
}

// GetMembers is the members of a group (§1.7).
func (a API) GetMembers(zgid string) hosted.Call {
	return a.call("read members", http.MethodGet, "groups/"+url.PathEscape(zgid)+"/members", nil)
}

// CreateGroup adds a group with its first members (§1.7), of whom there is at
// least one. The answer's data has the id.
func (a API) CreateGroup(address schema.Address, members ...schema.Address) hosted.Call {
	return a.call("createGroup", http.MethodPost, "groups", []hosted.Field{hosted.Value("emailId", address), list(Member, members)})
}

// DeleteGroup removes a group (§1.7).
func (a API) DeleteGroup(zgid string) hosted.Call {
	return a.call("deleteGroup", http.MethodDelete, "groups/"+url.PathEscape(zgid), nil)
}

// AddMembers adds members to a group (§1.7).
func (a API) AddMembers(zgid string, members ...schema.Address) hosted.Call {
	return a.group(zgid, "addMailGroupMember", list(Member, members))
}

// RemoveMembers takes members out of a group (§1.7).
func (a API) RemoveMembers(zgid string, members ...schema.Address) hosted.Call {
	return a.group(zgid, "removeMailGroupMember", list("", members))
}

// ChangeMemberRole makes members of a group Member or Moderator (§1.7).
func (a API) ChangeMemberRole(zgid, role string, members ...schema.Address) hosted.Call {
	return a.group(zgid, "changeMemberRole", list(role, members))
}

func (a API) group(zgid, mode string, fields ...hosted.Field) hosted.Call {
	return a.mode(mode, "groups/"+url.PathEscape(zgid), fields...)
}

// list is members as calls have them.
func list(role string, members []schema.Address) hosted.Field {
	type member struct {
		Address schema.Address `json:"memberEmailId"`
		Role    string         `json:"role,omitempty"`
	}
	out := make([]member, len(members))
	for i, m := range members {
		out[i] = member{m, role}
	}
	return hosted.Value("mailGroupMemberList", out)
}
