package reconcile

import (
	"fmt"
	"reflect"
	"slices"

	"mailops/schema"
)

// An Aside is what lies in one of several stores and is another one's by its route:
// it is left alone there.
type Aside struct {
	Store string
	Keys  []schema.Key
}

// A Joined is several stores as one.
type Joined interface {
	// Aside is what the last whole read has left alone.
	Aside() []Aside

	// Routes say which store has what.
	Routes() []schema.StoreRoute
}

// lying tells of what is left alone, once for each store. What is wanted elsewhere
// and not there yet is made there without its mail.
func (in *Input) lying(want schema.State) []Finding {
	var out []Finding
	for _, a := range in.Aside {
		var made []schema.Key
		for _, key := range a.Keys {
			if want.Find(key) != nil && in.Live.State.Find(key) == nil {
				made = append(made, key)
			}
		}
		f := Finding{Rule: "store-moved", Severity: Info, Keys: a.Keys,
			Text: fmt.Sprintf("%s in %s: another store has that by its route, and it is left alone", number(len(a.Keys), "address lies", "addresses lie"), a.Store)}
		if len(made) > 0 {
			f.Severity, f.Keys = Warning, made
			f.Text += fmt.Sprintf("; %s there now, without the mail", number(len(made), "is made", "are made"))
		}
		out = append(out, f)
	}
	return out
}

// Staying leaves of a state what lies in the same store by two sets of routes. What
// does not is missing where it is to be because the routes changed, and nobody's drift.
func Staying(s schema.State, was, is []schema.StoreRoute) schema.State {
	if reflect.DeepEqual(was, is) {
		return s
	}
	at := func(routes []schema.StoreRoute, key schema.Key) string {
		if i := schema.RouteOf(routes, key); i >= 0 {
			return routes[i].Store
		}
		return ""
	}
	return slices.DeleteFunc(slices.Clone(s), func(r schema.Resource) bool { return at(was, r.Key()) != at(is, r.Key()) })
}

// rerouted tells of what another store has from now on: by the routes of the
// organization that guards the plan, and by those that are asked for.
func (in *Input) rerouted(want schema.State) []Finding {
	if in.Guarding == nil || reflect.DeepEqual(in.Guarding.Stores, in.Organization.Stores) {
		return nil
	}
	was, is := in.Guarding.Stores, in.Organization.Stores
	type way struct{ from, to string }
	moved := make(map[way][]schema.Key)
	var order []way
	for _, r := range want {
		key := r.Key()
		w := way{in.storeOf(was, key, "the one store that there was"), in.storeOf(is, key, "one store for all")}
		if key.Kind == schema.KindDomain || w.from == w.to || !in.leaves(key) {
			continue
		}
		if moved[w] == nil {
			order = append(order, w)
		}
		moved[w] = append(moved[w], key)
	}
	var out []Finding
	for _, w := range order {
		keys := moved[w]
		out = append(out, Finding{Rule: "store-moved", Severity: Warning, Keys: keys,
			Origin: settingAt(in.Provenance, schema.Key{Kind: schema.KindOrganization, Name: in.Organization.Name}, "stores"),
			Text: fmt.Sprintf("by this change %s from %s to %s: mail does not move, and what is in %s stays there",
				number(len(keys), "address goes", "addresses go"), w.from, w.to, w.from)})
	}
	return out
}

// storeOf is the store of a resource. Where there are no routes, it is the one that
// is planned for, if the other routes name it too.
func (in *Input) storeOf(routes []schema.StoreRoute, key schema.Key, one string) string {
	if i := schema.RouteOf(routes, key); i >= 0 {
		return routes[i].Store
	}
	named := func(r schema.StoreRoute) bool { return r.Store == in.Sole }
	if slices.ContainsFunc(in.Organization.Stores, named) || slices.ContainsFunc(in.Guarding.Stores, named) {
		return in.Sole
	}
	return one
}

// leaves reports whether what another store is to have is in its old one: that is what
// is live, when that was read by the old routes, and else what lies aside.
func (in *Input) leaves(key schema.Key) bool {
	if reflect.DeepEqual(in.Routes, in.Organization.Stores) {
		return in.aside(key)
	}
	return in.Live.State.Find(key) != nil
}

func (in *Input) aside(key schema.Key) bool {
	return slices.ContainsFunc(in.Aside, func(a Aside) bool { return slices.Contains(a.Keys, key) })
}
