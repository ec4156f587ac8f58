package several

import (
	"cmp"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// A share is what one part has to do of a batch.
type share struct {
	*part
	at      int // of the part
	changes []reconcile.Change
	extra   map[schema.Key]bool // domains that the part needs for it, and nobody asked for
}

// shares splits changes by route. Where a domain is another part's, it comes with the
// first address of it, and goes with the domain itself when nothing of it is left.
// What goes last in all is done last: parts from which nothing goes come first, and
// among these the ones that do all at once, so that nobody keeps access for as long as
// a service takes its requests.
func (s *Store) shares(changes []reconcile.Change, is *survey) []share {
	var out []share
	for i := range s.parts {
		sh := share{part: &s.parts[i], at: i, extra: make(map[schema.Key]bool)}
		for _, c := range changes {
			if schema.RouteOf(s.routes, c.Key) == i {
				sh.changes = append(sh.changes, c)
			}
		}
		sh.needs(is.parts[i])
		sh.drops(changes, is.parts[i])
		if len(sh.changes) > 0 {
			out = append(out, sh)
		}
	}
	slices.SortStableFunc(out, func(a, b share) int {
		return cmp.Or(cmp.Compare(a.takes(), b.takes()), cmp.Compare(a.lasts(), b.lasts()))
	})
	return out
}

// lasts is 1 when the part goes through one request at a time, and else 0.
func (sh *share) lasts() int {
	if sh.piecemeal != nil {
		return 1
	}
	return 0
}

// takes is 1 when something goes, and else 0.
func (sh *share) takes() int {
	if slices.ContainsFunc(sh.changes, func(c reconcile.Change) bool { return c.Op == reconcile.OpDelete }) {
		return 1
	}
	return 0
}

// has reports whether the share changes a key.
func (sh *share) has(key schema.Key) bool {
	return slices.ContainsFunc(sh.changes, func(c reconcile.Change) bool { return c.Key == key })
}

// needs adds the domains of the addresses that come, where the part has them not, and
// another one has them by its route.
func (sh *share) needs(rows map[schema.Key]schema.Resource) {
	for _, c := range slices.Clone(sh.changes) {
		key := schema.Key{Kind: schema.KindDomain, Name: c.Domain()}
		if c.Op != reconcile.OpCreate || c.Kind == schema.KindDomain || rows[key] != nil || sh.has(key) || !sh.borrows(key) {
			continue
		}
		sh.changes = append(sh.changes, reconcile.Diff(nil, schema.State{&schema.Domain{Name: key.Name}})...)
		sh.extra[key] = true
	}
}

// borrows reports whether a domain of the part is another one's by its route, and can
// be made here.
func (sh *share) borrows(key schema.Key) bool {
	if sh.Route.Whole() || len(sh.Route.Kinds) == 0 && slices.Contains(sh.Route.Domains, key.Name) {
		return false
	}
	return sh.limited == nil || !slices.ContainsFunc(sh.limited.Lacks(), func(l reconcile.Lack) bool {
		return l.Kind == schema.KindDomain && l.Path == ""
	})
}

// drops adds the domains that go elsewhere and of which nothing is left here.
func (sh *share) drops(changes []reconcile.Change, rows map[schema.Key]schema.Resource) {
	for _, c := range changes {
		if c.Op != reconcile.OpDelete || c.Kind != schema.KindDomain || rows[c.Key] == nil || sh.has(c.Key) || sh.keeps(c.Name, rows) {
			continue
		}
		sh.changes = append(sh.changes, reconcile.Diff(schema.State{rows[c.Key]}, nil)...)
		sh.extra[c.Key] = true
	}
}

// keeps reports whether a part has addresses of a domain when its share is done.
func (sh *share) keeps(domain string, rows map[schema.Key]schema.Resource) bool {
	for key := range rows {
		if key.Kind != schema.KindDomain && key.Domain() == domain && !slices.ContainsFunc(sh.changes, func(c reconcile.Change) bool {
			return c.Key == key && c.Op == reconcile.OpDelete
		}) {
			return true
		}
	}
	return false
}

// check says why changes cannot be carried out: on the rows of all parts together, on
// those of each part, and as the parts say that can tell.
func (s *Store) check(changes []reconcile.Change, is *survey) (after map[schema.Key]schema.Resource, err error) {
	if after, err = reconcile.Carry(is.rows, changes); err != nil {
		return nil, err
	}
	for i := range changes {
		if c := &changes[i]; c.Op == reconcile.OpCreate && c.From != "" {
			from := s.of(schema.Key{Kind: schema.KindUser, Name: string(c.From)})
			if to := s.of(c.Key); from != to {
				return nil, fmt.Errorf("%s cannot be renamed to %s: the mail would stay behind in %s", c.From, c.Name, from.Name)
			}
		}
	}
	return after, nil
}
