package resolve

import (
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// A Step is what one user becomes by themselves at one time.
type Step struct {
	At            time.Time
	Reason        string     // all that begins and ends then, in words
	Pos           schema.Pos // the line that says when
	Before, After *schema.User
}

// Steps lists what users become by themselves after the instant of the want, and
// until a time, each user alone. A want knows how one of them begins; what it will
// be takes resolving the user at each of their times. Users that w does not have
// are left out.
func (w *Want) Steps(users []schema.Address, until time.Time) []Step {
	var shared []schema.Declaration
	for _, d := range w.r.decls.All {
		if d.Kind == schema.KindOrganization || d.Kind == schema.KindDomain || d.Kind == schema.KindProfile {
			shared = append(shared, d)
		}
	}
	var out []Step
	for _, user := range users {
		if own := w.r.byKey[schema.Key{Kind: schema.KindUser, Name: string(user)}]; own != nil {
			alone := &schema.Declarations{Defaults: w.r.decls.Defaults, All: append(slices.Clip(shared), *own)}
			out = append(out, steps(alone, own, w.At, until)...)
		}
	}
	return out
}

// steps are those of one user, whose declaration is among d.
func steps(d *schema.Declarations, own *schema.Declaration, at, until time.Time) []Step {
	var out []Step
	before := userAt(d, own, at)
	for _, m := range newResolver(d).moments(own) {
		if !m.at.After(at) || m.at.After(until) || m.at.UTC().Year() > 9999 {
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].At.Equal(m.at) {
			if out[last].Reason != m.reason {
				out[last].Reason += ", and " + m.reason
			}
			continue
		}
		after := userAt(d, own, m.at)
		if before == nil || after == nil {
			return out // a declaration that is wrong is told elsewhere
		}
		out = append(out, Step{m.at, m.reason, own.ValuePos(m.node), before, after})
		before = after
	}
	return out
}

func userAt(d *schema.Declarations, own *schema.Declaration, at time.Time) *schema.User {
	w, _ := At(d, at, nil) // passwords change nothing by themselves
	u, _ := w.State.Find(own.Key()).(*schema.User)
	return u
}

// A moment is when something of a user begins or ends.
type moment struct {
	at     time.Time
	reason string
	node   *schema.Node // which says when
}

// moments are those of a user, in order.
func (r *resolver) moments(d *schema.Declaration) []moment {
	u := r.chain(d).base
	if err := schema.Decode(&d.Body, &u); err != nil {
		return nil
	}
	var out []moment
	if u.TravelMode != nil {
		if until, err := r.instant(u.TravelMode.Until, &u, true); err == nil {
			out = append(out, moment{until, travelEnds, d.Body.Get("travelMode")})
		}
	}
	entries, _ := r.schedule(d, &u)
	for _, e := range entries {
		out = append(out, moment{e.from, e.label() + " begins", e.node.Get("from")}, moment{e.until, e.label() + " ends", e.node.Get("until")})
	}
	slices.SortStableFunc(out, func(a, b moment) int {
		if order := a.at.Compare(b.at); order != 0 {
			return order
		}
		return strings.Compare(a.reason, b.reason)
	})
	return out
}

// travelEnds is why a user changes whose journey is over.
const travelEnds = "travel mode ends"
