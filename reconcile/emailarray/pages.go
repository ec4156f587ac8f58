package emailarray

import (
	"context"
	"fmt"
	"strconv"
)

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
