package hook

import (
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"
)

// What is remembered of requests, and for how long.
const (
	mostSeen = 20_000 // two of each request
	seenTime = time.Hour
)

type mark [sha256.Size]byte

// seen remembers requests by their ids and by their signatures. An id is not
// signed: who sends a request again can give it another one. Only requests that
// are believed come here, so nobody else can make it forget.
type seen struct {
	mu    sync.Mutex
	marks map[mark]bool
	queue []markAt // in the order of time
}

type markAt struct {
	mark
	at time.Time
}

// before reports whether a request was here before, and remembers it.
func (s *seen) before(now time.Time, kind, id string, signature []byte) bool {
	var marks []mark
	if id != "" {
		marks = append(marks, sha256.Sum256([]byte(kind+" id "+id)))
	}
	if signature != nil {
		marks = append(marks, sha256.Sum256([]byte(kind+" signature "+string(signature))))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now, len(marks))
	known := false
	for _, m := range marks {
		known = known || s.marks[m]
	}
	for _, m := range marks {
		s.remember(m, now)
	}
	return known
}

func (s *seen) remember(m mark, now time.Time) {
	if s.marks[m] {
		return
	}
	if s.marks == nil {
		s.marks = make(map[mark]bool)
	}
	s.marks[m] = true
	s.queue = append(s.queue, markAt{m, now})
}

// forget drops what is too old, and the oldest where room is needed.
func (s *seen) forget(now time.Time, room int) {
	old := 0
	for old < len(s.queue) && (now.Sub(s.queue[old].at) > seenTime || len(s.queue)-old+room > mostSeen) {
		delete(s.marks, s.queue[old].mark)
		old++
	}
	s.queue = s.queue[old:]
}

// sparse says little of what happens often.
type sparse struct {
	mu    sync.Mutex
	next  time.Time
	times int // since the last time that it was said
}

// warn says that requests were refused, at most once a minute. Nothing in it is
// from a request: what comes from anybody stays out of logs.
func (s *sparse) warn(log *slog.Logger, kind string, r Result) {
	if log == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times++
	if now := time.Now(); now.After(s.next) {
		log.Warn("webhooks were refused", "kind", kind, "result", string(r), "times", s.times)
		s.next, s.times = now.Add(time.Minute), 0
	}
}
