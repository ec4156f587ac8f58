package reconcile

import (
	"slices"

	"mailops/schema"
)

// ByHand are the changes that a pull request asks for and somebody has made by hand
// already: a plan shows none of them, and they stay from now on. Base is what was
// asked for before, asked what is asked for now. Fields that mailops leaves alone, or
// that the store cannot hold, are nobody's doing.
func ByHand(base, asked, live schema.State, leave []string, lacks []Lack) []Change {
	for i := range lacks {
		leave = append(slices.Clip(leave), lacks[i].name())
	}
	changes := Diff(base, asked)
	out := changes[:0]
	for _, c := range changes {
		is := live.Find(c.Key)
		switch {
		case c.Op == OpDelete && is == nil, c.Op == OpCreate && is != nil:
			out = append(out, c)
		case c.Op == OpUpdate && is != nil:
			c.Fields = slices.DeleteFunc(c.Fields, func(f FieldChange) bool {
				field, ok := schema.FieldAt(c.Kind, f.Path)
				return !ok || field.Get(is) != f.After || unmanaged(f.Path, leave)
			})
			if len(c.Fields) > 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// ByHandKept is the id of the effects of what is asked for and live already.
const ByHandKept = "by-hand-kept"

// kept says what a plan asks for that is live already: what it would mean, had
// somebody not done it by hand.
func (in *Input) kept(changes []Change) []Effect {
	if len(changes) == 0 {
		return nil
	}
	before := *in
	before.Live.State, before.Base = in.Base, nil
	after, err := Advance(in.Base, changes)
	if err != nil {
		return nil // a change that the base does not take is none of it
	}
	for i := range changes {
		if in.Provenance != nil {
			changes[i].trace(in.Provenance)
		}
	}
	p := &Plan{Changes: changes, Effects: Effects(before, after, changes)}
	attribute(p, in.Base, after, in.Provenance, in.Former)
	e := &effects{in: in}
	told := make(map[schema.Key]bool)
	for _, effect := range p.Effects {
		told[effect.Key] = true
		e.say(effect.Severity, ByHandKept, effect.Key, "asks for what somebody made by hand: %s", effect.Text)
		e.out[len(e.out)-1].Origin = effect.Origin
	}
	for i := range changes {
		if c := &changes[i]; !told[c.Key] {
			e.say(Info, ByHandKept, c.Key, "asks for what somebody made by hand: %s is as it is asked to be", c.Name)
		}
	}
	return e.out
}
