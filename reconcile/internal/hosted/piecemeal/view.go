package piecemeal

import (
	"context"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A view is live state as it is taken to be: what the service shows, and where it
// shows nothing, what it was last made.
type view struct {
	state    schema.State
	observed map[schema.Address]schema.Observed
	handles  Handles
}

// look reads some keys, everything for nil. Of keys, state has more than was asked
// for: what came along, and what cannot be read.
func (s *Store) look(ctx context.Context, keys []schema.Key) (view, error) {
	if s.closed.Load() {
		return view{}, errClosed
	}
	mirror, err := s.mirror.Mirrored(ctx, s.now().Add(-s.options.Late))
	if err != nil {
		return view{}, err
	}
	reading, err := s.service.Read(ctx, keys)
	if err != nil {
		return view{}, fmt.Errorf("read live state: %w", err)
	}
	m := merging{Reading: &reading, service: s.service, recent: recent(mirror.Lately), groups: s.service.Together()}
	v := view{observed: reading.Observed, handles: reading.Handles}
	if v.handles == nil {
		v.handles = make(Handles)
	}
	v.state = m.merge(mirror.State, hidden(s.service.Lacks(), reading.Cut), keys)
	if keys == nil && !s.options.ReadOnly {
		s.follow(ctx, v.state, mirror.Newest)
	}
	return v, nil
}

// follow lets the mirror be what was read. It is no loss when that fails, when an
// apply is at work, which follows by itself, or was since the reading began.
func (s *Store) follow(ctx context.Context, live schema.State, before int64) {
	if !s.applies.TryLock() {
		return
	}
	defer s.applies.Unlock()
	unlock, err := hosted.TryLock(s.lockFile())
	if err != nil {
		return
	}
	defer unlock()
	now, err := s.mirror.Runs(ctx, 1)
	begun, errBegun := s.mirror.Unfinished(ctx)
	if err == nil && errBegun == nil && begun == nil && (len(now) == 0 || now[0].ID == before) {
		_ = s.mirror.Follow(ctx, live, nil)
	}
}

// hidden are the kinds of which a reading may lack some.
func hidden(lacks []reconcile.Lack, cut []schema.Kind) map[schema.Kind]bool {
	out := make(map[schema.Kind]bool)
	for _, l := range lacks {
		if l.Path == "" && l.Cannot == reconcile.CannotObserve {
			out[l.Kind] = true
		}
	}
	for _, kind := range cut {
		out[kind] = true
	}
	return out
}

// recent are the changes that were read back so short ago that a read may bring
// what was before them.
func recent(lately []reconcile.Run) map[schema.Key]*reconcile.Change {
	out := make(map[schema.Key]*reconcile.Change)
	for i := range lately { // the newest counts
		for j := range lately[i].Changes {
			c := &lately[i].Changes[j]
			out[c.Key] = c
		}
	}
	return out
}

// A merging puts a reading and a mirror together.
type merging struct {
	*Reading
	service Service
	recent  map[schema.Key]*reconcile.Change
	groups  [][]string
}

// merge is the rows of the reading, as far as it shows them, and those of hidden
// kinds that the mirror alone has. Only rows of the keys count, of nil all.
func (m *merging) merge(mirror schema.State, hidden map[schema.Kind]bool, keys []schema.Key) schema.State {
	out := make(schema.State, 0, len(m.State))
	seen := make(map[schema.Key]bool, len(m.State))
	rest := mirror
	for _, r := range m.State {
		key := r.Key()
		seen[key] = true
		var was schema.Resource
		if was, rest = rest.Next(r); was == nil && m.goneSince(key) {
			continue
		}
		out = append(out, m.row(r, was))
	}
	asked := func(key schema.Key) bool { return keys == nil || slices.Contains(keys, key) }
	for _, r := range mirror {
		if key := r.Key(); !seen[key] && asked(key) && (hidden[key.Kind] || m.cameSince(key)) {
			out = append(out, r)
		}
	}
	out.Sort()
	return out
}

func (m *merging) goneSince(key schema.Key) bool {
	c := m.recent[key]
	return c != nil && c.Op == reconcile.OpDelete
}

func (m *merging) cameSince(key schema.Key) bool {
	c := m.recent[key]
	return c != nil && c.Op == reconcile.OpCreate
}

// row is a row as it is taken to be: where the service shows what it would show of
// the row that was asked for, that is what is there.
func (m *merging) row(is, was schema.Resource) schema.Resource {
	out := schema.Clone(is)
	if was == nil {
		schema.Normalize(out)
		return out
	}
	for path := range m.alike(is, was) {
		f, _ := schema.FieldAt(is.Key().Kind, path)
		_ = f.Set(out, f.Get(was)) // a value of the same field
	}
	schema.Normalize(out)
	return out
}

// late reports whether a row shows of a field what was there before a change.
func (m *merging) late(f schema.Field, c *reconcile.FieldChange, is, asked schema.Resource) bool {
	before := schema.Clone(asked)
	return f.Set(before, c.Before) == nil && f.Equal(is, m.service.Shown(before))
}

// alike are the fields of which a row that was read says nothing against its being
// the one that was asked for.
func (m *merging) alike(is, asked schema.Resource) map[string]bool {
	key, shown := is.Key(), m.service.Shown(asked)
	recent := m.recent[key]
	out := make(map[string]bool)
	for _, f := range schema.Fields(key.Kind) {
		same := f.Equal(is, shown) || slices.Contains(m.Unseen[key], f.Path)
		if !same && recent != nil {
			c := recent.Field(f.Path)
			same = c != nil && recent.Op == reconcile.OpUpdate && m.late(f, c, is, asked)
		}
		if same {
			out[f.Path] = true
		}
	}
	for _, group := range m.groups {
		if key.Kind == schema.KindUser && slices.ContainsFunc(group, func(path string) bool { return !out[path] }) {
			for _, path := range group {
				delete(out, path)
			}
		}
	}
	return out
}
