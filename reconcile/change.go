// Package reconcile is the pure middle of mailops: the difference of what is
// live and what is wanted, the plan made of it with its effects and findings,
// and the guards that can refuse it. Plans are data. Only [Store] touches the
// world. Imports: schema and the standard library, nothing else.
package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"mailops/schema"
)

// An Op is what a change does to a resource.
type Op string

// The operations, as plans speak of them.
const (
	OpCreate Op = "create"
	OpUpdate Op = "update"
	OpDelete Op = "delete"
)

// A Change takes one resource from what it was to what it shall be. It holds
// the fields that differ; for a create or a delete, all that have a value.
type Change struct {
	schema.Key
	Op      Op             `json:"op"`
	Version string         `json:"version,omitempty"`     // of the live row that the plan saw; "" for a create
	From    schema.Address `json:"renamedFrom,omitempty"` // a create that takes over this user's mailbox
	Fields  []FieldChange  `json:"fields"`
}

// A FieldChange is one field's value before and after.
type FieldChange struct {
	Path   string         `json:"path"`
	Before schema.Value   `json:"before"`
	After  schema.Value   `json:"after"`
	Drift  bool           `json:"drift,omitempty"`  // somebody else changed it in the live store, and no commit asks for the change
	Origin *schema.Origin `json:"origin,omitempty"` // which declaration set After, or stopped setting Before
}

// Field returns the change of that field, nil when it does not change.
func (c *Change) Field(path string) *FieldChange {
	for i := range c.Fields {
		if c.Fields[i].Path == path {
			return &c.Fields[i]
		}
	}
	return nil
}

