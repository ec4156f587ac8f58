package several

import (
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// Lacks implements reconcile.Limited: what each part cannot do with what its route
// gives it, and that no mailbox goes from one part to another.
func (s *Store) Lacks() []reconcile.Lack {
	var out []reconcile.Lack
	for i := range s.parts {
		p := &s.parts[i]
		if p.limited != nil {
			for _, l := range p.limited.Lacks() {
				if in, notIn, some := s.scope(i, l.Kind); some {
					l.Store, l.In, l.NotIn = p.Name, in, notIn
					out = append(out, l)
				}
			}
		}
		if in, _, some := s.scope(i, schema.KindUser); some && len(in) > 0 {
			out = append(out, reconcile.Lack{Kind: schema.KindUser, Path: reconcile.PathRename, Cannot: reconcile.CannotLeave, Store: p.Name, In: in})
		}
	}
	return out
}

// scope is of which domains a part has the resources of a kind: of some, or of all
// but some. some is whether it has any.
func (s *Store) scope(i int, kind schema.Kind) (in, notIn []string, some bool) {
	takes := func(r schema.StoreRoute) bool { return len(r.Kinds) == 0 || slices.Contains(r.Kinds, kind) }
	for _, r := range s.routes[:i] {
		if takes(r) && len(r.Domains) == 0 {
			return nil, nil, false
		}
		if takes(r) {
			notIn = append(notIn, r.Domains...)
		}
	}
	r := s.routes[i]
	if !takes(r) {
		return nil, nil, false
	}
	if len(r.Domains) == 0 {
		return nil, notIn, true
	}
	in = slices.DeleteFunc(slices.Clone(r.Domains), func(d string) bool { return slices.Contains(notIn, d) })
	return in, nil, len(in) > 0
}
