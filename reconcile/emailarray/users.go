package emailarray

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"mailops/schema"
)

func (r *reader) readUsers(ctx context.Context, p part) error {
	all, err := r.rowsOf(ctx, p)
	if err != nil {
		return err
	}
	to, err := r.forwards(ctx, p.domain)
	if err != nil {
		return err
	}
	for _, row := range all {
		u, observed, unknown, err := r.options.user(row, p.domain)
		if err != nil {
			return fmt.Errorf("getAllUsersDomain: %w", err)
		}
		if !p.has(u.Key()) {
			continue
		}
		delete(r.Observed, u.Address)
		if observed != (schema.Observed{}) {
			r.Observed[u.Address] = observed
		}
		f := to[u.Address]
		if u.Forwarding.To = f.to; f.unknown {
			unknown = append(unknown, "forwarding.to")
		}
		schema.Normalize(u)
		r.add(u, unknown)
	}
	return nil
}

// rowsOf are the rows of a part's users, at least: one by one, where that takes
// fewer requests and all are there. A refusal has no code that says why, so that
// only a list of all shows that somebody is not there.
func (r *reader) rowsOf(ctx context.Context, p part) (out []userRow, err error) {
	if !r.singly(p, 0) {
		return r.users(ctx, p.domain)
	}
	for _, a := range slices.SortedFunc(maps.Keys(p.keys[schema.KindUser]), schema.Address.Compare) {
		row, err := readObject[userRow](ctx, r.Client, oneUser(a))
		if err != nil && !refused(err) {
			return nil, err
		}
		if at, _ := row.address(p.domain); err != nil || at != a {
			return r.users(ctx, p.domain)
		}
		out = append(out, row)
	}
	return out, nil
}

// A forwarding is where the mail of a user is sent on to.
type forwarding struct {
	to      []schema.Address
	unknown bool // one of them cannot be read
}

// forwards are those of a domain's users. What is a forward of nobody that can be
// read could be anybody's, and is an error.
func (c *Client) forwards(ctx context.Context, domain string) (map[schema.Address]forwarding, error) {
	all, _, err := readRows[forwardRow](ctx, c, listForwards(domain))
	if err != nil {
		return nil, err
	}
	out := make(map[schema.Address]forwarding)
	for _, row := range all {
		user, ok := address(row.Username, domain)
		if !ok {
			return nil, fmt.Errorf("getAllForwardsDomain: a forward at %s has no user that can be read", domain)
		}
		f := out[user]
		if to, ok := address(row.Forward, ""); ok {
			f.to = append(f.to, to)
		} else {
			f.unknown = true
		}
		out[user] = f
	}
	return out, nil
}

// mostReadings is how often a list that changes while it is read is read anew.
const mostReadings = 3

// users are the rows of a domain's users. Where the service says how many there
// are, fewer are an error: a row that moved to a page that was read already would
// look like a user who is gone.
func (c *Client) users(ctx context.Context, domain string) (out []userRow, err error) {
	for range mostReadings {
		p := pages{rows: make(map[word]userRow)}
		if err = c.pages(ctx, domain, &p); err != nil {
			return nil, err
		}
		if len(p.rows) >= p.all {
			for _, name := range p.order {
				out = append(out, p.rows[name])
			}
			c.listed(domain, p.requests)
			return out, nil
		}
		err = fmt.Errorf("getAllUsersDomain: %s has %d users and shows %d of them", domain, p.all, len(p.rows))
	}
	return nil, err
}

// pages are the users of a domain, gathered page by page, each once.
type pages struct {
	rows  map[word]userRow
	order []word
	all   int // how many there are; 0 where the service does not say

	requests int
}

func (p *pages) add(row userRow) (fresh bool) {
	name := row.Username
	if name == "" {
		name = row.Email
	}
	_, again := p.rows[name]
	if p.rows[name] = row; !again {
		p.order = append(p.order, name)
	}
	return !again
}

// pages goes on until all are there, or a page brings nobody new: how many the
// service puts on one at most is not documented, so that a short page says
// nothing.
func (c *Client) pages(ctx context.Context, domain string, p *pages) error {
	limit := c.options.limit()
	for offset := 0; ; {
		page, r, err := readRows[userRow](ctx, c, listUsers(domain, offset, limit))
		if err != nil {
			return err
		}
		p.requests++
		fresh := false
		for _, row := range page {
			fresh = p.add(row) || fresh
		}
		offset += len(page)
		n, err := strconv.Atoi(string(r.all))
		if p.all = max(n, 0); limit == 0 || !fresh || err == nil && offset >= n {
			return nil
		}
	}
}

// listed remembers how many requests it took to list the users of a domain.
func (c *Client) listed(domain string, requests int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pagesOf == nil {
		c.pagesOf = make(map[string]int)
	}
	c.pagesOf[domain] = requests
}

// listing is how many requests it takes to list the users of a domain: as many as
// the last time, or what so many users take.
func (c *Client) listing(domain string, users int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.pagesOf[domain]; n > 0 {
		return n
	}
	limit := c.options.limit()
	if limit == 0 {
		return 1
	}
	return max((users+limit-1)/limit, 1)
}
