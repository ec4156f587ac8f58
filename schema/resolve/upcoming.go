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

// Earliest puts transitions in order, and keeps the first.
func Earliest(all []Transition, most int) []Transition {
	slices.SortFunc(all, func(a, b Transition) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(string(a.User), string(b.User)), strings.Compare(a.Reason, b.Reason))
	})
	return all[:min(most, len(all))]
}