// Apply returns what the change makes of before (nil: the resource does not
// exist); nil for a delete. It does not look at Version. An error says that a
// value does not fit its field, as in a plan file that was edited, or that
// there is nothing to update.
func (c *Change) Apply(before schema.Resource) (schema.Resource, error) {
	switch {
	case c.Op == OpDelete:
		return nil, nil
	case c.Op == OpUpdate && before == nil:
		return nil, fmt.Errorf("update %s: it %s", c.Key, ReasonGone)
	}
	after := schema.Clone(before)
	if c.Op == OpCreate {
		var err error
		if after, err = schema.New(c.Key); err != nil {
			return nil, err
		}
	}
	for _, f := range c.Fields {
		field, ok := schema.FieldAt(c.Kind, f.Path)
		if !ok {
			return nil, fmt.Errorf("%s has no field %q", c.Kind, f.Path)
		}
		if err := field.Set(after, f.After); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// Diff returns the changes that turn live into want, in the order in which they
// are to be carried out. Both must be in key order. Diff(x, x) is empty.
func Diff(live, want schema.State) []Change {
	var changes []Change
	for len(live) > 0 || len(want) > 0 {
		switch order := first(live, want); {
		case order < 0:
			changes = append(changes, remove(live[0]))
			live = live[1:]
		case order > 0:
			changes = append(changes, create(want[0]))
			want = want[1:]
		default:
			if c, differs := update(live[0], want[0]); differs {
				changes = append(changes, c)
			}
			live, want = live[1:], want[1:]
		}
	}
	settleHeirs(changes)
	return Order(changes)
}

// first says in which of two states the first of all keys is: below zero in a
// alone, above zero in b alone, zero in both. One of them has a resource.
func first(a, b schema.State) int {
	switch {
	case len(b) == 0:
		return -1
	case len(a) == 0:
		return 1
	case a[0] == b[0]: // one value: an agent keeps what it has seen to be equal once
		return 0
	}
	return a[0].Key().Compare(b[0].Key())
}

// settleHeirs lets one create alone take over a mailbox, and only that of a
// user who goes: a renamedFrom stays in the declaration when the rename is done.
func settleHeirs(changes []Change) {
	gone := make(map[schema.Address]bool)
	for i := range changes {
		if changes[i].Op == OpDelete && changes[i].Kind == schema.KindUser {
			gone[changes[i].Address()] = true
		}
	}
	for i := range changes {
		from := changes[i].From
		if !gone[from] {
			changes[i].From = ""
		}
		delete(gone, from)
	}
}

func create(want schema.Resource) Change {
	c := Change{Key: want.Key(), Op: OpCreate}
	if u, ok := want.(*schema.User); ok {
		c.From = u.RenamedFrom
	}
	c.Fields = all(want, func(path string, v schema.Value) FieldChange { return FieldChange{Path: path, After: v} })
	return c
}

func remove(live schema.Resource) Change {
	c := Change{Key: live.Key(), Op: OpDelete, Version: schema.Version(live)}
	c.Fields = all(live, func(path string, v schema.Value) FieldChange { return FieldChange{Path: path, Before: v} })
	return c
}

// all are the changes of every field that says something. They take no more
// memory than they need: the first plan holds those of everybody.
func all(r schema.Resource, change func(path string, v schema.Value) FieldChange) []FieldChange {
	fields := schema.Fields(r.Key().Kind)
	out := make([]FieldChange, 0, len(fields))
	for _, f := range fields {
		if v := f.Get(r); v != "" {
			out = append(out, change(f.Path, v))
		}
	}
	return slices.Clone(out)
}

func update(live, want schema.Resource) (Change, bool) {
	if schema.Same(live, want) {
		return Change{}, false
	}
	var fields []FieldChange
	for _, f := range schema.Fields(live.Key().Kind) {
		if f.Equal(live, want) {
			continue
		}
		// Two values can differ in Go and say the same, such as a day without
		// hours written as [] or left out.
		if before, after := f.Get(live), f.Get(want); before != after {
			fields = append(fields, FieldChange{Path: f.Path, Before: before, After: after})
		}
	}
	if len(fields) == 0 {
		return Change{}, false
	}
	return Change{Key: live.Key(), Op: OpUpdate, Version: schema.Version(live), Fields: fields}, true
}

// Order puts changes in the order in which they are carried out: what reduces
// access first, what removes last, and an address is freed before it is taken
// anew. The order does not depend on the order of the input.
func Order(changes []Change) []Change {
	freed := make(map[string]bool)
	taken := make(map[string]bool)
	for _, c := range changes {
		switch {
		case c.Kind == schema.KindDomain:
		case c.Op == OpDelete:
			freed[c.Name] = true
		case c.Op == OpCreate:
			taken[c.Name] = true
		}
	}
	// The phase of a change is worked out once: it reads values.
	type ranked struct {
		Change
		phase int
	}
	ranks := make([]ranked, len(changes))
	for i := range changes {
		ranks[i] = ranked{changes[i], phase(&changes[i], freed, taken)}
	}
	slices.SortFunc(ranks, func(a, b ranked) int { return cmp.Or(a.phase-b.phase, a.Key.Compare(b.Key)) })
	for i := range ranks {
		changes[i] = ranks[i].Change
	}
	return changes
}

// phase ranks a change; a lower one is carried out earlier.
func phase(c *Change, freed, taken map[string]bool) int {
	domain := c.Kind == schema.KindDomain
	switch {
	case domain && c.Op == OpCreate:
		return 0 // its users need it
	case c.Op == OpUpdate && c.reducesAccess():
		return 1
	case c.Op == OpUpdate:
		return 2
	case c.Op == OpCreate && !freed[c.Name]:
		return 3
	case c.Op == OpDelete && taken[c.Name] && c.Kind != schema.KindUser:
		return 4 // frees an address for phase 5 or 7
	case c.Op == OpCreate && c.Kind == schema.KindUser:
		return 5
	case c.Op == OpDelete && taken[c.Name]:
		return 6 // frees an address for phase 7; after the creates that inherit its mailbox
	case c.Op == OpCreate:
		return 7
	case domain:
		return 9 // its users are gone by then
	}
	return 8
}

// reducesAccess reports whether the change takes something away from somebody.
func (c *Change) reducesAccess() bool {
	for _, f := range c.Fields {
		if tightens(f) {
			return true
		}
	}
	return false
}

// tightens reports whether a field goes to a value that allows less.
func tightens(f FieldChange) bool {
	switch f.Path {
	case "permissions.onlyLocalSMTP":
		return f.After == "true"
	case "mailboxActions.spamCheck":
		return false
	case "status":
		return f.Before == `"active"` || f.After == `"deactivated"`
	case "role":
		return f.Before == `"superAdmin"` || f.After == `"member"`
	case "posting":
		return f.Before == `"anyone"` || f.After == `"members"`
	case "travelMode":
		return f.After == ""
	case "lock.mailAddOn":
		return f.After == `"locked"`
	case "password", "permissions.accessHours", "permissions.trustedNetworks":
		return f.After != ""
	case "permissions.sendAs", "forwarding.to", "to", "members":
		return len(without(f.Before.Strings(), f.After.Strings())) > 0
	}
	return f.Before == "true" && f.After == "false"
}

// Invert returns the changes that take these back, in the order in which they
// are to be carried out. They expect the rows as these changes left them:
// after holds those rows.
func Invert(changes []Change, after schema.State) []Change {
	out := make([]Change, len(changes))
	for i, c := range changes {
		out[i] = Change{Key: c.Key, Op: inverse[c.Op], Version: schema.Version(after.Find(c.Key)), Fields: make([]FieldChange, len(c.Fields))}
		for j, f := range c.Fields {
			out[i].Fields[j] = FieldChange{Path: f.Path, Before: f.After, After: f.Before}
		}
	}
	heirs := heirs(changes)
	for i := range out {
		if out[i].Op == OpCreate && out[i].Kind == schema.KindUser {
			out[i].From = heirs[out[i].Address()]
		}
	}
	return Order(out)
}

var inverse = map[Op]Op{OpCreate: OpDelete, OpUpdate: OpUpdate, OpDelete: OpCreate}

// heirs tells which user took over the mailbox of which other one; the first,
// should several name one.
func heirs(changes []Change) map[schema.Address]schema.Address {
	out := make(map[schema.Address]schema.Address)
	for _, c := range changes {
		if c.Op == OpCreate && c.From != "" && out[c.From] == "" {
			out[c.From] = c.Address()
		}
	}
	return out
}
