package window

import (
	"time"

	"mailops/schema"
)

// Two years, one of them a leap year, in which windows are looked for. They are
// fixed, so that what is right today is right tomorrow.
var (
	firstDay = time.Date(2027, time.January, 1, 0, 0, 0, 0, time.UTC)
	lastDay  = firstDay.AddDate(2, 0, 0)
)

// mostSteps bounds how long windows are looked at. What is not known by then is
// taken to be right.
const mostSteps = 20_000

// Shut reports whether windows leave no time at all for changes: then none would
// ever be applied, and nobody would say why. The time zone is the
// organization's.
func Shut(windows []schema.ChangeWindow, timezone string) bool {
	all := spans(schema.Organization{Timezone: timezone, Changes: schema.ChangeTimes{Windows: windows}})
	if len(all) < len(windows) || len(all) == 0 {
		return false // what cannot be read is told otherwise
	}
	at := firstDay
	for range mostSteps / len(all) {
		if now, _ := open(all, at); now {
			return false
		}
		if at = later(all, at); at.IsZero() || !at.Before(lastDay) {
			return true
		}
	}
	return false
}

// later is an instant after at, such that no change is applied in between, since
// none is at at.
func later(all []span, at time.Time) time.Time {
	next := at.Add(time.Minute) // windows begin and end at whole minutes
	denied := false
	for _, s := range all {
		if s.Kind == "deny" && !s.end(at).IsZero() {
			denied = true
			if to := s.covers(at); to.After(next) {
				next = to
			}
		}
	}
	if denied {
		return next
	}
	var begins time.Time // outside of all windows that allow, until one of them begins
	for _, s := range all {
		if t := s.Next(at.In(s.zone)); s.Kind == "allow" && !t.IsZero() && (begins.IsZero() || t.Before(begins)) {
			begins = t
		}
	}
	return begins.UTC()
}

// covers is until when a window that at is in lasts in any case: in the longest
// steps for which one beginning is known.
func (s span) covers(at time.Time) time.Time {
	for length := time.Duration(s.Duration); length >= time.Minute; length /= 2 {
		start := s.Next(at.In(s.zone).Add(length - time.Duration(s.Duration) - time.Second))
		if !start.IsZero() && !start.After(at) {
			return at.Add(length).UTC()
		}
	}
	return at
}
