package piecemeal

import (
	"encoding/json"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// meddled fails a target that somebody else has changed since it was cut off: what
// is neither as it was, nor as it is wanted, nor as it is on the way from one to the
// other, is theirs.
func (j *job) meddled(t *target, m *merging, is schema.Resource) {
	switch {
	case t.failed != "" || t.reached() || t.want == nil:
	case is == nil && t.change.Op == reconcile.OpCreate:
	case is == nil && t.begun && j.replaces(t):
	case is == nil:
		t.failed = "it " + reconcile.ReasonGone
	case t.change.Op == reconcile.OpCreate:
		if !t.begun || m.strange(t, is, j.service.Newcomer(t.want)) != "" {
			t.failed = "it " + reconcile.ReasonExists
		}
	default:
		if path := m.strange(t, is, t.before); path != "" {
			t.failed = path + " " + reconcile.ReasonChanged
		}
	}
}

// yields leaves to others what the change says nothing of: what somebody has set since
// the rows were compared stays. A field that is told apart by one of the change's is
// with the change.
func (t *target) yields(m *merging) {
	if t.change.Op != reconcile.OpUpdate || t.want == nil || t.now == nil {
		return
	}
	want := schema.Clone(t.want)
	for _, f := range schema.Fields(t.change.Kind) {
		group := m.group(t.change.Kind, f.Path)
		if !slices.ContainsFunc(group, func(path string) bool { return t.change.Field(path) != nil }) {
			_ = f.Set(want, f.Get(t.now)) // a value of the same field
		}
	}
	t.want = want
}

// replaces reports whether a target is not there for a while on its way, since the
// service has no call that changes it.
func (j *job) replaces(t *target) bool {
	operations, err := j.service.Operations(t.before, t.want, nil)
	return err == nil && slices.ContainsFunc(operations, func(o Operation) bool { return o.Creates })
}

// strange is the path of a field that is missing and is not as this job found or
// left it; "" is none. Nothing that was not begun is on its way.
func (m *merging) strange(t *target, is, before schema.Resource) string {
	want := before
	if t.begun {
		want = t.want
	}
	for _, path := range t.missing() {
		if !m.between(is, before, want, m.group(t.change.Kind, path)) {
			return path
		}
	}
	return ""
}

// group are the fields that are told apart together with one.
func (m *merging) group(kind schema.Kind, path string) []string {
	i := slices.IndexFunc(m.groups, func(group []string) bool { return kind == schema.KindUser && slices.Contains(group, path) })
	if i < 0 {
		return []string{path}
	}
	return m.groups[i]
}

// between reports whether fields are as they can be while one after the other is
// set: each as before or as it is wanted.
func (m *merging) between(is, before, want schema.Resource, group []string) bool {
	for mix := range 1 << len(group) {
		mixed := schema.Clone(before)
		for i, path := range group {
			if f, ok := schema.FieldAt(is.Key().Kind, path); ok && mix>>i&1 == 1 {
				_ = f.Set(mixed, f.Get(want)) // a value of the same field
			}
		}
		schema.Normalize(mixed)
		if m.amidst(is, m.service.Shown(mixed), m.service.Shown(want), group) {
			return true
		}
	}
	return false
}

// amidst reports whether fields are as in one resource or, of those that hold
// several values, between there and another one.
func (m *merging) amidst(is, from, to schema.Resource, group []string) bool {
	key := is.Key()
	return !slices.ContainsFunc(group, func(path string) bool {
		f, ok := schema.FieldAt(key.Kind, path)
		return ok && !f.Equal(is, from) && !slices.Contains(m.Unseen[key], path) && !some(f.Get(is), f.Get(from), f.Get(to))
	})
}

// some reports whether values are those that others have in common, and none that
// neither of them has. What is one value is not.
func some(is, from, to schema.Value) bool {
	now, ok := texts(is)
	a, okA := texts(from)
	b, okB := texts(to)
	if !ok || !okA || !okB {
		return false
	}
	in := func(list []string) func(string) bool {
		return func(s string) bool { return slices.Contains(list, s) }
	}
	for _, s := range now {
		if !in(a)(s) && !in(b)(s) {
			return false
		}
	}
	return !slices.ContainsFunc(a, func(s string) bool { return in(b)(s) && !in(now)(s) })
}

// texts are the values of a field that holds several.
func texts(v schema.Value) (out []string, ok bool) {
	if v == "" {
		return nil, true
	}
	err := json.Unmarshal([]byte(v), &out)
	return out, err == nil
}
