package notify

import "time"

// mostKeys bounds what is remembered. More than this many things in trouble at
// once are told a little more often than they should be.
const mostKeys = 1000

// A memory decides what is news.
type memory struct {
	window time.Duration
	keys   map[string]about
}

// about is what was told of one key.
type about struct {
	last    Kind
	at      time.Time
	trouble bool // failed or refused was told, and recovered was not since
}

// isNews reports an event that should be told now, and remembers that it was.
// The window begins when something is told, so that what goes on and on is told
// again each time it has passed.
func (m *memory) isNews(e *Event, now time.Time) bool {
	k, known := m.keys[e.Key]
	switch {
	case e.Kind == Recovered && !k.trouble:
		return false
	case known && k.last == e.Kind && now.Sub(k.at) < m.window:
		return false
	}
	k.last, k.at = e.Kind, now
	switch e.Kind {
	case Failed, Refused:
		k.trouble = true
	case Recovered:
		k.trouble = false
	}
	if !known && len(m.keys) >= mostKeys {
		m.forget(now)
	}
	m.keys[e.Key] = k
	return true
}

// forget makes room: everything that is over, or else the oldest.
func (m *memory) forget(now time.Time) {
	oldest, found := "", false
	for key, k := range m.keys {
		if !k.trouble && now.Sub(k.at) >= m.window {
			delete(m.keys, key)
			continue
		}
		if !found || k.at.Before(m.keys[oldest].at) {
			oldest, found = key, true
		}
	}
	if len(m.keys) >= mostKeys {
		delete(m.keys, oldest)
	}
}
