package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mailops/schema"
)

// An entry is one entry of a user's schedule, with its times as instants.
type entry struct {
	node        *schema.Node
	path        string
	from, until time.Time
}

func (e entry) active(at time.Time) bool { return !at.Before(e.from) && at.Before(e.until) }

func (e entry) reason() string { return cmp.Or(text(e.node.Get("reason")), "a schedule") }

// label names the entry in a sentence.
func (e entry) label() string {
	if reason := text(e.node.Get("reason")); reason != "" {
		return fmt.Sprintf("schedule %q", reason)
	}
	return "a schedule"
}

// schedule reads a user's schedule, in order of time. An entry that ends before
// it begins is left out. Two that overlap must not set one field differently:
// until that is mended, the one that begins later wins.
func (r *resolver) schedule(d *schema.Declaration, u *schema.User) ([]entry, schema.Problems) {
	n := d.Body.Get("schedule")
	if n == nil {
		return nil, nil
	}
	var entries []entry
	var problems schema.Problems
	for i := range n.Items {
		e := entry{node: &n.Items[i], path: schema.IndexPath("schedule", i)}
		var err1, err2 error
		e.from, err1 = r.instant(text(e.node.Get("from")), u, false)
		e.until, err2 = r.instant(text(e.node.Get("until")), u, true)
		if err1 != nil || err2 != nil {
			continue // timezone-known or schema has said so
		}
		if !e.from.Before(e.until) {
			problems = append(problems, d.Problem(e.node.Get("until"), e.path+".until", "window-order", "the entry ends before it begins", ""))
			continue
		}
		problems = append(problems, contradictions(d, entries, e)...)
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return a.from.Compare(b.from) })
	return entries, problems
}

func contradictions(d *schema.Declaration, entries []entry, e entry) schema.Problems {
	var problems schema.Problems
	told := make(map[string]bool) // each field once, however many entries differ
	for _, other := range entries {
		if !e.from.Before(other.until) || !other.from.Before(e.until) {
			continue
		}
		leaves(e.node.Get("set"), "", func(leaf *schema.Node, path string) {
			if there := other.node.Get("set").At(path); there != nil && !told[path] && !same(there, leaf) {
				told[path] = true
				problems = append(problems, d.Problem(leaf, e.path+".set."+path, "window-order",
					fmt.Sprintf("%s, and the entry at %s, which overlaps this one, sets it to %s", show(leaf), d.Pos(other.node), show(there)), "let the two agree, or not overlap"))
			}
		})
	}
	return problems
}

// same reports whether two nodes hold the same value.
func same(a, b *schema.Node) bool {
	return a.Kind == b.Kind && a.Text == b.Text && slices.EqualFunc(a.Items, b.Items, func(x, y schema.Node) bool {
		return x.Key == y.Key && same(&x, &y)
	})
}

// instant reads a #Time of the law. end says that it closes a window, which is
// never shorter than it reads: a date alone is then the end of that day, and a
// time that the clock shows twice is the later one. A time that daylight saving
// skips is the moment at which it is skipped.
func (r *resolver) instant(s string, u *schema.User, end bool) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	name, _ := r.timezone(u)
	loc, err := r.zone(name)
	if err != nil {
		return time.Time{}, err
	}
	if date, err := time.Parse(time.DateOnly, s); err == nil {
		if end {
			date = date.AddDate(0, 0, 1)
		}
		return Wall(date, loc, false), nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return Wall(t, loc, end), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time", s)
}

func (r *resolver) zone(name string) (*time.Location, error) {
	if loc, ok := r.zones[name]; ok {
		return loc, nil
	}
	loc, err := time.LoadLocation(name)
	if err == nil {
		r.zones[name] = loc
	}
	return loc, err
}

// Wall returns the instant at which the clocks of loc show what t shows in UTC.
// Where they show it twice, at the end of daylight saving, it is the earlier
// one, or the later one if later is set. Where they never show it, at its
// beginning, it is the instant at which they skip it.
func Wall(t time.Time, loc *time.Location, later bool) time.Time {
	const day = 24 * time.Hour // no zone changes its offset twice within a day of a time
	before, after := offset(t.Add(-day), loc), offset(t.Add(day), loc)
	first, second := t.Add(-before), t.Add(-after)
	shows := func(u time.Time) bool { return offset(u, loc) == t.Sub(u) }
	switch {
	case shows(first) && shows(second) && later:
		return latest(first, second)
	case shows(first) && (!shows(second) || !second.Before(first)):
		return first
	case shows(second):
		return second
	}
	skipped, _ := first.In(loc).ZoneBounds()
	return skipped.UTC()
}

// offset is how far the clocks of loc are ahead of UTC.
func offset(t time.Time, loc *time.Location) time.Duration {
	_, seconds := t.In(loc).Zone()
	return time.Duration(seconds) * time.Second
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
