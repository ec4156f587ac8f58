package zohomail

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// An Expectation is what a change should have made of a user. A change counts when
// it is read back, whatever its answer was: a service that answers late shows what
// was before for a while (§1.2).
type Expectation struct {
	ZUID   string       `json:"zuid,omitempty"` // "" is known by the address alone
	Want   *schema.User `json:"want"`           // Address and the fields that count
	Fields []string     `json:"fields"`         // paths
	Absent bool         `json:"absent"`         // the user is gone
}

// A Proof is what was read of an expectation.
type Proof string

// The proofs.
const (
	Seen   Proof = "seen"               // it is as expected
	Differ Proof = "differs"            // it was not so until the end of the wait
	Unseen Proof = "cannot be observed" // the record does not show it
)

// A Finding is what came of an expectation.
type Finding struct {
	Proof
	ID     ID       // of the user as read; zero when there is none
	Fields []string // those that differ or cannot be observed
}

// How long a change is waited for. A public client waits 30 seconds (§1.2), and
// reads every two; here the pauses grow, since each look is a request.
const (
	firstLook = 2 * time.Second
	lastLook  = 60 * time.Second
)

// Verify reads changes back until all are seen or the wait is over. It reads users
// one by one or the whole list, whichever is likely to be fewer requests; users is
// about how many there are. A field that was seen once is not looked at again: a
// name can show as the one before after that.
func (c *Client) Verify(ctx context.Context, users int, all []Expectation) ([]Finding, error) {
	left := make([]looked, len(all))
	for i, e := range all {
		left[i] = looked{Expectation: e, missing: slices.Clone(e.Fields), waits: true}
	}
	begin := c.options.Clock.Time()
	for pause := firstLook; ; pause *= 2 {
		if err := c.options.Clock.Wait(ctx, pause); err != nil {
			return nil, fmt.Errorf("read changes back: %w", err)
		}
		if err := c.look(ctx, users, left); err != nil {
			return nil, fmt.Errorf("read changes back: %w", err)
		}
		waiting := slices.ContainsFunc(left, func(l looked) bool { return l.waits })
		if !waiting || c.options.Clock.Time().Sub(begin) >= lastLook {
			return findings(left), nil
		}
	}
}

// looked is an expectation and what was read of it.
type looked struct {
	Expectation
	found   Finding
	missing []string // fields that were not seen yet
	waits   bool
}

func findings(all []looked) []Finding {
	out := make([]Finding, len(all))
	for i, l := range all {
		out[i] = l.found
	}
	return out
}

// look reads what is still waited for.
func (c *Client) look(ctx context.Context, users int, left []looked) error {
	waiting := 0
	for _, l := range left {
		if l.waits {
			waiting++
		}
	}
	if waiting > users/c.pageSize()+2 {
		return c.lookAtAll(ctx, left)
	}
	for i := range left {
		if !left[i].waits {
			continue
		}
		name := left[i].ZUID
		if name == "" {
			name = string(left[i].Want.Address)
		}
		r, found, err := c.User(ctx, name)
		if err != nil {
			return err
		}
		left[i].see(c.Settings, r, found)
	}
	return nil
}

func (c *Client) lookAtAll(ctx context.Context, left []looked) error {
	records, err := c.ListUsers(ctx)
	if err != nil {
		return err
	}
	byID, byAddress := make(map[string]Record), make(map[string]Record)
	for _, r := range records {
		byID[r.ZUID], byAddress[strings.ToLower(r.Address)] = r, r
	}
	for i := range left {
		if !left[i].waits {
			continue
		}
		r, found := byID[left[i].ZUID]
		if left[i].ZUID == "" {
			r, found = byAddress[string(left[i].Want.Address)]
		}
		left[i].see(c.Settings, r, found)
	}
	return nil
}

// see compares what is expected with a record.
func (l *looked) see(s Settings, r Record, found bool) {
	l.found = Finding{Proof: Differ, ID: r.ID, Fields: l.missing}
	if l.Absent || !found {
		if l.Absent && !found {
			l.found.Proof, l.waits = Seen, false
		}
		return
	}
	m := s.Map(r)
	var unseen []string
	l.missing = slices.DeleteFunc(l.missing, func(path string) bool {
		if slices.Contains(m.Unseen, path) {
			unseen = append(unseen, path)
			return false
		}
		return sameField(path, m.User, l.Want)
	})
	l.found.Fields = slices.Clone(l.missing)
	if len(l.missing) == len(unseen) { // all that can be seen was
		l.found.Proof, l.waits = Seen, false
		if len(unseen) > 0 {
			l.found.Proof = Unseen
		}
	}
}

func sameField(path string, a, b *schema.User) bool {
	for _, f := range schema.Fields(schema.KindUser) {
		if f.Path == path {
			return f.Equal(a, b)
		}
	}
	return false
}

// NewID reads the ids of a user who was created from the answer's data. They can
// be missing: then the user is looked up by address.
func NewID(data json.RawMessage) (ID, bool) {
	rows, err := loose(data).rows()
	if err != nil || len(rows) != 1 {
		return ID{}, false
	}
	o, err := parseObject(rows[0])
	id := ID{ZUID: o.id("zuid"), Account: o.id("accountId")}
	return id, err == nil && id.ZUID != "" && id.Account != ""
}
