package mailserver_test

import (
	"strings"
	"testing"

	"mailops/schema"
)

// routingProofs are about where mail goes.
var routingProofs = []proof{
	{"alias", proveAlias},
	{"list-anyone", proveList},
	{"list-organization", proveListOrganization},
	{"list-members", proveListMembers},
	{"catchAll", proveCatchAll},
	{"forwarding-copy", proveForwardingCopy},
	{"forwarding-alone", proveForwardingAlone},
}

func proveAlias(t *testing.T, s *scene) {
	ana, bruno := s.user(t, "ana"), s.user(t, "bruno")
	alias := &schema.Alias{Address: s.address("office"), To: []schema.Address{ana.Address}}
	refused(t, "mail before there is an alias", s.write("early", alias.Address), "550")
	s.Apply(t, alias)
	allowed(t, "mail", s.write("one", alias.Address))
	s.arrives(t, ana, "", "one")
	allowed(t, "sending as the alias", s.Send("smtp", as(ana), alias.Address, "Subject: x\r\n\r\nx\r\n", bruno.Address))
	alias.To = []schema.Address{bruno.Address}
	s.Apply(t, alias)
	allowed(t, "mail", s.write("two", alias.Address))
	s.arrives(t, bruno, "", "two")
	if s.has(ana, "", "two") {
		t.Error("who is no target any more got mail")
	}
	s.change(t, bruno, func(u *schema.User) { u.Status = schema.StatusDeactivated })
	refused(t, "mail to an alias of nobody who receives", s.write("three", alias.Address), "550")
}

// list makes a list of two users, and an alias that leads to it.
func (s *scene) list(t *testing.T, posting string, more ...schema.Address) (list, way schema.Address, ana, bruno *schema.User) {
	t.Helper()
	ana, bruno = s.user(t, "ana"), s.user(t, "bruno")
	l := &schema.List{Address: s.address("team"), Members: append(more, ana.Address, bruno.Address), Posting: posting}
	a := &schema.Alias{Address: s.address("way"), To: []schema.Address{l.Address}}
	s.Apply(t, l, a)
	return l.Address, a.Address, ana, bruno
}

func proveList(t *testing.T, s *scene) {
	list, way, ana, bruno := s.list(t, schema.PostingAnyone)
	allowed(t, "mail to the list", s.write("one", list))
	allowed(t, "mail by an alias", s.write("two", way))
	for _, u := range []*schema.User{ana, bruno} {
		s.arrives(t, u, "", "one")
		s.arrives(t, u, "", "two")
	}
}

func proveListOrganization(t *testing.T, s *scene) {
	list, way, ana, _ := s.list(t, schema.PostingOrganization)
	other := s.user(t, "carla")
	for _, to := range []schema.Address{list, extended(list), way} {
		refused(t, "mail from outside to "+string(to), s.write("out", to), "550", "Only the organization")
		allowed(t, "mail of a colleague to "+string(to), s.send(other, "in "+to.Local(), to))
		s.arrives(t, ana, "", "in "+to.Local())
	}
	s.Apply(t, &schema.List{Address: list, Members: []schema.Address{ana.Address}, Posting: schema.PostingAnyone})
	allowed(t, "mail from outside after the change", s.write("out", list))
}

func proveListMembers(t *testing.T, s *scene) {
	list, way, ana, bruno := s.list(t, schema.PostingMembers, outside)
	other := s.user(t, "carla")
	for _, to := range []schema.Address{list, extended(list), way} {
		refused(t, "mail of a stranger to "+string(to), s.Deliver("stranger@elsewhere.example", "x", to), "550", "Only members")
		refused(t, "mail of a colleague to "+string(to), s.send(other, "x", to), "550", "Only members")
		allowed(t, "mail of a member to "+string(to), s.send(ana, "in "+to.Local(), to))
		allowed(t, "mail of a member outside to "+string(to), s.write("out "+to.Local(), to))
		s.arrives(t, bruno, "", "in "+to.Local())
		s.arrives(t, bruno, "", "out "+to.Local())
	}
	s.Apply(t, &schema.List{Address: list, Members: []schema.Address{bruno.Address, other.Address}, Posting: schema.PostingMembers})
	refused(t, "mail of who is no member any more", s.send(ana, "x", list), "550", "Only members")
	allowed(t, "mail of a new member", s.send(other, "new", list))
}

func proveCatchAll(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	d := &schema.Domain{Name: strings.ToLower(s.name) + ".example"}
	s.Apply(t, d)
	known := s.user(t, "bruno")
	known.Address = schema.Address("bruno@" + d.Name)
	s.Apply(t, known)
	anybody := schema.Address("anybody@" + d.Name)
	refused(t, "mail to nobody before", s.write("one", anybody), "550")
	d.CatchAll = u.Address
	s.Apply(t, d)
	allowed(t, "mail to nobody", s.write("two", anybody))
	s.arrives(t, u, "", "two")
	allowed(t, "mail to somebody", s.write("three", known.Address))
	s.arrives(t, known, "", "three")
	if s.has(u, "", "three") {
		t.Error("the catch-all took the mail of a user")
	}
	d.CatchAll = ""
	s.Apply(t, d)
	refused(t, "mail to nobody after", s.write("four", anybody), "550")
}

func proveForwardingCopy(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.change(t, u, func(u *schema.User) { u.Forwarding = schema.Forwarding{To: []schema.Address{outside}, KeepCopy: true} })
	allowed(t, "mail", s.write(s.name, u.Address))
	s.arrives(t, u, "", s.name)
	s.leaves(t, outside, s.name)
}

func proveForwardingAlone(t *testing.T, s *scene) {
	u := s.user(t, "ana")
	s.change(t, u, func(u *schema.User) { u.Forwarding = schema.Forwarding{To: []schema.Address{outside}} })
	allowed(t, "mail", s.write(s.name+" sent on", u.Address))
	s.leaves(t, outside, s.name+" sent on")
	s.change(t, u, func(u *schema.User) { u.Forwarding = schema.Forwarding{KeepCopy: true} })
	allowed(t, "mail", s.write("kept", u.Address))
	s.arrives(t, u, "", "kept")
	if s.has(u, "", s.name+" sent on") {
		t.Error("a copy was kept")
	}
}
