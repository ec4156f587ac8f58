package hosted

import (
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A Can says what a service can do with a field.
type Can string

// What it can do.
const (
	ReadSet  Can = "read and set"
	ReadOnly Can = "read only"
	SetOnly  Can = "set only"
	ReadOnce Can = "read, and set when it is created"
	Neither  Can = "neither"
)

// Sets reports whether a call sets the field of what is there.
func (c Can) Sets() bool { return c == ReadSet || c == SetOnly }

// Reads reports whether an answer shows the field.
func (c Can) Reads() bool { return c == ReadSet || c == ReadOnly || c == ReadOnce }

// An Ability is what can be done with a field, and with those below its path.
type Ability struct {
	Path string
	Can  Can
	Why  string // to people who ask for what cannot be
	From string // where that is documented
}

// A Table is the abilities of a kind. The longest path counts.
type Table []Ability

// Of is what can be done with a field.
func (t Table) Of(path string) (best Ability) {
	best.Can = Neither
	for _, a := range t {
		if (a.Path == path || strings.HasPrefix(path, a.Path+".")) && len(a.Path) >= len(best.Path) {
			best = a
		}
	}
	return best
}

// inabilities are what a plan calls what a service cannot do.
var inabilities = map[Can]reconcile.Inability{ReadOnly: reconcile.CannotSet, ReadOnce: reconcile.CannotSet, SetOnly: reconcile.CannotObserve, Neither: reconcile.CannotHold}

// Lacks lists what a service cannot do with the fields of a kind. blank is what it
// shows of a resource that nothing was set of.
func (t Table) Lacks(blank schema.Resource) []reconcile.Lack {
	kind := blank.Key().Kind
	var out []reconcile.Lack
	for _, f := range schema.Fields(kind) {
		a := t.Of(f.Path)
		if cannot, ok := inabilities[a.Can]; ok {
			out = append(out, reconcile.Lack{Kind: kind, Path: f.Path, Cannot: cannot, Value: f.Get(blank), Once: a.Can == ReadOnce, Reason: a.Why})
		}
	}
	return out
}
