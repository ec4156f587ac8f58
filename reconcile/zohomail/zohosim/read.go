package zohosim

import (
	"net/http"
	"strconv"

	"mailops/reconcile/simhttp"
)

// organization answers GET /api/organization and …/{zoid} (§1.4): the zoid and
// how many users there are.
func (s *Server) organization(*turn) simhttp.Answer {
	users := 0
	for range s.users.All() {
		users++
	}
	return ok(map[string]any{
		"zoid": s.options.Organization, "orgName": s.options.Name, "planType": "free", "isMailHostingEnabled": true,
		"URI":          "https://mail.zoho.com/api/organization/" + strconv.FormatInt(s.options.Organization, 10),
		"mailboxCount": users, "licenseCount": s.options.Licences,
		"primaryDomainName": s.options.Domains[0], "domains": s.options.Domains,
	})
}

// listUsers answers GET …/accounts?start=&limit= (§1.4): 10 rows from the first,
// unless told otherwise, and neither a total nor a next page.
func (s *Server) listUsers(t *turn) simhttp.Answer {
	start, okStart := queryNumber(t, "start", s.quirks.FirstRow)
	limit, okLimit := queryNumber(t, "limit", 10)
	if !okStart || !okLimit {
		return s.fail(http.StatusBadRequest, "simulator: start and limit are numbers")
	}
	if s.quirks.MaxLimit > 0 {
		limit = min(limit, s.quirks.MaxLimit)
	}
	start = max(start-s.quirks.FirstRow, 0)
	if s.quirks.RepeatRow && limit > 1 {
		start -= start / limit
	}
	rows := []any{}
	row := 0
	for _, u := range s.users.AllAt(t.at) {
		if row >= start && len(rows) < limit {
			rows = append(rows, s.record(u, t.now))
		}
		row++
	}
	if s.quirks.OneAsObject && len(rows) == 1 {
		return ok(rows[0])
	}
	return ok(rows)
}

// oneUser answers GET …/accounts/{zuid}, …/accounts/{emailAddress} and
// GET /api/accounts/{accountId} (§1.4).
func (s *Server) oneUser(t *turn) simhttp.Answer { return ok(s.record(t.user, t.now)) }

// ownAccounts answers GET /api/accounts (§1.4): the accounts of whose token it is,
// here the first super administrator.
func (s *Server) ownAccounts(t *turn) simhttp.Answer {
	for _, u := range s.users.AllAt(t.at) {
		if u.Role == "super_admin" {
			return ok([]any{s.record(u, t.now)})
		}
	}
	return ok([]any{})
}

func queryNumber(t *turn, name string, otherwise int) (int, bool) {
	value := t.query.Get(name)
	if value == "" {
		return otherwise, true
	}
	n, err := strconv.Atoi(value)
	return n, err == nil && n >= 0
}
