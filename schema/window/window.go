// Package window says when changes may be applied: the windows of an
// organization, which begin by the fields of cron(5) and last a while. It never
// asks the clock. Imports: schema and a parser of cron's fields.
package window

import (
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"mailops/schema"
)

// Check says what is wrong with a schedule.
func Check(schedule string) error {
	_, err := parse(schedule, "")
	return err
}

func parse(schedule, timezone string) (cron.Schedule, error) {
	text := schedule
	if timezone != "" {
		text = "CRON_TZ=" + timezone + " " + schedule
	}
	s, err := cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no schedule: %w", schedule, err)
	}
	if s.Next(time.Unix(0, 0)).IsZero() {
		return nil, fmt.Errorf("%q never comes", schedule)
	}
	return s, nil
}

// A State is whether changes are applied at an instant, and until when that
// stays so.
type State struct {
	Open   bool      `json:"open"`
	Until  time.Time `json:"until,omitzero"` // the next instant at which Open is otherwise; zero: none within a year
	Reason string    `json:"reason,omitempty"`
}

// A span is a window made ready.
type span struct {
	*schema.ChangeWindow
	cron.Schedule
	zone *time.Location
}

// At says whether changes are applied at an instant. Windows that deny win; when
// there are some that allow, it has to be in one of them.
func At(org schema.Organization, at time.Time) State {
	spans := spans(org)
	now, reason := open(spans, at)
	s := State{Open: now, Reason: reason}
	const most = 10_000 // edges of windows: a window each hour for a year has fewer
	limit := at.AddDate(1, 0, 0)
	for next, i := edge(spans, at), 0; !next.IsZero() && next.Before(limit) && i < most; next, i = edge(spans, next), i+1 {
		if then, _ := open(spans, next); then != now {
			s.Until = next
			break
		}
	}
	return s
}

// spans makes the windows ready. What cannot be read is left out: load has
// refused it.
func spans(org schema.Organization) []span {
	var out []span
	for i := range org.Changes.Windows {
		w := &org.Changes.Windows[i]
		name := w.Timezone
		if name == "" {
			name = org.Timezone
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			continue
		}
		if s, err := parse(w.Schedule, name); err == nil {
			out = append(out, span{w, s, zone})
		}
	}
	return out
}

func open(spans []span, at time.Time) (bool, string) {
	allows := slices.ContainsFunc(spans, func(s span) bool { return s.Kind == "allow" })
	inside := !allows
	for _, s := range spans {
		switch {
		case s.end(at).IsZero():
		case s.Kind == "deny":
			return false, s.Reason
		default:
			inside = true
		}
	}
	return inside, ""
}

// end is when the window that at is in closes; zero when it is in none. One that
// begins again before it has ended goes on.
func (s span) end(at time.Time) time.Time {
	length := time.Duration(s.Duration)
	start := s.Next(at.In(s.zone).Add(-length))
	if start.IsZero() || start.After(at) {
		return time.Time{}
	}
	return start.Add(length)
}

// edge is the next instant after at when a window begins or ends; zero is never.
func edge(spans []span, at time.Time) time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(at) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, s := range spans {
		consider(s.Next(at.In(s.zone)))
		consider(s.end(at))
	}
	return next.UTC()
}
