package resolve

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// Equal reports whether two transitions are the same, however their time is
// written.
func (t Transition) Equal(u Transition) bool {
	return t.At.Equal(u.At) && t.User == u.User && t.Reason == u.Reason
}

// Ahead lists what changes by itself after an instant and until another, for the
// users that d declares, in order; at most so many.
func Ahead(d *schema.Declarations, at, until time.Time, most int) []Transition {
	var out []Transition
	for len(out) < most {
		w, _ := At(d, at, nil) // passwords change nothing by themselves
		if w.Next == nil || w.Next.At.After(until) {
			break
		}
		out = append(out, *w.Next)
		at = w.Next.At
	}
	return out
}

// Upcoming lists what changes by itself until a time, in order, at most so many.
// It looks at each user alone: of a hundred thousand few have something coming.
func (w *Want) Upcoming(until time.Time, most int) []Transition {
	var shared []schema.Declaration
	for _, d := range w.r.decls.All {
		if d.Kind == schema.KindOrganization || d.Kind == schema.KindDomain || d.Kind == schema.KindProfile {
			shared = append(shared, d)
		}
	}
	var out []Transition
	for user, next := range w.Timed {
		own := w.r.byKey[schema.Key{Kind: schema.KindUser, Name: string(user)}]
		if next.At.After(until) || own == nil {
			continue
		}
		out = append(out, Ahead(&schema.Declarations{Defaults: w.r.decls.Defaults, All: append(slices.Clip(shared), *own)}, w.At, until, most)...)
	}
	return Earliest(out, most)
}

// Earliest puts transitions in order, and keeps the first.
func Earliest(all []Transition, most int) []Transition {
	slices.SortFunc(all, func(a, b Transition) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(string(a.User), string(b.User)), strings.Compare(a.Reason, b.Reason))
	})
	return all[:min(most, len(all))]
}
