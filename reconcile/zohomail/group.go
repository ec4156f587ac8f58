package zohomail

import (
	"fmt"

	"mailops/schema"
)

// A Group is a group that mail can be sent to, as the service shows it.
type Group struct {
	ZGID    string
	Address string
	Members []GroupMember
	Listed  bool // the members are shown with the group
}

// A GroupMember is in a group.
type GroupMember struct {
	Address string
	Role    string // Member or Moderator, as far as is known
}

// ParseGroup reads a group.
func ParseGroup(data []byte) (Group, error) {
	o, err := parseObject(data)
	if err != nil {
		return Group{}, err
	}
	g := Group{ZGID: o.id("zgid"), Address: o.text("emailId")}
	if g.ZGID == "" || g.Address == "" {
		return Group{}, fmt.Errorf("a group without zgid or address: %w", errShape)
	}
	if members, ok := o["mailGroupMemberList"]; ok && string(members) != "null" {
		g.Members, err = ParseMembers(members)
		g.Listed = true
	}
	return g, err
}

// ParseMembers reads a list of members.
func ParseMembers(data []byte) (members []GroupMember, err error) {
	rows, err := loose(data).rows()
	if err != nil {
		return nil, fmt.Errorf("members of a group: %w", err)
	}
	for _, row := range rows {
		o, err := parseObject(row)
		if err != nil || o.text("memberEmailId") == "" {
			return nil, fmt.Errorf("a member of a group without address: %w", errShape)
		}
		members = append(members, GroupMember{Address: o.text("memberEmailId"), Role: o.text("role")})
	}
	return members, nil
}

// List is the group in the words of the schema. Who may post is not shown in a
// form that was found documented.
func (g Group) List() *schema.List {
	l := &schema.List{Address: address(g.Address)}
	for _, m := range g.Members {
		l.Members = append(l.Members, address(m.Address))
	}
	schema.Normalize(l)
	return l
}
