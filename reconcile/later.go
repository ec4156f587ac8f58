package reconcile

import (
	"cmp"
	"slices"
	"time"

	"mailops/schema"
)

// A Later is what changes by itself at a later time, with no commit.
type Later struct {
	At time.Time `json:"at"` // in the time zone of the organization
	schema.Key
	Reason    string         `json:"reason"`              // such as `schedule "leave" begins`
	Cancelled bool           `json:"cancelled,omitempty"` // it was to happen, and does not any more
	Fields    []FieldChange  `json:"fields"`
	Effects   []Effect       `json:"effects,omitempty"`
	Origin    *schema.Origin `json:"origin,omitempty"` // the line that says when
}

// A Step is what one user becomes by themselves at one time.
type Step struct {
	At            time.Time
	Reason        string
	Origin        *schema.Origin
	Before, After *schema.User
}

// mostLater is how many steps a plan tells.
const mostLater = 500

// Foretell adds to a plan what the declarations do by themselves later: will are
// the steps that users take, and was those that they would have taken before; what
// is in both is no news. The effects are those on the state that the plan leaves,
// as the steps until then leave it.
func (p *Plan) Foretell(in Input, will, was []Step) error {
	steps, cancelled := in.later(will), in.later(was)
	if len(steps)+len(cancelled) == 0 {
		return nil
	}
	news, gone := unlike(steps, cancelled), unlike(cancelled, steps)
	for i := range gone {
		gone[i].Cancelled = true
	}
	told := append(news, gone...)
	slices.SortFunc(told, Later.compare)
	p.Later, p.LaterMore = told, 0
	if len(told) > mostLater {
		p.Later, p.LaterMore = told[:mostLater], len(told)-mostLater
	}
	if len(news) > 0 {
		after, err := Advance(in.Live.State, p.Changes)
		if err == nil {
			err = p.consequences(in, after, steps)
		}
		if err != nil {
			return err
		}
	}
	p.Seal()
	return nil
}

// later turns steps into what is told of them: fields that mailops leaves alone do
// not change.
func (in *Input) later(steps []Step) []Later {
	zone, err := time.LoadLocation(in.Organization.Timezone)
	if err != nil {
		zone = time.UTC
	}
	var out []Later
	for _, s := range steps {
		c, _ := update(s.Before, s.After)
		c.Fields = slices.DeleteFunc(c.Fields, func(f FieldChange) bool { return unmanaged(f.Path, in.Organization.Unmanaged) })
		if len(c.Fields) > 0 {
			out = append(out, Later{At: s.At.In(zone), Key: s.After.Key(), Reason: s.Reason, Fields: c.Fields, Origin: s.Origin})
		}
	}
	slices.SortFunc(out, Later.compare)
	return out
}

func (l Later) compare(m Later) int { return cmp.Or(l.At.Compare(m.At), l.Key.Compare(m.Key)) }

// unlike are those of all that are not among others. Both are in order.
func unlike(all, others []Later) []Later {
	var out []Later
	for _, l := range all {
		i, found := slices.BinarySearchFunc(others, l, Later.compare)
		if !found || !slices.EqualFunc(l.Fields, others[i].Fields, func(f, g FieldChange) bool { return f.Path == g.Path && f.Before == g.Before && f.After == g.After }) {
			out = append(out, l)
		}
	}
	return out
}

// consequences finds out what the steps mean to people, those of one time
// together.
func (p *Plan) consequences(in Input, state schema.State, steps []Later) error {
	in.Base = nil // what somebody does by hand until then, nobody knows
	for len(steps) > 0 {
		n := slices.IndexFunc(steps, func(l Later) bool { return !l.At.Equal(steps[0].At) })
		if n < 0 {
			n = len(steps)
		}
		now := steps[:n]
		steps = steps[n:]
		changes := changesOf(now, state)
		next, err := replace(state, changes)
		if err != nil {
			return err
		}
		if told := p.toldAt(now[0].At); len(told) > 0 {
			in.Live.State = state
			share(told, Effects(in, next, changes))
		}
		state = next
	}
	return nil
}

// toldAt are the steps of one time that the plan tells as its own.
func (p *Plan) toldAt(at time.Time) []*Later {
	var out []*Later
	for i := range p.Later {
		if l := &p.Later[i]; l.At.Equal(at) && !l.Cancelled {
			out = append(out, l)
		}
	}
	return out
}

// share gives each step its effects: those on its user, and to the first one those
// on what the mail of users passes.
func share(steps []*Later, effects []Effect) {
	for _, e := range effects {
		to := steps[0]
		if e.Kind == schema.KindUser {
			i := slices.IndexFunc(steps, func(l *Later) bool { return l.Key == e.Key })
			if i < 0 {
				continue // of a step that is no news
			}
			to = steps[i]
		}
		e.Origin = to.Origin
		to.Effects = append(to.Effects, e)
	}
}

// changesOf are the steps as changes of a state. Users who are not there, since
// the plan leaves them out, take none.
func changesOf(steps []Later, state schema.State) []Change {
	var out []Change
	for _, l := range steps {
		if state.Find(l.Key) != nil {
			out = append(out, Change{Key: l.Key, Op: OpUpdate, Fields: l.Fields})
		}
	}
	return out
}

// replace carries out updates on a copy of a state.
func replace(s schema.State, updates []Change) (schema.State, error) {
	out := slices.Clone(s)
	for i := range updates {
		at, _ := slices.BinarySearchFunc(out, updates[i].Key, func(r schema.Resource, k schema.Key) int { return r.Key().Compare(k) })
		after, err := updates[i].Apply(out[at])
		if err != nil {
			return nil, err
		}
		out[at] = after
	}
	return out, nil
}
