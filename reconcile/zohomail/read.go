package zohomail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"mailops/reconcile/internal/hosted"
)

// mostPages bounds a list that never ends.
const mostPages = 100_000

// ListUsers reads every user once, in the order in which the service has them.
// There is no total and no link to the next page, and the first row is 0 or 1
// (§1.4): pages are read until one is empty, or shorter than the longest, and rows
// that come again are left out by zuid. A service that has fewer rows in a page
// than were asked for is understood at the price of one more page.
func (c *Client) ListUsers(ctx context.Context) ([]Record, error) {
	l := listing{at: make(map[string]int)}
	for start, idle := 0, 0; ; {
		rows, err := c.page(ctx, start)
		if err != nil {
			return nil, fmt.Errorf("list users: %w", err)
		}
		fresh := l.add(rows)
		if len(rows) == 0 || len(rows) < l.longest {
			c.listed.Store(&listed{len(l.users), l.page(len(rows))})
			return l.users, nil
		}
		if idle++; fresh > 0 {
			idle = 0
		}
		if idle > 1 || l.pages > mostPages {
			return nil, fmt.Errorf("list users: the same page comes again and again: %w", errShape)
		}
		start += len(rows)
	}
}

// A listing is the users that were read until now.
type listing struct {
	users   []Record
	at      map[string]int // where each is, by zuid
	longest int            // page
	pages   int
}

// add takes a page, and counts whom it has that were not there. The account that a
// user has elsewhere does not hide the user's own.
func (l *listing) add(rows []Record) (fresh int) {
	for _, r := range rows {
		i, known := l.at[r.ZUID]
		switch {
		case !known:
			l.at[r.ZUID] = len(l.users)
			l.users = append(l.users, r)
			fresh++
		case l.users[i].External || !r.External:
			l.users[i] = r
		}
	}
	l.longest = max(l.longest, len(rows))
	l.pages++
	return fresh
}

// page is how many users the service shows at a time, after a last page of so many;
// 0 is not known.
func (l *listing) page(last int) int {
	if l.pages > 2 || l.pages == 2 && last > 0 {
		return l.longest
	}
	return 0
}

// page reads one page of users.
func (c *Client) page(ctx context.Context, start int) ([]Record, error) {
	answer, err := c.get(ctx, c.API.ListUsers(start, c.pageSize()))
	if err != nil {
		return nil, err
	}
	rows, err := loose(answer.Data).rows()
	if err == nil && rows == nil && start == 0 {
		err = errShape // nothing at all is no list without users
	}
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(rows))
	for i, row := range rows {
		if out[i], err = ParseRecord(row); err != nil {
			return nil, fmt.Errorf("row %d from %d: %w", i, start, err)
		}
	}
	return out, nil
}

// User reads one user, by zuid or address; found is false when there is none.
func (c *Client) User(ctx context.Context, zuidOrAddress string) (r Record, found bool, err error) {
	answer, err := c.get(ctx, c.GetUser(zuidOrAddress))
	if gone(err) {
		return Record{}, false, nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read user: %w", err)
	}
	rows, err := loose(answer.Data).rows()
	if err == nil && len(rows) != 1 {
		err = errShape
	}
	if err == nil {
		r, err = ParseRecord(rows[0])
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read user: %w", err)
	}
	return r, true, nil
}

// gone reports whether an error says that what was asked for is not there.
func gone(err error) bool {
	var failed *hosted.Error
	return errors.As(err, &failed) && failed.Answer.Outcome == hosted.Refused && failed.Answer.Status == http.StatusNotFound
}

// ListGroups reads the groups with their members. Whole is false when the list may
// have been cut off: it has no pages, and a public client saw it end at ten; and
// when the answer has none at all.
func (c *Client) ListGroups(ctx context.Context) (groups []Group, whole bool, err error) {
	answer, err := c.get(ctx, c.API.ListGroups())
	if err != nil {
		return nil, false, fmt.Errorf("list groups: %w", err)
	}
	rows, count, err := groupRows(answer.Data)
	if err != nil {
		return nil, false, fmt.Errorf("list groups: %w", err)
	}
	seen := make(map[string]bool)
	for _, row := range rows {
		g, err := ParseGroup(row)
		if err == nil && !g.Listed {
			g.Members, err = c.members(ctx, g.ZGID)
		}
		if err != nil {
			return nil, false, fmt.Errorf("list groups: %w", err)
		}
		if !seen[g.ZGID] {
			groups = append(groups, g)
		}
		seen[g.ZGID] = true
	}
	return groups, rows != nil && len(rows) != c.groupsEnd() && count <= int64(len(rows)), nil
}

// groupRows finds the rows of a list of groups, and how many there are said to be:
// they come in an object, or are the list.
func groupRows(data []byte) (rows []json.RawMessage, count int64, err error) {
	if o, err := parseObject(data); err == nil && len(o["groups"]) > 0 {
		if n := o.number("count"); n != nil {
			count = *n
		}
		data = o["groups"]
	}
	rows, err = loose(data).rows()
	return rows, count, err
}

func (c *Client) members(ctx context.Context, zgid string) ([]GroupMember, error) {
	answer, err := c.get(ctx, c.GetMembers(zgid))
	if err != nil {
		return nil, err
	}
	data := answer.Data
	if o, err := parseObject(data); err == nil && len(o["mailGroupMemberList"]) > 0 {
		data = o["mailGroupMemberList"]
	}
	return ParseMembers(data)
}
