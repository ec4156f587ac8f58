package zohosim

import (
	"net/http"
	"slices"
	"time"

	"mailops/reconcile/simhttp"
)

// A Group is a group of the organization that mail can be sent to. Its fields
// are those of https://www.zoho.com/mail/help/api/post-create-group.html.
type Group struct {
	ZGID        int64    `json:"zgid,omitempty"` // 0 is a new one
	Address     string   `json:"emailId"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"groupDescription,omitempty"`
	Access      string   `json:"accessType,omitempty"` // "" is Public, the documented default
	Members     []Member `json:"members,omitempty"`
}

// A Member is in a group.
type Member struct {
	Address string `json:"memberEmailId"`
	Role    string `json:"role"` // member or moderator
}

// putGroup adds a group, with an id if it has none.
func (s *Server) putGroup(now time.Time, g Group) Group {
	if n := s.next(); g.ZGID == 0 {
		g.ZGID = 800000000 + n
	}
	if g.Access == "" {
		g.Access = "Public"
	}
	s.groups.Put(now, g.ZGID, g)
	s.owners[g.Address] = g.ZGID
	return g
}

// groupRecord is a group as the API shows it. The names are those that a public
// client saw; reference/seed-systems.md §1.7 has the members' alone.
func (s *Server) groupRecord(g Group) map[string]any {
	return map[string]any{
		"zgid": s.id(g.ZGID, "quoted"), "name": g.Name, "emailId": g.Address, "groupDescription": g.Description, "accessType": g.Access,
		"streamsEnabled": false, "mailGroupMemberList": memberRecords(g),
	}
}

func memberRecords(g Group) []map[string]any {
	out := []map[string]any{}
	for _, m := range g.Members {
		out = append(out, map[string]any{"memberEmailId": m.Address, "role": m.Role, "status": "active"})
	}
	return out
}

// listGroups answers GET …/groups (§1.7): an object with the groups and their
// count, https://www.zoho.com/mail/help/api/get-all-group-details.html.
func (s *Server) listGroups(t *turn) simhttp.Answer {
	rows := []map[string]any{}
	for _, g := range s.groups.AllAt(t.at) {
		if s.quirks.GroupsStop == 0 || len(rows) < s.quirks.GroupsStop {
			rows = append(rows, s.groupRecord(g))
		}
	}
	return ok(map[string]any{"count": len(rows), "groups": rows})
}

// oneGroup answers GET …/groups/{zgid} (§1.7).
func (s *Server) oneGroup(t *turn) simhttp.Answer { return ok(s.groupRecord(t.group)) }

// groupMembers answers GET …/groups/{zgid}/members (§1.7). What the reply looks
// like was not found: it is the list that a group has within it.
func (s *Server) groupMembers(t *turn) simhttp.Answer { return ok(memberRecords(t.group)) }

// createGroup answers POST …/groups.
func (s *Server) createGroup(t *turn) simhttp.Answer {
	var g Group
	g.Address, _ = t.body.text("emailId")
	if problem := s.cannotHave(g.Address); problem != "" {
		return s.fail(http.StatusBadRequest, problem)
	}
	members, problem := membersOf(t.body, "member")
	if problem != "" {
		return s.fail(http.StatusBadRequest, problem)
	}
	describe(&g, t.body)
	g.Members = members
	g = s.putGroup(t.now, g)
	t.changed("group %s created, zgid %d", g.Address, g.ZGID)
	return s.created(s.groupRecord(g))
}

// describe sets what the body says of a group.
func describe(g *Group, b body) {
	for key, field := range map[string]*string{"name": &g.Name, "groupDescription": &g.Description, "accessType": &g.Access} {
		if value, said := b.text(key); said {
			*field = value
		}
	}
}

// membersOf reads mailGroupMemberList (§1.7).
func membersOf(b body, otherwise string) (out []Member, problem string) {
	list, okList := b.objects("mailGroupMemberList")
	if !okList {
		return nil, "simulator: mailGroupMemberList is a list of objects"
	}
	for _, object := range list {
		m := Member{Role: otherwise}
		m.Address, _ = object.text("memberEmailId")
		if role, said := object.text("role"); said {
			m.Role = role
		}
		if m.Address == "" || !slices.Contains([]string{"", "member", "moderator"}, m.Role) {
			return nil, "simulator: a member has memberEmailId, and the role member or moderator"
		}
		out = append(out, m)
	}
	return out, ""
}

// updateGroup answers PUT …/groups/{zgid}, mode updateMailGroup (§1.7). What can
// be updated is taken from what can be created.
func (s *Server) updateGroup(t *turn) simhttp.Answer {
	g := t.group
	describe(&g, t.body)
	s.groups.Put(t.now, g.ZGID, g)
	t.changed("group %s updated", g.Address)
	return ok(nil)
}

// deleteGroup answers DELETE …/groups/{zgid} (§1.7).
func (s *Server) deleteGroup(t *turn) simhttp.Answer {
	s.groups.Delete(t.now, t.group.ZGID)
	delete(s.owners, t.group.Address)
	t.changed("group %s deleted", t.group.Address)
	return ok(nil)
}

// addMembers answers the modes addMailGroupMember and changeMemberRole (§1.7).
func (s *Server) addMembers(t *turn) simhttp.Answer {
	members, problem := membersOf(t.body, "member")
	if problem != "" {
		return s.fail(http.StatusBadRequest, problem)
	}
	for _, m := range members {
		in := slices.ContainsFunc(t.group.Members, m.same)
		switch {
		case t.mode == "changeMemberRole" && !in:
			return s.fail(http.StatusBadRequest, "simulator: "+m.Address+" is no member of "+t.group.Address)
		case t.mode == "addMailGroupMember" && in && s.quirks.Already != "":
			return s.already(true)
		}
	}
	s.join(t, t.group, members)
	return ok(nil)
}

// removeMembers answers mode removeMailGroupMember (§1.7).
func (s *Server) removeMembers(t *turn) simhttp.Answer {
	members, problem := membersOf(t.body, "")
	if problem != "" {
		return s.fail(http.StatusBadRequest, problem)
	}
	g := t.group
	for _, m := range members {
		if !slices.ContainsFunc(g.Members, m.same) {
			return s.fail(http.StatusBadRequest, "simulator: "+m.Address+" is no member of "+g.Address)
		}
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), m.same)
		t.changed("group %s: %s left", g.Address, m.Address)
	}
	s.groups.Put(t.now, g.ZGID, g)
	return ok(nil)
}

func (m Member) same(other Member) bool { return m.Address == other.Address }

// join adds members to a group, or changes their roles.
func (s *Server) join(t *turn, g Group, members []Member) {
	g.Members = slices.Clone(g.Members)
	for _, m := range members {
		i := slices.IndexFunc(g.Members, m.same)
		if i >= 0 && g.Members[i] == m {
			continue
		}
		if t.changed("group %s: %s is %s", g.Address, m.Address, m.Role); i >= 0 {
			g.Members[i] = m
			continue
		}
		g.Members = append(g.Members, m)
	}
	s.groups.Put(t.now, g.ZGID, g)
}

// leaveGroups takes a user out of all groups.
func (s *Server) leaveGroups(now time.Time, u User) {
	for id, g := range s.groups.All() {
		left := slices.DeleteFunc(slices.Clone(g.Members), Member{Address: u.Address}.same)
		if len(left) < len(g.Members) {
			g.Members = left
			s.groups.Put(now, id, g)
		}
	}
}
