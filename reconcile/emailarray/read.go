package emailarray

import (
	"context"
	"fmt"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A Reading is the whole of what the service holds, as far as it shows it.
type Reading struct {
	reconcile.Live
	Unseen map[schema.Key][]string // the paths of fields that it should have told, and did not
}

// A reader gathers a reading.
type reader struct {
	*Client
	Reading
	seen map[schema.Key]int // where in the state each resource is
}

// add puts a resource in; one that comes twice is there once, as it came last.
func (r *reader) add(res schema.Resource, unknown []string) {
	key := res.Key()
	i, again := r.seen[key]
	if again {
		r.State[i] = res
		delete(r.Unseen, key)
	} else {
		r.seen[key] = len(r.State)
		r.State = append(r.State, res)
	}
	if len(unknown) > 0 {
		r.Unseen[key] = unknown
	}
}

// Read reads everything: one request for the domains; for each domain one that
// tells about it, one for its aliases, its lists and its forwards, and one for
// each page of its users; and one for each list. An error is all that comes of a
// reading that is not whole.
func (c *Client) Read(ctx context.Context) (Reading, error) {
	names, err := c.domains(ctx)
	if err != nil {
		return Reading{}, err
	}
	r := &reader{Client: c, seen: make(map[schema.Key]int), Reading: Reading{
		Live:   reconcile.Live{Observed: make(map[schema.Address]schema.Observed)},
		Unseen: make(map[schema.Key][]string),
	}}
	for _, name := range names {
		if err := r.readAt(ctx, name); err != nil {
			return Reading{}, err
		}
	}
	r.State.Sort()
	return r.Reading, nil
}

// readAt reads all there is at a domain.
func (r *reader) readAt(ctx context.Context, name string) error {
	info, err := readObject[domainInfo](ctx, r.Client, aboutDomain(name))
	if err != nil {
		return err
	}
	r.add(domain(name, info))
	if err := r.readUsers(ctx, name); err != nil {
		return err
	}
	if err := r.readAliases(ctx, name); err != nil {
		return err
	}
	return r.readLists(ctx, name)
}

// Figures reads how much of the subscription is used.
func (c *Client) Figures(ctx context.Context) (Figures, error) {
	row, err := readObject[statsRow](ctx, c, adminStats())
	return row.figures(), err
}

// readRows sends a call whose answer is a list.
func readRows[T any](ctx context.Context, c *Client, call hosted.Call) ([]T, reply, error) {
	r := c.ask(ctx, call)
	if err := r.Err(call.Name); err != nil {
		return nil, r, err
	}
	out, err := rows[T](r.Data)
	if err != nil {
		err = fmt.Errorf("%s: %w", call.Name, err)
	}
	return out, r, err
}

// readObject sends a call whose answer is one thing.
func readObject[T any](ctx context.Context, c *Client, call hosted.Call) (out T, err error) {
	r := c.ask(ctx, call)
	if err := r.Err(call.Name); err != nil {
		return out, err
	}
	if out, err = object[T](r.Data); err != nil {
		err = fmt.Errorf("%s: %w", call.Name, err)
	}
	return out, err
}

// domains are the names of the domains, each once.
func (c *Client) domains(ctx context.Context) (names []string, err error) {
	all, _, err := readRows[domainRow](ctx, c, listDomains())
	seen := make(map[string]bool)
	for _, row := range all {
		a, ok := address(word("postmaster@"+row.Domain), "")
		if !ok {
			return nil, fmt.Errorf("getAllDomains: a domain has no name that can be read")
		}
		if !seen[a.Domain()] {
			seen[a.Domain()] = true
			names = append(names, a.Domain())
		}
	}
	return names, err
}

func (r *reader) readUsers(ctx context.Context, name string) error {
	all, err := r.users(ctx, name)
	if err != nil {
		return err
	}
	to, err := r.forwards(ctx, name)
	if err != nil {
		return err
	}
	for _, row := range all {
		u, observed, unknown, err := r.options.Settings.user(row, name)
		if err != nil {
			return fmt.Errorf("getAllUsersDomain: %w", err)
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

func (r *reader) readAliases(ctx context.Context, domain string) error {
	all, _, err := readRows[aliasRow](ctx, r.Client, listAliases(domain))
	if err != nil {
		return err
	}
	for _, row := range all {
		a, unknown, err := alias(row, domain)
		if err != nil {
			return fmt.Errorf("getAllAliasesDomain: %w", err)
		}
		if i, again := r.seen[a.Key()]; again { // a row for each address that it leads to
			a.To = append(a.To, schema.Targets(r.State[i])...)
			unknown = append(unknown, r.Unseen[a.Key()]...)
		}
		schema.Normalize(a)
		r.add(a, unknown)
	}
	return nil
}

func (r *reader) readLists(ctx context.Context, domain string) error {
	all, _, err := readRows[listRow](ctx, r.Client, listLists(domain))
	if err != nil {
		return err
	}
	for _, row := range all {
		l, _, err := list(row, nil, domain)
		if err != nil {
			return fmt.Errorf("getAllListsDomain: %w", err)
		}
		if _, again := r.seen[l.Key()]; again {
			continue
		}
		members, _, err := readRows[memberRow](ctx, r.Client, listMembers(l.Address))
		if err != nil {
			return err
		}
		l, unknown, err := list(row, members, domain)
		if err != nil {
			return fmt.Errorf("getListMembers: %w", err)
		}
		r.add(l, unknown)
	}
	return nil
}
