package several

import (
	"context"
	"iter"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// Aside is what the last whole read has left alone. Domains do not count: several
// parts can have a part of one.
func (s *Store) Aside() []reconcile.Aside {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.aside)
}

// Read implements reconcile.Store: the rows of all parts in one order, of each part
// as far as it has them by its route. It is of one moment in each part alone.
func (s *Store) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		aside, err := s.merge(ctx, func(r reconcile.Row) bool { return yield(r, nil) })
		switch {
		case err != nil:
			yield(reconcile.Row{}, err)
		case aside != nil:
			s.mu.Lock()
			s.aside = aside
			s.mu.Unlock()
		}
	}
}

// A stream is the rows of one part on their way.
type stream struct {
	next  func() (reconcile.Row, error, bool)
	head  reconcile.Row
	aside reconcile.Aside
}

// merge goes through the rows of all parts, and returns what lies aside; nil when it
// was broken off.
func (s *Store) merge(ctx context.Context, yield func(reconcile.Row) bool) ([]reconcile.Aside, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	streams := make([]*stream, len(s.parts))
	for i := range s.parts {
		next, stop := iter.Pull2(s.parts[i].Store.Read(ctx))
		defer stop()
		streams[i] = &stream{next: next, aside: reconcile.Aside{Store: s.parts[i].Name}}
		if err := s.advance(i, streams[i]); err != nil {
			return nil, err
		}
	}
	for {
		first := -1
		for i, st := range streams {
			if st.head.Resource != nil && (first < 0 || st.head.Key().Compare(streams[first].head.Key()) < 0) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		if !yield(streams[first].head) {
			return nil, nil
		}
		if err := s.advance(first, streams[first]); err != nil {
			return nil, err
		}
	}
	aside := []reconcile.Aside{}
	for _, st := range streams {
		if len(st.aside.Keys) > 0 {
			aside = append(aside, st.aside)
		}
	}
	return aside, nil
}

// advance goes to the next row that is the part's by its route.
func (s *Store) advance(i int, st *stream) error {
	for {
		row, err, more := st.next()
		if err != nil {
			return s.parts[i].in(err)
		}
		if st.head = row; !more {
			st.head = reconcile.Row{}
			return nil
		}
		key := row.Key()
		if schema.RouteOf(s.routes, key) == i {
			return nil
		}
		if key.Kind != schema.KindDomain {
			st.aside.Keys = append(st.aside.Keys, key)
		}
	}
}

// Look implements reconcile.Witness.
func (s *Store) Look(ctx context.Context, names []string) ([]reconcile.Row, error) {
	var out []reconcile.Row
	for i := range s.parts {
		rows, err := s.parts[i].look(ctx, names)
		if err != nil {
			return nil, s.parts[i].in(err)
		}
		for _, r := range rows {
			if schema.RouteOf(s.routes, r.Key()) == i {
				out = append(out, r)
			}
		}
	}
	slices.SortFunc(out, func(a, b reconcile.Row) int { return a.Key().Compare(b.Key()) })
	return out, nil
}

// look reads some names of a part, by going through all of it where nothing else can
// be asked for.
func (p *part) look(ctx context.Context, names []string) ([]reconcile.Row, error) {
	if p.witness != nil {
		return p.witness.Look(ctx, names)
	}
	var out []reconcile.Row
	for row, err := range p.Store.Read(ctx) {
		if err != nil {
			return nil, err
		}
		if slices.Contains(names, row.Key().Name) {
			out = append(out, row)
		}
	}
	return out, nil
}

// A survey is what all parts hold.
type survey struct {
	rows  map[schema.Key]schema.Resource   // each where its route says
	parts []map[schema.Key]schema.Resource // all of each part
}

func (s *Store) survey(ctx context.Context) (*survey, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	out := &survey{rows: make(map[schema.Key]schema.Resource), parts: make([]map[schema.Key]schema.Resource, len(s.parts))}
	for i := range s.parts {
		out.parts[i] = make(map[schema.Key]schema.Resource)
		for row, err := range s.parts[i].Store.Read(ctx) {
			if err != nil {
				return nil, s.parts[i].in(err)
			}
			key := row.Key()
			out.parts[i][key] = row.Resource
			if schema.RouteOf(s.routes, key) == i {
				out.rows[key] = row.Resource
			}
		}
	}
	return out, nil
}
