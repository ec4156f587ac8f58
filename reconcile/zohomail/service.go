package zohomail

import (
	"context"
	"errors"
	"fmt"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// A Service is an organization as a store of declarations needs it: a
// [piecemeal.Service]. Requests for tokens are in none of its counts: they are no
// part of the budget.
type Service struct{ *Client }

// Shown implements [piecemeal.Service].
func (s Service) Shown(r schema.Resource) schema.Resource { return shown(r) }

// Newcomer implements [piecemeal.Service]: a new user is active, and a group has
// its members from the beginning.
func (s Service) Newcomer(want schema.Resource) schema.Resource {
	if u, ok := want.(*schema.User); ok {
		return newcomer(u)
	}
	return want
}

// Operations implements [piecemeal.Service].
func (s Service) Operations(before, after schema.Resource, handles piecemeal.Handles) ([]piecemeal.Operation, error) {
	return s.API.operations(before, after, handles)
}

// Do implements [piecemeal.Service]. Nobody has to know the password of a new
// mailbox: it is good for one sign-in, and who gets the mailbox is given another. An
// error without words can be that it was so already (§1.2).
func (s Service) Do(ctx context.Context, call hosted.Call) hosted.Answer {
	answer := s.Client.Do(ctx, call, secretsOfCall(call))
	if answer.Outcome == hosted.Refused && answer.Text == "" {
		answer.Outcome = hosted.Unknown
	}
	return answer
}

// Handle implements [piecemeal.Service]. Aliases are named by their address.
func (s Service) Handle(key schema.Key, answer hosted.Answer) string {
	switch key.Kind {
	case schema.KindUser:
		if id, ok := NewID(answer.Data); ok {
			return id.handle()
		}
	case schema.KindList:
		if g, err := ParseGroup(answer.Data); err == nil {
			return g.ZGID
		}
	default:
		return key.Name
	}
	return ""
}

// Cost implements [piecemeal.Service]: a request for each call.
func (s Service) Cost(calls []hosted.Call) int { return len(calls) }

// Lacks implements [piecemeal.Service].
func (s Service) Lacks() []reconcile.Lack { return s.Settings.lacks() }

// Together implements [piecemeal.Service]: a status is told by whether mail is let
// in (§1.6), and a kept copy by its forward (§1.4).
func (s Service) Together() [][]string {
	return [][]string{{"status", "mailboxActions.incoming"}, {"forwarding.to", "forwarding.keepCopy"}}
}

// Requests implements [piecemeal.Service].
func (s Service) Requests(keys []schema.Key, live schema.State) (n int) {
	users := int(s.known.Load())
	if live != nil {
		users = 0
		for range live.Users() {
			users++
		}
	}
	w := wanted(keys)
	switch {
	case w.all || w.aliases || len(w.users) > s.pages(users):
		n += s.pages(users)
	default:
		n += len(w.users)
	}
	if w.all || w.lists {
		n++
	}
	return n
}

// pages is how many requests a list of so many users takes: one more than there
// are full pages, since only one that is not full is the last.
func (s Service) pages(users int) int {
	if users == 0 {
		return 1
	}
	return max(2, users/s.pageSize()+1)
}

// A want is what is to be read.
type want struct {
	all, aliases, lists bool
	users               []schema.Address
}

func wanted(keys []schema.Key) want {
	w := want{all: keys == nil}
	for _, key := range keys {
		if key.Kind == schema.KindDomain || key.Address().Domain() == "" || key.Address().Local() == "" {
			continue // no call shows domains
		}
		switch key.Kind {
		case schema.KindUser:
			w.users = append(w.users, key.Address())
		case schema.KindAlias:
			w.aliases = true
		case schema.KindList:
			w.lists = true
		}
	}
	return w
}

// A reader gathers a reading.
type reader struct {
	Settings
	piecemeal.Reading
	at map[schema.Key]bool
}

// Read implements [piecemeal.Service]. Domains are those of the addresses that are
// read.
func (s Service) Read(ctx context.Context, keys []schema.Key) (piecemeal.Reading, error) {
	r := &reader{Settings: s.Settings, at: make(map[schema.Key]bool), Reading: piecemeal.Reading{
		Observed: make(map[schema.Address]schema.Observed), Unseen: make(map[schema.Key][]string), Handles: make(piecemeal.Handles),
	}}
	w := wanted(keys)
	records, err := s.records(ctx, w)
	if err != nil {
		return piecemeal.Reading{}, err
	}
	for _, record := range records {
		if err := r.user(record); err != nil {
			return piecemeal.Reading{}, err
		}
	}
	if w.all || w.lists {
		groups, whole, err := s.ListGroups(ctx)
		if err != nil {
			return piecemeal.Reading{}, err
		}
		for _, g := range groups {
			if err := r.add(shown(g.List()), g.ZGID); err != nil {
				return piecemeal.Reading{}, err
			}
		}
		if !whole {
			r.Cut = append(r.Cut, schema.KindList)
		}
	}
	r.State.Sort()
	return r.Reading, nil
}

// records reads users: one by one where that is fewer requests.
func (s Service) records(ctx context.Context, w want) ([]Record, error) {
	if w.all || w.aliases || len(w.users) > s.pages(int(s.known.Load())) {
		records, err := s.ListUsers(ctx)
		s.known.Store(int64(len(records)))
		return records, err
	}
	var out []Record
	for _, a := range w.users {
		record, found, err := s.User(ctx, string(a))
		if err != nil {
			return nil, err
		}
		if found && address(record.Address) == a { // and not whose alias it is
			out = append(out, record)
		}
	}
	return out, nil
}

// user puts a user in, with the aliases. An account that somebody has elsewhere is
// none of the organization's.
func (r *reader) user(record Record) error {
	if record.External {
		return nil
	}
	m := r.Map(record)
	full := shownUser(m.User)
	if full.Role == "" {
		full.Role = schema.RoleMember
	}
	if err := r.add(full, m.ID.handle()); err != nil {
		return err
	}
	if len(m.Unseen) > 0 {
		r.Unseen[full.Key()] = m.Unseen
	}
	if m.Observed != (schema.Observed{}) {
		r.Observed[full.Address] = m.Observed
	}
	for _, alias := range m.Aliases {
		if err := r.add(alias, m.ID.handle()); err != nil {
			return err
		}
	}
	return nil
}

// add puts a resource in, and its domain. What comes twice under one address is
// nobody's guess.
func (r *reader) add(res schema.Resource, handle string) error {
	key := res.Key()
	if key.Address().Local() == "" || key.Address().Domain() == "" {
		return fmt.Errorf("the service shows a %s whose address cannot be read: %w", key.Kind, errShape)
	}
	if r.at[key] {
		return errors.Join(fmt.Errorf("the service shows %s twice: %w", key, errShape), reconcile.ErrUnreachable)
	}
	schema.Normalize(res)
	r.at[key], r.Handles[key] = true, handle
	r.State = append(r.State, res)
	domain := schema.Key{Kind: schema.KindDomain, Name: key.Domain()}
	if !r.at[domain] {
		r.at[domain] = true
		r.State = append(r.State, hosted.Blank(domain))
	}
	return nil
}
