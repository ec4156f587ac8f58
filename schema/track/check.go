package track

import (
	"slices"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// doubts is what a state does not show of its declarations, and the rules that
// span documents look at.
type doubts struct {
	exotic   bool            // an address looks other than ASCII
	hidden   map[string]bool // names that only profiles and schedules refer to
	forwards bool            // a schedule sets forwardings: what is declared and what is resolved may differ
}

func doubtsOf(decls *schema.Declarations) doubts {
	out := doubts{hidden: make(map[string]bool)}
	for i := range decls.All {
		d := &decls.All[i]
		out.add(d)
		if d.Kind != schema.KindProfile && !isShared(d.Kind) {
			out.exotic = out.exotic || load.Exotic(d.Name)
		}
	}
	return out
}

// add notes what a declaration refers to and its resource does not show.
func (x *doubts) add(d *schema.Declaration) {
	scheduled := d.Body.Get("schedule") != nil
	if !scheduled && !isShared(d.Kind) {
		return
	}
	for _, n := range load.Names(d) {
		if !n.Profile {
			x.hidden[n.Text] = true
			x.forwards = x.forwards || scheduled
		}
	}
}

// check holds against the rules that span documents what they could say of a
// want that differs from a right one by some declarations. It returns errLong
// when one might refuse it.
func (w *Want) check(then *Want, gone, come []schema.Declaration) error {
	before, after := namesOf(gone), namesOf(come)
	if len(after) < countNames(come) {
		return errLong // twice
	}
	then.doubts.hidden = clone(w.doubts.hidden)
	for i := range come {
		then.doubts.add(&come[i])
	}
	for name := range after {
		if !before[name] && (w.known(name) || w.doubts.exotic || load.Exotic(name) || w.domain(name) == nil) {
			return errLong
		}
	}
	lost := make(map[string]bool)
	for name := range before {
		if !after[name] {
			lost[name] = true
		}
	}
	if len(lost) > 0 && then.refersTo(lost) {
		return errLong
	}
	for i := range come {
		if !then.refersWell(&come[i]) || then.circular(&come[i]) {
			return errLong
		}
	}
	if len(resolve.Licences(w.shared, then.State)) > 0 {
		return errLong
	}
	return nil
}

func namesOf(decls []schema.Declaration) map[string]bool {
	out := make(map[string]bool)
	for i := range decls {
		for _, key := range keysOf(&decls[i]) {
			out[key.Name] = true
		}
	}
	return out
}

func countNames(decls []schema.Declaration) int {
	n := 0
	for i := range decls {
		n += len(keysOf(&decls[i]))
	}
	return n
}

func clone(m map[string]bool) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

// known reports whether an address is a user, alias or list.
func (w *Want) known(name string) bool { return w.at(name) != nil }

func (w *Want) at(name string) schema.Resource {
	for _, kind := range schema.LiveKinds[1:] {
		if r := w.State.Find(schema.Key{Kind: kind, Name: name}); r != nil {
			return r
		}
	}
	return nil
}

func (w *Want) domain(address string) schema.Resource {
	return w.State.Find(schema.Key{Kind: schema.KindDomain, Name: schema.Address(address).Domain()})
}

// refersTo reports whether something refers to one of these names.
func (w *Want) refersTo(names map[string]bool) bool {
	is := func(a schema.Address) bool { return names[string(a)] }
	if slices.ContainsFunc(w.Organization.Protected, is) {
		return true
	}
	for name := range names {
		if w.doubts.hidden[name] {
			return true
		}
	}
	for _, r := range w.State {
		if slices.ContainsFunc(schema.Targets(r), is) {
			return true
		}
		if u, ok := r.(*schema.User); ok && slices.ContainsFunc(u.Permissions.SendAs, is) {
			return true
		}
		if d, ok := r.(*schema.Domain); ok && is(d.CatchAll) {
			return true
		}
	}
	return false
}

// refersWell reports whether all that a declaration refers to is there.
func (w *Want) refersWell(d *schema.Declaration) bool {
	for _, n := range load.Names(d) {
		switch {
		case n.Profile:
			if !slices.ContainsFunc(w.shared.All, func(p schema.Declaration) bool { return p.Kind == schema.KindProfile && p.Name == n.Text }) {
				return false
			}
		case n.User:
			if w.State.Find(schema.Key{Kind: schema.KindUser, Name: n.Text}) == nil {
				return false
			}
		case !w.known(n.Text) && w.domain(n.Text) != nil:
			return false
		}
	}
	return true
}

// circular reports whether mail may come back to a declaration that sends it on.
func (w *Want) circular(d *schema.Declaration) bool {
	for _, key := range keysOf(d) {
		start := w.State.Find(key)
		if len(schema.Targets(start)) == 0 && d.Body.At("forwarding.to") == nil {
			continue
		}
		if w.doubts.forwards {
			return true // perhaps: nobody knows what is declared
		}
		passed := make(map[schema.Address]bool)
		for open := slices.Clone(schema.Targets(start)); len(open) > 0; {
			a := open[len(open)-1]
			open = open[:len(open)-1]
			if string(a) == key.Name {
				return true
			}
			if !passed[a] {
				passed[a] = true
				open = append(open, schema.Targets(w.at(string(a)))...)
			}
		}
	}
	return false
}
