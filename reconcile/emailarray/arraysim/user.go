package arraysim

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// row is a user as §4.3 lists the fields: the quota in MB, 1000 to the GB, with
// showQuota. Numbers come quoted and unquoted in one reply.
func (s *Server) row(u User, n int, quota bool) map[string]any {
	row := map[string]any{
		"username": u.Username, "email": u.Address(), "uname": u.Name,
		"account_type": s.number(u.AccountType, n), "disabled": s.number(zeroOne(u.Disabled), n+1),
		"lastauth_timestamp": s.known(u.LastAuth),
	}
	if quota {
		row["quota"] = s.number(strconv.FormatInt(u.QuotaMB, 10), n)
		row["usage"] = s.number(strconv.FormatInt(u.UsageMB, 10), n+1)
	}
	return row
}

// number is a number, quoted or not: in every other row, unless the quirk says
// otherwise.
func (s *Server) number(digits string, row int) any {
	quoted := row%2 == 0
	switch s.quirks.Numbers {
	case "quoted":
		quoted = true
	case "bare":
		quoted = false
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && !quoted {
		return n
	}
	return digits
}

// known is a text; one that is not known can be the string "null".
func (s *Server) known(text string) string {
	if text == "" && s.quirks.NullStrings {
		return "null"
	}
	return text
}

func zeroOne(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// listUsers answers getAllUsersDomain (§4.3): all, or with slicing 1 those from
// offset on, and how many there are.
func (s *Server) listUsers(t *turn) result {
	return s.page(t, func(u User) bool { return u.Domain == t.get("domain") })
}

// searchUsers answers searchUsers (§4.3). What is searched is not said: here, the
// address and the name.
func (s *Server) searchUsers(t *turn) result {
	return s.page(t, func(u User) bool {
		return u.Domain == t.get("domain") && strings.Contains(strings.ToLower(u.Address()+" "+u.Name), strings.ToLower(t.get("search")))
	})
}

func (s *Server) page(t *turn, wanted func(User) bool) result {
	first, rows, limit := 0, []any{}, math.MaxInt
	if t.get("slicing") == "1" {
		var errOffset, errLimit error
		first, errOffset = strconv.Atoi(t.get("offset"))
		limit, errLimit = strconv.Atoi(t.get("limit"))
		if errOffset != nil || errLimit != nil {
			return failed("simulator: offset and limit are numbers")
		}
	}
	all := 0
	for _, u := range s.users.AllAt(t.at) {
		if !wanted(u) {
			continue
		}
		if all >= first && len(rows) < limit {
			rows = append(rows, s.row(u, all, t.get("showQuota") == "1" || t.action == "searchUsers"))
		}
		all++
	}
	return result{data: rows, meta: map[string]any{"all": all}}
}

// countUsers answers getTotalUsersDomain (§4.3): how many Basic and how many
// Enhanced mailboxes there are, whichever of B and E was asked for.
func (s *Server) countUsers(t *turn) result {
	basic, enhanced := s.count(t.get("domain"))
	return result{data: []any{s.number(strconv.Itoa(basic), 0), s.number(strconv.Itoa(enhanced), 1)}}
}

// count is how many mailboxes there are at a domain; "" is any.
func (s *Server) count(domain string) (basic, enhanced int) {
	for _, u := range s.users.All() {
		switch {
		case domain != "" && u.Domain != domain:
		case u.AccountType == "2":
			enhanced++
		default:
			basic++
		}
	}
	return basic, enhanced
}

// oneUser answers getUserInfo (§4.3).
func (s *Server) oneUser(t *turn) result {
	u, ok := s.users.At(t.at, t.address("username", "domain"))
	if !ok {
		return failed("simulator: there is no user " + t.address("username", "domain"))
	}
	return result{data: s.row(u, 0, true)}
}

// addUser answers addUser (§4.3): the quota in GB, with decimals.
func (s *Server) addUser(t *turn) result {
	u := User{
		Username: t.get("username"), Domain: t.get("domain"), Name: t.get("uname"),
		TwoFactor: t.get("twofa_allowed") == "1", Language: t.get("user_language"),
	}
	if problem := s.cannotHave(u.Username, u.Domain); problem != "" {
		return failed(problem)
	}
	if t.get("account_type") == "" || t.get("quota") == "" || t.get("password") == "" {
		return failed("simulator: an account type, a quota and a password are wanted")
	}
	if problem := s.change(&u, "account_type", t.get("account_type"), "quota", t.get("quota"), t.get("password")); problem != "" {
		return failed(problem)
	}
	s.users.Put(t.now, u.Address(), u)
	t.changed("%s created", u.Address())
	return done
}

// updateUser answers updateUser (§4.3), whose parameters begin with edit. What is
// not sent stays.
func (s *Server) updateUser(t *turn) result {
	u, ok := s.users.Get(t.address("editusername", "editdomain"))
	if !ok {
		return failed("simulator: there is no user " + t.address("editusername", "editdomain"))
	}
	before := u
	if t.form.Has("edituname") {
		u.Name = t.get("edituname")
	}
	if problem := s.change(&u, "editaccount_type", t.get("editaccount_type"), "editquota", t.get("editquota"), t.get("editpassword")); problem != "" {
		return failed(problem)
	}
	s.users.Put(t.now, u.Address(), u)
	for _, field := range []struct{ name, before, after string }{
		{"uname", before.Name, u.Name}, {"account_type", before.AccountType, u.AccountType},
		{"quota", fmt.Sprint(before.QuotaMB), fmt.Sprint(u.QuotaMB)},
		{"passwords", fmt.Sprint(before.PasswordSets), fmt.Sprint(u.PasswordSets)},
	} {
		if field.before != field.after {
			t.changed("%s: %s %s -> %s", u.Address(), field.name, field.before, field.after)
		}
	}
	return done
}

// change sets what creating and updating share; what is empty stays. It says why
// it cannot be done, or "".
func (s *Server) change(u *User, typeName, accountType, quotaName, quotaGB, password string) (problem string) {
	if accountType != "" && accountType != u.AccountType {
		if problem := s.cannotBe(accountType); problem != "" {
			return typeName + ": " + problem
		}
		u.AccountType = accountType
	}
	if quotaGB != "" {
		gb, err := strconv.ParseFloat(quotaGB, 64)
		if err != nil || gb <= 0 || gb > 1e12 {
			return "simulator: " + quotaName + " is a number of GB"
		}
		u.QuotaMB = int64(math.Round(gb * 1000))
	}
	if password != "" {
		if !strong(password) {
			return "simulator: a password has eight characters, upper and lower case, a digit and a symbol"
		}
		u.password = password
		u.PasswordSets++
	}
	return ""
}

// cannotBe says why no further mailbox can be of a type, or "".
func (s *Server) cannotBe(accountType string) string {
	basic, enhanced := s.count("")
	switch {
	case !slices.Contains([]string{"1", "2"}, accountType):
		return "simulator: an account type is 1 or 2"
	case accountType == "1" && basic >= s.options.MaxBasic, accountType == "2" && enhanced >= s.options.MaxEnhanced:
		return "simulator: there is no licence left"
	}
	return ""
}

// removeUser answers removeUser (§4.3), which is permanent and immediate (§4.1).
func (s *Server) removeUser(t *turn) result {
	address := t.address("username", "domain")
	if _, ok := s.users.Get(address); !ok {
		return failed("simulator: there is no user " + address)
	}
	s.users.Delete(t.now, address)
	t.changed("%s removed", address)
	return done
}

// setDisabled answers disableUser and enableUser (§4.3).
func (s *Server) setDisabled(t *turn) result {
	u, ok := s.users.Get(t.address("username", "domain"))
	if !ok {
		return failed("simulator: there is no user " + t.address("username", "domain"))
	}
	if disabled := t.action == "disableUser"; disabled != u.Disabled {
		t.changed("%s: disabled %v -> %v", u.Address(), u.Disabled, disabled)
		u.Disabled = disabled
	}
	s.users.Put(t.now, u.Address(), u)
	return done
}

// changed writes down what an action changed.
func (t *turn) changed(format string, args ...any) {
	t.changes = append(t.changes, fmt.Sprintf(format, args...))
}
