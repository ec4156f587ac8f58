package reconcile

import (
	"slices"

	"mailops/schema"
)

// Known is a live state without what its store cannot show, for writing it down,
// and lists that. A field of it is as in blank, a resource of each kind of which
// nothing was said: where a store cannot hold it, a read yields the same for all;
// where it cannot observe it, what mailops set last, and nobody knows since when
// that is wrong. Two things stay as they were read: where the mail of aliases and
// lists goes, which has to be said, and what cannot be observed of others than
// users, since an organization leaves alone fields of users only.
func Known(live schema.State, lacks []Lack, blank map[schema.Kind]schema.Resource) (schema.State, []Lack) {
	out := slices.Clone(live)
	var hidden []Lack
	for i := range lacks {
		l := &lacks[i]
		if field, ok := schema.FieldAt(l.Kind, l.Path); ok && l.hides() {
			l.hide(out, field, blank[l.Kind])
			hidden = append(hidden, *l)
		}
	}
	return out, hidden
}

// hides reports whether what a read yields of the field is not the store's word.
func (l *Lack) hides() bool {
	switch {
	case l.Path == "to" || l.Path == "members" || l.Path == "password": // a password is never read
		return false
	case l.Cannot == CannotObserve:
		return l.Kind == schema.KindUser
	}
	return l.Cannot == CannotHold
}

// hide makes a field of all that the lack is about be as in blank, in place.
func (l *Lack) hide(s schema.State, field schema.Field, blank schema.Resource) {
	for i, r := range s {
		if !l.about(r.Key()) || field.Equal(r, blank) {
			continue
		}
		r = schema.Clone(r)
		if field.Set(r, field.Get(blank)) == nil { // a value that Get printed is one that Set reads
			s[i] = r
		}
	}
}
