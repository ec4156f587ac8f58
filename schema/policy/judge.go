package policy

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/encoding/json"

	"mailops/schema"
)

// A judge holds compiled policies.
type judge struct {
	ctx         *cue.Context
	places      places
	names       names
	definitions map[schema.Kind][]definition
	labels      map[string]schema.Pos // where top-level fields are written, by the names that they have now
	first       string                // the first policy file
	remarks     []remark
}

// A definition is what one file says of one kind.
type definition struct {
	kind  schema.Kind
	name  string
	pos   schema.Pos
	value cue.Value
}

// resource makes a value of a unit.
func (j *judge) resource(u unit) (cue.Value, error) {
	// Without a file name: so its places are told from those of policies.
	expr, err := json.Extract("", u.Resource)
	if err != nil {
		return cue.Value{}, err
	}
	return j.ctx.BuildExpr(expr), nil
}

// judge returns how the resource breaks the policy. A policy constrains, it
// does not fill in: a value that it demands and the resource lacks is missing,
// though CUE would take it from the policy.
func (j *judge) judge(d definition, resource cue.Value) []Violation {
	both := d.value.Unify(resource)
	var out []Violation
	if err := both.Validate(cue.Concrete(true)); err != nil {
		out = j.violations(d, resource, err)
	} else {
		out = j.missing(d, both, resource, nil)
	}
	for i := range out {
		out[i].Message = j.remarked(out[i].Policy, out[i].Message)
	}
	return out
}

// missing finds the values that the policy added to the resource. A default of
// the policy demands nothing.
func (j *judge) missing(d definition, both, resource cue.Value, steps []string) []Violation {
	fields, err := both.Fields()
	if err != nil {
		return nil // not a struct
	}
	var out []Violation
	for fields.Next() {
		value, at := fields.Value(), append(steps[:len(steps):len(steps)], fields.Selector().String())
		own := resource.LookupPath(cue.MakePath(fields.Selector()))
		if value.IncompleteKind() == cue.StructKind {
			out = append(out, j.missing(d, value, own, at)...)
			continue
		}
		if _, byDefault := value.Default(); own.Exists() || byDefault && !isList(value) {
			continue
		}
		out = append(out, Violation{
			Path:    fieldPath(at),
			Policy:  j.demand(d, strings.Join(at, ".")),
			Message: cut("is not set; the policy wants " + short(value)),
		})
	}
	return out
}

// isList: an open list counts as a default of the list without more elements.
func isList(v cue.Value) bool { return v.IncompleteKind() == cue.ListKind }

// demand is the place where the policy speaks of a path, else where the
// definition begins.
func (j *judge) demand(d definition, path string) schema.Pos {
	v := d.value.LookupPath(cue.ParsePath(path))
	if pos, ok := j.places.inPolicy(v.Pos()); ok && v.Exists() {
		return pos
	}
	return d.pos
}
