package piecemeal

import (
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A target is what one change is to reach, and how far it is.
type target struct {
	change *reconcile.Change
	before schema.Resource // as it is recorded; nil: nothing is there
	now    schema.Resource // as it was last read or made
	want   schema.Resource // nil: nothing is to be there

	begun   bool            // an operation of it was sent
	hopes   bool            // of one, it may have been
	unclear bool            // of one, whether it was carried out is not known
	there   bool            // it was seen, or surely made: of a change that creates or deletes
	gone    bool            // it was not
	seen    map[string]bool // the paths of fields that were read as they are wanted
	free    map[string]bool // of those that the service sets as it likes
	failed  string          // why it does not go on
}

// reached reports whether all of the change was seen.
func (t *target) reached() bool {
	if t.want == nil {
		return t.gone
	}
	return t.there && len(t.missing()) == 0
}

// missing are the fields of the change that were not seen.
func (t *target) missing() (paths []string) {
	for _, f := range t.change.Fields {
		if !t.seen[f.Path] && !t.free[f.Path] {
			paths = append(paths, f.Path)
		}
	}
	return paths
}

// frees leaves it to the service what a field is.
func (t *target) frees(kind schema.Kind, path string) {
	if t.change.Kind == kind {
		t.free[path] = true
	}
}

// late says what was not read back.
func (t *target) late() string {
	switch {
	case t.want == nil:
		return "it is still there"
	case !t.there:
		return "it is not there"
	}
	return fmt.Sprintf("%s: %s", strings.Join(t.missing(), ", "), errLate)
}

// see compares a row that was read with what is wanted. What was seen once is seen:
// a service can show what was before once more (reference/seed-systems.md §1.2).
func (t *target) see(m *merging, is schema.Resource) {
	if t.gone = is == nil; t.gone {
		t.now, t.there = nil, false
		return
	}
	if t.want == nil {
		return
	}
	t.there = true
	alike := m.alike(is, t.want)
	now := schema.Clone(is)
	for _, f := range schema.Fields(t.change.Kind) {
		if alike[f.Path] {
			t.seen[f.Path] = true
		}
		if t.seen[f.Path] {
			_ = f.Set(now, f.Get(t.want)) // a value of the same field
		}
	}
	t.now = now
}

// result is the row as the change has left it, as far as that was seen.
func (t *target) result() schema.Resource {
	switch {
	case t.want == nil:
		if t.gone {
			return nil
		}
		return t.before
	case t.change.Op == reconcile.OpCreate && !t.there:
		return t.before
	case t.before == nil:
		return t.now
	}
	out := schema.Clone(t.before)
	for _, f := range t.change.Fields {
		field, _ := schema.FieldAt(t.change.Kind, f.Path)
		if t.seen[f.Path] {
			_ = field.Set(out, field.Get(t.want))
		}
	}
	schema.Normalize(out)
	return out
}

// attribute gives a change that was carried out what the plan said of it.
func (t *target) attribute(c *reconcile.Change) {
	for i := range c.Fields {
		if f := t.change.Field(c.Fields[i].Path); f != nil && f.After == c.Fields[i].After {
			c.Fields[i].Drift, c.Fields[i].Origin = f.Drift, f.Origin
		}
	}
}
