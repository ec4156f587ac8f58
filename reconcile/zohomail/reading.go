package zohomail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// mostReadings is how often something is read that contradicts itself.
const mostReadings = 3

// errTwice says that two rows have one address, as pages that were read one after the
// other can, while somebody changes things.
var errTwice = errors.New("both are shown with one address")

// Read implements [piecemeal.Service]. Domains are those of the addresses that are
// read.
func (s Service) Read(ctx context.Context, keys []schema.Key) (reading piecemeal.Reading, err error) {
	for range mostReadings {
		if reading, err = s.read(ctx, wantOf(keys)); !errors.Is(err, errTwice) {
			break
		}
	}
	if err != nil {
		return piecemeal.Reading{}, err
	}
	return reading, nil
}

func (s Service) read(ctx context.Context, w want) (piecemeal.Reading, error) {
	r := &reader{Settings: s.Settings, at: make(map[schema.Address]schema.Key), domains: make(map[string]bool), Reading: piecemeal.Reading{
		Observed: make(map[schema.Address]schema.Observed), Unseen: make(map[schema.Key][]string), Handles: make(piecemeal.Handles),
	}}
	records, err := s.records(ctx, w)
	if err != nil {
		return piecemeal.Reading{}, err
	}
	for _, record := range records {
		if err := r.user(record); err != nil {
			return piecemeal.Reading{}, err
		}
	}
	if w.groups(r.has) {
		groups, whole, err := s.ListGroups(ctx)
		if err != nil {
			return piecemeal.Reading{}, err
		}
		for _, g := range groups {
			if err := r.add(r.shown(g.List()), g.ZGID); err != nil {
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

// records reads users: one by one where that is fewer requests and shows all that is
// wanted, and otherwise the list.
func (s Service) records(ctx context.Context, w want) ([]Record, error) {
	if !w.singly(s.pages(s.users(0))) {
		return s.ListUsers(ctx)
	}
	var out []Record
	there := make(map[schema.Address]bool)
	for _, a := range slices.Sorted(maps.Keys(w.users)) {
		record, found, err := s.User(ctx, string(a))
		switch {
		case err != nil:
			return nil, err
		case found && record.External: // what the user has here, the list shows
			return s.ListUsers(ctx)
		case found && address(record.Address) == a: // and not whose alias it is
			there[a] = true
			out = append(out, record)
		}
	}
	if !w.aliased(there) {
		return s.ListUsers(ctx)
	}
	return out, nil
}

// Requests implements [piecemeal.Service].
func (s Service) Requests(keys []schema.Key, live schema.State) (n int) {
	users, there, taken := 0, make(map[schema.Address]bool), make(map[schema.Address]bool)
	for _, r := range live {
		switch key := r.Key(); key.Kind {
		case schema.KindUser:
			users++
			there[key.Address()], taken[key.Address()] = true, true
		case schema.KindAlias:
			taken[key.Address()] = true
		}
	}
	w, pages := wantOf(keys), s.pages(s.users(users))
	single := w.singly(pages)
	if single {
		n += len(w.users)
	}
	if !single || !w.aliased(there) {
		n += pages
	}
	if w.groups(func(a schema.Address) bool { return taken[a] }) {
		n++
	}
	return n
}

// fewPages is how long a list is taken to be as long as nobody knows.
const fewPages = 5

// users is how many there are, as far as is known, of whom so many are live.
func (s Service) users(live int) int {
	if l := s.listed.Load(); l != nil {
		return max(live, l.users)
	}
	if live > 0 {
		return live
	}
	return fewPages * s.pageSize()
}

// pages is how many requests a list of so many users takes: one more than there are
// full pages, since only one that is not full is the last.
func (s Service) pages(users int) int {
	size := s.pageSize()
	if l := s.listed.Load(); l != nil && l.page > 0 {
		size = l.page
	}
	if users == 0 {
		return 1
	}
	return max(2, users/size+1)
}

// A want is what is to be read.
type want struct {
	all                   bool
	users, aliases, lists map[schema.Address]bool
}

// wantOf is what keys want, of those that something can have: who looks for a name
// asks for it of every kind. No call shows domains.
func wantOf(keys []schema.Key) want {
	w := want{keys == nil, make(map[schema.Address]bool), make(map[schema.Address]bool), make(map[schema.Address]bool)}
	of := map[schema.Kind]map[schema.Address]bool{schema.KindUser: w.users, schema.KindAlias: w.aliases, schema.KindList: w.lists}
	for _, key := range keys {
		if a := key.Address(); of[key.Kind] != nil && a.Local() != "" {
			of[key.Kind][a] = true
		}
	}
	return w
}

// singly reports whether users are read one by one: they are few, aliases are wanted at
// most in case that there is no user of the name, and each address can stand in a path as
// it is. What servers make of an escaped slash differs.
func (w want) singly(pages int) bool {
	for a := range w.users {
		if url.PathEscape(string(a)) != string(a) {
			return false
		}
	}
	return !w.all && len(w.users) <= pages && w.aliased(w.users)
}

// aliased reports whether no alias is left to look for, when these are users.
func (w want) aliased(users map[schema.Address]bool) bool {
	for a := range w.aliases {
		if !users[a] {
			return false
		}
	}
	return true
}

// groups reports whether groups are to be read, when some addresses are others'.
func (w want) groups(taken func(schema.Address) bool) bool {
	for a := range w.lists {
		if !taken(a) {
			return true
		}
	}
	return w.all
}

// A reader gathers a reading.
type reader struct {
	Settings
	piecemeal.Reading
	at      map[schema.Address]schema.Key
	domains map[string]bool
}

func (r *reader) has(a schema.Address) bool { return r.at[a] != schema.Key{} }

// user puts a user in, with the aliases. An account that somebody has elsewhere is
// none of the organization's.
func (r *reader) user(record Record) error {
	if record.External {
		return nil
	}
	m := r.Map(record)
	if err := r.add(m.User, m.ID.handle()); err != nil {
		return err
	}
	if len(m.Unseen) > 0 {
		r.Unseen[m.User.Key()] = m.Unseen
	}
	if m.Observed != (schema.Observed{}) {
		r.Observed[m.User.Address] = m.Observed
	}
	for _, alias := range m.Aliases {
		if err := r.add(alias, string(alias.Address)); err != nil {
			return err
		}
	}
	return nil
}

// add puts a resource in, and its domain. What is meant by one address of two is
// nobody's guess.
func (r *reader) add(res schema.Resource, handle string) error {
	key, a := res.Key(), res.Key().Address()
	if a.Local() == "" || a.Domain() == "" || strings.ContainsFunc(key.Name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return fmt.Errorf("the service shows a %s whose address cannot be read, %q: %w", key.Kind, hosted.Clean(key.Name), errShape)
	}
	if r.has(a) {
		return fmt.Errorf("%s and %s: %w", r.at[a], key, errTwice)
	}
	r.at[a], r.Handles[key] = key, handle
	r.State = append(r.State, res)
	if domain := key.Domain(); !r.domains[domain] {
		r.domains[domain] = true
		r.State = append(r.State, hosted.Blank(schema.Key{Kind: schema.KindDomain, Name: domain}))
	}
	return nil
}
