package agent

import (
	"context"
	"io/fs"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/track"
	"mailops/schema/window"
)

// A hand is what an agent holds between looks: the commit in force, the one that
// waits to be, and the live store as it was last seen. It can be lost at any
// time; everything in it is found again.
type hand struct {
	tracker *track.Tracker

	known bool    // the ledger was asked what is in force
	lost  string  // the revision that was, and the repository does not have
	force *commit // nil: none yet
	whole bool    // all that it asks for was carried out
	base  schema.State
	since time.Time // when it came into force
	run   int64     // that brought it

	newest  *commit // the head, when it is another and right; nil while it is in force, or wrong
	verdict Verdict // on the head, while it is not in force

	seen   bool // live was read
	live   reconcile.Live
	note   int64                     // the last note that live accounts for
	notes  map[string]reconcile.Note // who changed a name last, and when
	runs   []reconcile.Run           // those that the budgets look at, newest first
	pauses reconcile.Pauses
	window window.State
	healed map[schema.Key]map[string][]time.Time // when a field was taken back, in the last hour
	closed bool                                  // healed has been filled from the ledger

	coming        []Coming // in the next two weeks, as of foreseen
	foreseen      time.Time
	foreseenFor   string // the revision
	foreseenTimed int

	heldNow  []reconcile.Held
	adopted  string // what the last proposal was made of
	proposal Proposed
	plan     *reconcile.Plan // the last one that had changes or was refused
	terms    string          // that the last plan was made under
	logged   map[string]bool // what was logged of the last look
}

// A commit is a revision with what it asks for.
type commit struct {
	Revision
	fs   fs.FS
	want *track.Want
}

// A Verdict says what is wrong with the newest revision.
type Verdict struct {
	Revision Revision            `json:"revision"`
	State    State               `json:"state"`
	Problems schema.Problems     `json:"problems,omitempty"`
	Findings []reconcile.Finding `json:"findings,omitempty"`
	Text     string              `json:"text,omitempty"`
	Since    time.Time           `json:"since"`
}

// A State says how the newest revision stands.
type State string

// The states of the newest revision.
const (
	StateApplied   State = "applied"   // it is in force
	StateInvalid   State = "invalid"   // its declarations have problems
	StateRefused   State = "refused"   // a guard or rule refuses its plan
	StateRewritten State = "rewritten" // it does not come after the one in force
	StateWaiting   State = "waiting"   // it is in force, and a part of it waits
)

// nextAt is when something changes by itself; zero is never.
func (h *hand) nextAt() time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, c := range []*commit{h.force, h.newest} {
		if c == nil || c.want == nil {
			continue
		}
		if t := c.want.Next(); t != nil {
			consider(t.At)
		}
	}
	consider(h.window.Until)
	now := time.Now()
	for _, p := range h.pauses.InForce(now) {
		consider(p.Until)
	}
	return next
}

// readWhole reads the live store, and shares with like what is the same: what is
// equal once is one value, and costs neither memory nor comparing again.
func (h *hand) readWhole(ctx context.Context, s Store, like schema.State) error {
	notes, err := s.Notes(ctx, h.note)
	if err != nil {
		return err
	}
	live := reconcile.Live{Observed: make(map[schema.Address]schema.Observed)}
	for row, err := range s.Read(ctx) {
		if err != nil {
			return err
		}
		var is schema.Resource
		if is, like = like.Next(row.Resource); is != nil && schema.Same(is, row.Resource) {
			row.Resource = is
		}
		live.State = append(live.State, row.Resource)
		if row.Observed != (schema.Observed{}) {
			live.Observed[row.Key().Address()] = row.Observed
		}
	}
	h.live, h.seen = live, true
	h.witnessed(notes)
	return nil
}

// readNoted reads what others have changed since the last look. It reports
// whether there was anything.
func (h *hand) readNoted(ctx context.Context, s Store) (bool, error) {
	notes, err := s.Notes(ctx, h.note)
	if err != nil || len(notes) == 0 {
		return false, err
	}
	names := make([]string, 0, len(notes))
	for _, n := range notes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	if err := h.readNames(ctx, s, slices.Compact(names)); err != nil {
		return false, err
	}
	h.witnessed(notes)
	return true, nil
}

// readNames reads again what has these names.
func (h *hand) readNames(ctx context.Context, s Store, names []string) error {
	rows, err := s.Look(ctx, names)
	if err != nil {
		return err
	}
	state := slices.Clone(h.live.State)
	for _, name := range names {
		for _, kind := range schema.LiveKinds {
			if i, is := find(state, schema.Key{Kind: kind, Name: name}); is {
				state = slices.Delete(state, i, i+1)
			}
		}
	}
	for _, name := range names {
		delete(h.live.Observed, schema.Address(name))
	}
	for _, row := range rows {
		resource := row.Resource
		if h.force != nil {
			if is := h.force.want.State.Find(row.Key()); is != nil && schema.Same(is, resource) {
				resource = is
			}
		}
		i, _ := find(state, row.Key())
		state = slices.Insert(state, i, resource)
		if row.Observed != (schema.Observed{}) {
			h.live.Observed[row.Key().Address()] = row.Observed
		}
	}
	h.live.State = state
	return nil
}

// find is where a key is in a state, or belongs.
func find(s schema.State, key schema.Key) (int, bool) {
	return slices.BinarySearchFunc(s, key, func(r schema.Resource, k schema.Key) int { return r.Key().Compare(k) })
}

func (h *hand) witnessed(notes []reconcile.Note) {
	if h.notes == nil {
		h.notes = make(map[string]reconcile.Note)
	}
	for _, n := range notes {
		h.notes[n.Name] = n
		h.note = max(h.note, n.ID)
	}
}

// fought are the fields that were taken back as often as the organization
// allows in an hour.
func (h *hand) fought(limit int64, now time.Time) map[schema.Key]reconcile.Paths {
	out := make(map[schema.Key]reconcile.Paths)
	for key, fields := range h.healed {
		for path, times := range fields {
			times = slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
			fields[path] = times
			if int64(len(times)) >= limit {
				out[key] = append(out[key], path)
			}
		}
		for path, times := range fields {
			if len(times) == 0 {
				delete(fields, path)
			}
		}
		if len(fields) == 0 {
			delete(h.healed, key)
		}
	}
	for key := range out {
		slices.Sort(out[key])
	}
	return out
}

// noteHealed remembers which fields a run took back.
func (h *hand) noteHealed(changes []reconcile.Change, at time.Time) {
	if h.healed == nil {
		h.healed = make(map[schema.Key]map[string][]time.Time)
	}
	for i := range changes {
		for _, f := range changes[i].Fields {
			if !f.Drift {
				continue
			}
			path := f.Path
			if changes[i].Op != reconcile.OpUpdate {
				path = "" // the resource itself
			}
			key := changes[i].Key
			if h.healed[key] == nil {
				h.healed[key] = make(map[string][]time.Time)
			}
			h.healed[key][path] = append(h.healed[key][path], at)
			if path == "" {
				break
			}
		}
	}
}
