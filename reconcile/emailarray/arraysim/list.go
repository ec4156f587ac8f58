package arraysim

import "slices"

// addAlias answers addAlias (§4.3). An alias forwards to a real account (§4.2).
func (s *Server) addAlias(t *turn) result {
	a := Alias{Alias: t.get("alias"), Domain: t.get("domain"), Forward: t.get("forward")}
	if problem := s.cannotHave(a.Alias, a.Domain); problem != "" {
		return failed(problem)
	}
	if _, ok := s.users.Get(a.Forward); !ok {
		return failed("simulator: there is no user " + a.Forward)
	}
	s.aliases.Put(t.now, a.Address(), a)
	t.changed("alias %s to %s added", a.Address(), a.Forward)
	return done
}

// removeAlias answers removeAlias (§4.3).
func (s *Server) removeAlias(t *turn) result {
	address := t.address("alias", "domain")
	if _, ok := s.aliases.Get(address); !ok {
		return failed("simulator: there is no alias " + address)
	}
	s.aliases.Delete(t.now, address)
	t.changed("alias %s removed", address)
	return done
}

// listAliases answers getAllAliasesDomain. The vendor's module reads alias,
// domain and forward of each row.
func (s *Server) listAliases(t *turn) result {
	rows := []any{}
	for _, a := range s.aliases.AllAt(t.at) {
		if a.Domain == t.get("domain") {
			rows = append(rows, map[string]any{"alias": a.Alias, "domain": a.Domain, "forward": a.Forward})
		}
	}
	return result{data: rows}
}

// addList answers addList (§4.3), whose parameters begin with new.
func (s *Server) addList(t *turn) result {
	l := List{Name: t.get("newlname"), Domain: t.get("domain"), Type: t.get("newlisttype")}
	if problem := s.cannotHave(l.Name, l.Domain); problem != "" {
		return failed(problem)
	}
	s.lists.Put(t.now, l.Address(), l.filled())
	t.changed("list %s added", l.Address())
	return done
}

// removeList answers removeList (§4.3).
func (s *Server) removeList(t *turn) result {
	address := t.address("lname", "domain")
	if _, ok := s.lists.Get(address); !ok {
		return failed("simulator: there is no list " + address)
	}
	s.lists.Delete(t.now, address)
	t.changed("list %s removed", address)
	return done
}

// listLists answers getAllListsDomain. The vendor's module reads lname and
// listtype of each row.
func (s *Server) listLists(t *turn) result {
	rows := []any{}
	for _, l := range s.lists.AllAt(t.at) {
		if l.Domain == t.get("domain") {
			rows = append(rows, map[string]any{"lname": l.Name, "listtype": s.number(l.Type, len(rows))})
		}
	}
	return result{data: rows}
}

// listMembers answers getListMembers (§4.3).
func (s *Server) listMembers(t *turn) result {
	l, ok := s.lists.At(t.at, t.address("lname", "domain"))
	if !ok {
		return failed("simulator: there is no list " + t.address("lname", "domain"))
	}
	rows := []any{}
	for _, m := range l.Members {
		if s.quirks.MemberForm == "objects" {
			rows = append(rows, map[string]any{"member": m})
			continue
		}
		rows = append(rows, m)
	}
	return result{data: rows}
}

// addMember answers addListMember (§4.3), whose parameters begin with edit and
// new.
func (s *Server) addMember(t *turn) result {
	l, ok := s.lists.Get(t.address("editlname", "editdomain"))
	switch {
	case !ok:
		return failed("simulator: there is no list " + t.address("editlname", "editdomain"))
	case slices.Contains(l.Members, t.get("newmember")):
		return failed("simulator: " + t.get("newmember") + " is a member")
	}
	l.Members = append(slices.Clone(l.Members), t.get("newmember"))
	s.lists.Put(t.now, l.Address(), l)
	t.changed("list %s: %s joined", l.Address(), t.get("newmember"))
	return done
}

// removeMember answers removeListMember (§4.3), whose parameters begin with
// neither.
func (s *Server) removeMember(t *turn) result {
	l, ok := s.lists.Get(t.address("lname", "domain"))
	switch {
	case !ok:
		return failed("simulator: there is no list " + t.address("lname", "domain"))
	case !slices.Contains(l.Members, t.get("member")):
		return failed("simulator: " + t.get("member") + " is no member")
	}
	l.Members = slices.DeleteFunc(slices.Clone(l.Members), func(m string) bool { return m == t.get("member") })
	s.lists.Put(t.now, l.Address(), l)
	t.changed("list %s: %s left", l.Address(), t.get("member"))
	return done
}

// listForwards answers getAllForwardsDomain (§4.3). The vendor's module reads
// username and forward of each row.
func (s *Server) listForwards(t *turn) result {
	rows := []any{}
	for _, u := range s.users.AllAt(t.at) {
		for _, f := range u.Forwards {
			if u.Domain == t.get("domain") {
				rows = append(rows, map[string]any{"username": u.Username, "forward": f})
			}
		}
	}
	return result{data: rows}
}

// ownForwards answers getForwards (§4.3), which takes a user's token.
func (s *Server) ownForwards(t *turn) result {
	rows := []any{}
	u, _ := s.users.At(t.at, t.user)
	for _, f := range u.Forwards {
		rows = append(rows, map[string]any{"username": u.Username, "forward": f})
	}
	return result{data: rows}
}

// addForward answers addForward (§4.3), which takes a user's token.
func (s *Server) addForward(t *turn) result {
	u, ok := s.users.Get(t.user)
	switch {
	case !ok:
		return failed("simulator: there is no user " + t.user)
	case slices.Contains(u.Forwards, t.get("newforward")):
		return failed("simulator: " + t.user + " is forwarded there")
	}
	u.Forwards = append(slices.Clone(u.Forwards), t.get("newforward"))
	s.users.Put(t.now, t.user, u)
	t.changed("%s: forward to %s added", t.user, t.get("newforward"))
	return done
}

// removeForward answers removeForward (§4.3), which takes a user's token.
func (s *Server) removeForward(t *turn) result {
	u, ok := s.users.Get(t.user)
	if !ok || !slices.Contains(u.Forwards, t.get("forward")) {
		return failed("simulator: " + t.user + " is not forwarded there")
	}
	u.Forwards = slices.DeleteFunc(slices.Clone(u.Forwards), func(f string) bool { return f == t.get("forward") })
	s.users.Put(t.now, t.user, u)
	t.changed("%s: forward to %s removed", t.user, t.get("forward"))
	return done
}
