package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// Terms say what of a want an agent carries out now. The zero value is all of it.
type Terms struct {
	At      time.Time
	Base    schema.State          // what the commit in force asks for; nil: not known, and all differences are the want's own
	Drift   schema.Drift          // what is done about the others
	Pauses  Pauses                // what nobody may touch
	Closed  *Closed               // nil: changes are applied now
	Fought  map[schema.Key]Paths  // fields that another writer keeps changing back
	Refused map[schema.Key]string // resources whose change a rule refuses, and why
}

// Closed says that changes wait, but urgent ones.
type Closed struct {
	Until  time.Time // zero: nobody knows
	Reason string
	Urgent []string // fields of users that do not wait
}

// Paths are fields of one resource.
type Paths []string

// A Held is a change, or some fields of one, that is not carried out now.
type Held struct {
	Change
	Why    Why       `json:"why"`
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

// A Why is a reason to hold a change.
type Why string

// The reasons to hold a change.
const (
	HeldReport  Why = "report"  // drift that is only told
	HeldAdopt   Why = "adopt"   // drift that is proposed as a change of the declarations
	HeldFight   Why = "fight"   // drift that another writer brings back again and again
	HeldPaused  Why = "paused"  // somebody has paused it
	HeldWindow  Why = "window"  // it is no time for changes
	HeldRefused Why = "refused" // a rule refuses it
	HeldWith    Why = "with"    // it makes no sense without another one that is held
)

// Settle edits a want so that what is not to be carried out now is as it is
// live, and tells what that is, in key order. It edits the want, and not the
// difference, so that no later step needs to know. Names hold together: an
// address that changes its kind, a rename, and a domain with what is in it wait
// as a whole.
func Settle(want, live schema.State, t Terms) (schema.State, []Held) {
	s := &settlement{Terms: t, want: want, live: live, changes: Diff(live, want), whole: make(map[schema.Key]Held)}
	for i := range s.changes {
		s.look(&s.changes[i])
	}
	s.holdTogether()
	if len(s.whole)+len(s.parts) == 0 {
		return want, nil
	}
	held := slices.Clone(s.parts)
	for _, h := range s.whole {
		held = append(held, h)
	}
	slices.SortStableFunc(held, func(a, b Held) int { return a.Key.Compare(b.Key) })
	return s.settled(), held
}

type settlement struct {
	Terms
	want, live schema.State
	changes    []Change
	whole      map[schema.Key]Held // changes that wait as a whole
	parts      []Held              // fields of updates that wait
}

// look decides about one change.
func (s *settlement) look(c *Change) {
	MarkDrift(c, s.Base, s.want)
	if c.Op != OpUpdate {
		drift := len(c.Fields) > 0 && c.Fields[0].Drift
		if why := s.why(c, FieldChange{Drift: drift}); why.Why != "" {
			why.Change = *c
			s.whole[c.Key] = why
		}
		return
	}
	first := len(s.parts)
	for _, f := range c.Fields {
		why := s.why(c, f)
		if why.Why == "" {
			continue
		}
		same := slices.IndexFunc(s.parts[first:], func(h Held) bool { return h.Why == why.Why })
		if same < 0 {
			why.Change = Change{Key: c.Key, Op: c.Op, Version: c.Version}
			same, s.parts = len(s.parts)-first, append(s.parts, why)
		}
		s.parts[first+same].Fields = append(s.parts[first+same].Fields, f)
	}
}

// why says why a field, or a whole change, waits; the zero value when it does not.
func (s *settlement) why(c *Change, f FieldChange) Held {
	if reason, refused := s.Refused[c.Key]; refused {
		return Held{Why: HeldRefused, Reason: reason}
	}
	if p := s.Pauses.Of(c.Key, s.At); p != nil {
		return Held{Why: HeldPaused, Reason: p.Reason, Until: p.Until}
	}
	if s.Closed != nil && !s.Closed.urgent(c, f) {
		return Held{Why: HeldWindow, Reason: s.Closed.Reason, Until: s.Closed.Until}
	}
	if !f.Drift {
		return Held{}
	}
	switch s.Drift.Of(c.Kind, f.Path) {
	case schema.DriftAdopt:
		return Held{Why: HeldAdopt}
	case schema.DriftHeal:
		if slices.Contains(s.Fought[c.Key], f.Path) {
			return Held{Why: HeldFight, Reason: fmt.Sprintf("taken back %d times in an hour, and changed again", s.Drift.Fights)}
		}
		return Held{}
	}
	return Held{Why: HeldReport}
}

// urgent reports whether a field does not wait: to lock somebody out never does.
func (c *Closed) urgent(of *Change, f FieldChange) bool {
	if of.Kind != schema.KindUser || of.Op != OpUpdate {
		return false
	}
	if f.Path == "status" && (f.After == `"suspended"` || f.After == `"deactivated"`) {
		return true
	}
	return slices.ContainsFunc(c.Urgent, func(u string) bool { return u == f.Path || strings.HasPrefix(f.Path, u+".") })
}

// holdTogether holds what makes no sense without something that is held.
func (s *settlement) holdTogether() {
	units := renamed(s.want, s.live)
	for before := -1; before != len(s.whole); {
		before = len(s.whole)
		names, domains, kept := make(map[string]schema.Key), make(map[string]schema.Key), make(map[string]schema.Key)
		with := make(map[schema.Key]schema.Key)
		for key, h := range s.whole {
			switch {
			case key.Kind == schema.KindDomain && h.Op == OpCreate:
				domains[key.Name] = key
			case key.Kind != schema.KindDomain:
				names[key.Name] = key
				if h.Op == OpDelete {
					kept[key.Domain()] = key
				}
			}
			for _, other := range units[key] {
				with[other] = key
			}
		}
		for i := range s.changes {
			s.holdWith(&s.changes[i], names, domains, kept, with)
		}
	}
}

func (s *settlement) holdWith(c *Change, names, domains, kept map[string]schema.Key, units map[schema.Key]schema.Key) {
	if _, held := s.whole[c.Key]; held || c.Op == OpUpdate {
		return
	}
	with, held := units[c.Key]
	switch {
	case held:
	case c.Kind == schema.KindDomain && c.Op == OpDelete:
		with, held = kept[c.Name]
	case c.Kind == schema.KindDomain:
	default:
		if with, held = names[c.Name]; !held {
			with, held = domains[c.Domain()]
		}
	}
	if held {
		s.whole[c.Key] = Held{Change: *c, Why: HeldWith, Reason: "waits with " + with.String(), Until: s.whole[with].Until}
	}
}

// settled is the want with what waits as it is live.
func (s *settlement) settled() schema.State {
	parts := make(map[schema.Key][]FieldChange)
	for _, h := range s.parts {
		parts[h.Key] = append(parts[h.Key], h.Fields...)
	}
	out := make(schema.State, 0, len(s.want))
	for _, r := range s.want {
		if len(s.whole) > 0 || len(parts) > 0 {
			key := r.Key()
			if _, held := s.whole[key]; held {
				continue
			}
			r = asLive(r, parts[key])
		}
		out = append(out, r)
	}
	for key, h := range s.whole {
		if h.Op == OpDelete {
			out = append(out, s.live.Find(key))
		}
	}
	out.Sort()
	return out
}

// asLive is a wanted resource with some fields as they are live.
func asLive(want schema.Resource, fields []FieldChange) schema.Resource {
	if len(fields) == 0 {
		return want
	}
	out := schema.Clone(want)
	for _, f := range fields {
		if field, ok := schema.FieldAt(want.Key().Kind, f.Path); ok {
			_ = field.Set(out, f.Before) // a value that Get printed is one that Set reads
		}
	}
	return out
}

// MarkDrift marks the fields of a change that no commit asks for: those in which
// want is as it was in base, the state that the commit in force asks for. Without
// a base nothing is drift.
func MarkDrift(c *Change, base, want schema.State) {
	if base == nil {
		return
	}
	was, will := base.Find(c.Key), want.Find(c.Key)
	for i := range c.Fields {
		c.Fields[i].Drift = (was == nil) == (will == nil) && same(c.Kind, c.Fields[i].Path, was, will, c.Op)
	}
}

// same reports whether two states of a resource ask for one value of a field. Of
// one that comes or goes the fields do not matter.
func same(kind schema.Kind, path string, was, will schema.Resource, op Op) bool {
	if op != OpUpdate || was == nil || will == nil || was == will {
		return true
	}
	f, ok := schema.FieldAt(kind, path)
	return ok && f.Get(was) == f.Get(will)
}

// Carried is what has been asked for and carried out, once a want was applied but
// for what is held: the base of the next settlement. What waits for other reasons
// than being drift is asked for still.
func Carried(base, want, live schema.State, held []Held) schema.State {
	waits := make(map[schema.Key]Held)
	parts := make(map[schema.Key][]FieldChange)
	for _, h := range held {
		for _, f := range h.Fields {
			if h.Op == OpUpdate && !f.Drift {
				parts[h.Key] = append(parts[h.Key], f)
			}
		}
		if h.Op != OpUpdate && (len(h.Fields) == 0 || !h.Fields[0].Drift) {
			waits[h.Key] = h
		}
	}
	if len(waits)+len(parts) == 0 {
		return want
	}
	if base == nil {
		base = live
	}
	out := make(schema.State, 0, len(want))
	for _, r := range want {
		key := r.Key()
		_, whole := waits[key]
		before := base.Find(key)
		switch {
		case !whole && len(parts[key]) == 0:
			out = append(out, r)
		case !whole:
			out = append(out, asIn(before, r, parts[key]))
		}
	}
	for key := range waits {
		if before := base.Find(key); before != nil {
			out = append(out, before)
		}
	}
	out.Sort()
	return out
}

// asIn is a wanted resource with some fields as they are in base, or live where
// it has none.
func asIn(base, want schema.Resource, fields []FieldChange) schema.Resource {
	if base == nil {
		return asLive(want, fields)
	}
	out := schema.Clone(want)
	for _, f := range fields {
		if field, ok := schema.FieldAt(want.Key().Kind, f.Path); ok {
			_ = field.Set(out, field.Get(base))
		}
	}
	return out
}
