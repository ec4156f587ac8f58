package folder

import (
	"context"
	"time"
)

// news is a change or trouble, on its way to the reader.
type news struct {
	Event
	err    error // trouble; then there is no event
	urgent bool  // is told without waiting for quiet
}

// mostDoublings bounds how often a storm doubles the times until it is told again.
const mostDoublings = 4

// A lull decides when news is told: trouble at once, changes when they have
// ended for a while. It is a function of the times that it is given.
type lull struct {
	quiet, longest time.Duration

	trouble     error
	changed     bool
	event       Event // all changes that are not told yet, as one
	urgent      bool
	first, last time.Time // of these changes
	before      time.Time // when changes were told before these
	storm       int       // how often in a row changes went on after they were told
}

// note takes in what happened at an instant. Trouble takes the place of the
// changes before it: an event after it says that it is over.
func (l *lull) note(now time.Time, n news) {
	if n.err != nil {
		l.trouble = n.err
		l.forget()
		return
	}
	if !l.changed {
		l.changed, l.first = true, now
		l.storm = min(l.storm+1, mostDoublings)
		if now.Sub(l.before) > l.longest {
			l.storm = 0
		}
	}
	l.last = now
	l.urgent = l.urgent || n.urgent
	l.event.Overflow = l.event.Overflow || n.Overflow
	l.event.Looking = n.Looking
}

// due returns how long it takes until there is something to tell; false when
// there is nothing.
func (l *lull) due(now time.Time) (time.Duration, bool) {
	switch {
	case l.trouble != nil || l.urgent:
		return 0, true
	case !l.changed:
		return 0, false
	}
	quiet := l.last.Add(min(l.quiet<<l.storm, max(l.quiet, l.longest))).Sub(now)
	patience := l.first.Add(l.longest << l.storm).Sub(now)
	return max(0, min(quiet, patience)), true
}

// next is what to tell first.
func (l *lull) next() news {
	if l.trouble != nil {
		return news{err: l.trouble}
	}
	return news{Event: l.event}
}

// told forgets what next returned, as it was told.
func (l *lull) told(now time.Time) {
	if l.trouble != nil {
		l.trouble = nil
		return
	}
	if !l.urgent {
		l.before = now
	}
	l.forget()
}

func (l *lull) forget() { l.changed, l.urgent, l.event = false, false, Event{} }

// settle hands on what it hears when the lull says so, until ctx ends. It always
// listens, also while nobody takes what it has.
func settle(ctx context.Context, o Options, heard <-chan news, settled chan<- news) {
	l := lull{quiet: o.Quiet, longest: o.Longest}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var ready chan<- news
		var wake <-chan time.Time
		switch wait, some := l.due(time.Now()); {
		case some && wait == 0:
			ready = settled
		case some:
			timer.Reset(wait)
			wake = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case n := <-heard:
			l.note(time.Now(), n)
		case ready <- l.next():
			l.told(time.Now())
		}
	}
}
