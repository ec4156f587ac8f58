package emailarray

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/hosted/piecemeal"
	"mailops/schema"
)

// A reader gathers a reading.
type reader struct {
	*Client
	piecemeal.Reading
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

// Read reads what is at some keys, or everything for nil: one request for the
// domains, where they are to be read; for each domain one that tells about it, one
// for its aliases, its lists and its forwards, and one for each page of its users,
// or one for each user where these are fewer; and one for each list. Of a domain it
// asks for no more than the keys need. An error is all that comes of a reading that
// is not whole.
func (c *Client) Read(ctx context.Context, keys []schema.Key) (piecemeal.Reading, error) {
	r := &reader{Client: c, seen: make(map[schema.Key]int), Reading: piecemeal.Reading{
		Observed: make(map[schema.Address]schema.Observed),
		Unseen:   make(map[schema.Key][]string),
	}}
	err := r.read(ctx, keys)
	switch {
	case err != nil && ctx.Err() != nil: // whoever gave it up looks for that
		return piecemeal.Reading{}, ctx.Err()
	case err != nil:
		return piecemeal.Reading{}, err
	}
	r.State.Sort()
	return r.Reading, nil
}

func (r *reader) read(ctx context.Context, keys []schema.Key) error {
	parts, err := r.parts(ctx, keys)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if err := r.readAt(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// parts are those that there are, as far as it was asked which domains there are.
func (r *reader) parts(ctx context.Context, keys []schema.Key) ([]part, error) {
	parts := partsOf(keys)
	if keys != nil && !namesDomain(keys) {
		return parts, nil
	}
	names, err := r.domains(ctx)
	if keys == nil {
		return wholes(names), err
	}
	return slices.DeleteFunc(parts, func(p part) bool { return !slices.Contains(names, p.domain) }), err
}

// readAt reads a part. That the service refuses can be how it says that there is no
// such domain.
func (r *reader) readAt(ctx context.Context, p part) error {
	before := len(r.State)
	err := r.readPart(ctx, p)
	if p.keys == nil || !refused(err) || len(r.State) > before {
		return err
	}
	names, errNames := r.domains(ctx)
	if errNames != nil || slices.Contains(names, p.domain) {
		return errors.Join(err, errNames)
	}
	return nil
}

func refused(err error) bool {
	var failed *hosted.Error
	return errors.As(err, &failed) && failed.Answer.Outcome == hosted.Refused
}

func (r *reader) readPart(ctx context.Context, p part) error {
	if p.asks(schema.KindDomain) {
		info, err := readObject[domainInfo](ctx, r.Client, aboutDomain(p.domain))
		if err != nil {
			return err
		}
		r.add(domain(p.domain, info))
	}
	for _, of := range []struct {
		kind schema.Kind
		read func(context.Context, part) error
	}{{schema.KindUser, r.readUsers}, {schema.KindAlias, r.readAliases}, {schema.KindList, r.readLists}} {
		if !p.asks(of.kind) {
			continue
		}
		if err := of.read(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// Figures reads how much of the subscription is used.
func (c *Client) Figures(ctx context.Context) (Figures, error) {
	row, err := readObject[statsRow](ctx, c, adminStats())
	return row.figures(), err
}

// readRows sends a call whose answer is a list.
func readRows[T any](ctx context.Context, c *Client, call hosted.Call) ([]T, reply, error) {
	r := c.ask(ctx, call)
	if err := unread(call, r); err != nil {
		return nil, r, err
	}
	out, err := rows[T](r.Data)
	if err != nil {
		err = fmt.Errorf("%s: %w", call.Name, err)
	}
	return out, r, err
}

// unread is why a call that reads brought nothing. A refusal is an answer; all else
// is that the service cannot be reached, or is not what it should be.
func unread(call hosted.Call, r reply) error {
	err := r.Err(call.Name)
	if err == nil || r.Outcome == hosted.Refused {
		return err
	}
	return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, err)
}

// readObject sends a call whose answer is one thing.
func readObject[T any](ctx context.Context, c *Client, call hosted.Call) (out T, err error) {
	r := c.ask(ctx, call)
	if err := unread(call, r); err != nil {
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

func (r *reader) readAliases(ctx context.Context, p part) error {
	all, _, err := readRows[aliasRow](ctx, r.Client, listAliases(p.domain))
	if err != nil {
		return err
	}
	for _, row := range all {
		a, unknown, err := alias(row, p.domain)
		if err != nil {
			return fmt.Errorf("getAllAliasesDomain: %w", err)
		}
		if !p.has(a.Key()) {
			continue
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

// unlisted reports whether a list is surely not there any more.
func (c *Client) unlisted(ctx context.Context, a schema.Address) bool {
	there, answer := holdsRow(ctx, c, listLists(a.Domain()), true, func(row listRow) bool {
		at, ok := address(row.Name, a.Domain())
		return ok && at == a
	})
	return answer.Outcome.OK() && !there
}

func (r *reader) readLists(ctx context.Context, p part) error {
	all, _, err := readRows[listRow](ctx, r.Client, listLists(p.domain))
	if err != nil {
		return err
	}
	for _, row := range all {
		l, _, err := list(row, nil, p.domain)
		if err != nil {
			return fmt.Errorf("getAllListsDomain: %w", err)
		}
		if _, again := r.seen[l.Key()]; again || !p.has(l.Key()) {
			continue
		}
		members, _, err := readRows[memberRow](ctx, r.Client, listMembers(l.Address))
		switch {
		case refused(err) && r.unlisted(ctx, l.Address):
			continue // since the list of lists was read
		case err != nil:
			return err
		}
		l, unknown, err := list(row, members, p.domain)
		if err != nil {
			return fmt.Errorf("getListMembers: %w", err)
		}
		r.add(l, unknown)
	}
	return nil
}
