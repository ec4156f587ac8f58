package zohosim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"mailops/reconcile/simhttp"
)

// noLicence is what public clients look for in the error (§1.2).
const noLicence = "MAXIMUM USER LICENSE LIMIT REACHED"

// createUser answers POST …/accounts (§1.5). The reply has the new ids.
func (s *Server) createUser(t *turn) simhttp.Answer {
	u, problem := s.newUser(t.body)
	groups, _ := t.body.texts("groupMailList")
	users := 0
	for range s.users.All() {
		users++
	}
	switch {
	case problem == "" && len(groups) > 100:
		problem = "simulator: groupMailList has at most 100 addresses"
	case problem == "" && s.options.Licences > 0 && users >= s.options.Licences:
		problem = noLicence
	}
	if problem != "" {
		return s.fail(http.StatusBadRequest, problem)
	}
	u = s.put(t.now, u)
	t.changed("%s created, zuid %d", u.Address, u.ZUID)
	for _, g := range s.groups.All() {
		if slices.Contains(groups, g.Address) {
			s.join(t, g, []Member{{Address: u.Address, Role: "member"}})
		}
	}
	return s.created(map[string]any{"zuid": s.id(u.ZUID, "quoted"), "accountId": s.accountID(u.AccountID), "primaryEmailAddress": u.Address})
}

// newUser is what a creation asks for, or why it cannot be.
func (s *Server) newUser(b body) (u User, problem string) {
	for key, field := range map[string]*string{
		"primaryEmailAddress": &u.Address, "password": &u.password, "firstName": &u.FirstName, "lastName": &u.LastName,
		"displayName": &u.DisplayName, "role": &u.Role, "country": &u.Country, "language": &u.Language, "timeZone": &u.TimeZone,
	} {
		*field, _ = b.text(key)
	}
	if days, said := b.text("userExpiry"); said {
		n, err := strconv.ParseInt(days, 10, 64)
		if err != nil {
			return u, "simulator: userExpiry is a number of days"
		}
		u.ExpiryDays = max(n, 0)
	}
	_, okOnce := s.flag(b, "oneTimePassword")
	switch {
	case !okOnce:
		return u, "simulator: oneTimePassword is a boolean"
	case u.Role != "" && !slices.Contains([]string{"member", "admin", "super_admin"}, u.Role):
		return u, "simulator: there is no role " + strconv.Quote(u.Role)
	case u.password == "":
		return u, "simulator: the password is empty"
	}
	u.PasswordSets = 1
	return u, s.cannotHave(u.Address)
}

// deleteUsers answers DELETE …/accounts with a body (§1.5). accountList holds
// zuids, whatever its name says. Whether one that does not exist spoils the rest
// is not documented: here it does.
func (s *Server) deleteUsers(t *turn) simhttp.Answer {
	zuids, byID := t.body.texts("accountList")
	addresses, byMail := t.body.texts("emailList")
	if byID == byMail {
		return s.fail(http.StatusBadRequest, "simulator: one of accountList and emailList is wanted in the body")
	}
	var gone []User
	for _, id := range append(zuids, addresses...) {
		n, _ := strconv.ParseInt(id, 10, 64)
		u, found := s.users.Get(n)
		if byMail {
			u, found = s.byAddress(id)
		}
		if !found {
			return s.fail(http.StatusNotFound, "Account id "+id+" is invalid")
		}
		gone = append(gone, u)
	}
	for _, u := range gone {
		s.remove(t.now, u)
		t.changed("%s deleted, zuid %d", u.Address, u.ZUID)
	}
	return ok(nil)
}

// changeRole answers PUT …/accounts, mode changeRole (§1.7): what became of each
// user stands in the data, under HTTP 200. The parameter's table has member and
// admin, its sample "user".
func (s *Server) changeRole(t *turn) simhttp.Answer {
	zuids, okList := t.body.texts("userList")
	role, _ := t.body.text("role")
	if role == "user" {
		role = "member"
	}
	if !okList || role != "member" && role != "admin" {
		return s.fail(http.StatusBadRequest, "simulator: changeRole wants zuids in userList and the role member or admin")
	}
	var results []map[string]bool
	for _, id := range zuids {
		n, _ := strconv.ParseInt(id, 10, 64)
		u, found := s.users.Get(n)
		if found = found && !t.refused; found {
			t.set(u, "role", u.Role, role)
			u.Role = role
			s.save(t.now, u)
		}
		results = append(results, map[string]bool{id: found})
	}
	return ok(results)
}

// resetPassword answers PUT …/accounts/{zuid}, mode resetPassword (§1.7).
func (s *Server) resetPassword(t *turn) simhttp.Answer {
	password, _ := t.body.text("password")
	if password == "" {
		return s.fail(http.StatusBadRequest, "simulator: the password is empty")
	}
	u := t.user
	u.password = password
	u.PasswordSets++
	s.save(t.now, u)
	t.changed("%s: password set", u.Address)
	return ok(nil)
}

// addAliases answers PUT …/accounts/{zuid}, mode addEmailAlias (§1.7): the reply
// maps each alias to an id.
func (s *Server) addAliases(t *turn) simhttp.Answer {
	aliases, okList := t.body.texts("emailAlias")
	if !okList {
		return s.fail(http.StatusBadRequest, "simulator: emailAlias is a list of addresses")
	}
	u, ids := t.user, map[string]any{}
	for _, alias := range aliases {
		if slices.Contains(u.Aliases, alias) {
			if s.quirks.Already != "" {
				return s.already(true)
			}
			continue
		}
		if problem := s.cannotHave(alias); problem != "" {
			return s.fail(http.StatusBadRequest, problem)
		}
		u.Aliases = append(slices.Clone(u.Aliases), alias)
		ids[alias] = strconv.FormatInt(u.AccountID+1000*s.next(), 10)
		t.changed("%s: alias %s added", u.Address, alias)
	}
	s.save(t.now, u)
	return ok(ids)
}

// deleteAliases answers PUT …/accounts/{zuid}, mode deleteEmailAlias (§1.7).
func (s *Server) deleteAliases(t *turn) simhttp.Answer {
	aliases, okList := t.body.texts("emailAlias")
	if !okList {
		return s.fail(http.StatusBadRequest, "simulator: emailAlias is a list of addresses")
	}
	u := t.user
	for _, alias := range aliases {
		if !slices.Contains(u.Aliases, alias) {
			return s.fail(http.StatusBadRequest, "simulator: "+alias+" is no alias of "+u.Address)
		}
		u.Aliases = slices.DeleteFunc(slices.Clone(u.Aliases), func(a string) bool { return a == alias })
		t.changed("%s: alias %s deleted", u.Address, alias)
	}
	s.save(t.now, u)
	return ok(nil)
}

// changed writes down what a call changed.
func (t *turn) changed(format string, args ...any) {
	t.changes = append(t.changes, fmt.Sprintf(format, args...))
}

// set writes down that a field changed, if it did.
func (t *turn) set(u User, field string, before, after any) {
	if before != after {
		t.changed("%s: %s %v -> %v", u.Address, field, before, after)
	}
}
