package simhttp

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A Throttle is a limit of requests. The zero value is none.
type Throttle struct {
	PerMinute int           `json:"perMinute,omitempty"` // requests within any 60 seconds; one more locks the client out
	Lock      time.Duration `json:"lock,omitempty"`      // for so long, which the client is not told; 0 is 15 minutes
	As        string        `json:"as,omitempty"`        // one of ThrottledAs; "" is the first
}

// ThrottledAs are the ways in which a service says that there were too many
// requests. Which one a service takes is not documented.
var ThrottledAs = []string{"429", "429-retry-after", "400", "403"}

// unknownLock is how long a lock-out lasts when nobody says. A secondary source
// names 15 minutes.
const unknownLock = 15 * time.Minute

// tooMany is the only text that was seen of a throttled request.
const tooMany = "You have made too many requests continuously. Please try again after some time."

// A limiter counts requests.
type limiter struct {
	last     []time.Time // within the last minute
	until    time.Time   // of the lock-out
	lockouts int
}

// admit counts a request, and says for how long it is locked out.
func (l *limiter) admit(now time.Time, t Throttle) time.Duration {
	if t.PerMinute <= 0 {
		return 0
	}
	if now.Before(l.until) {
		return l.until.Sub(now)
	}
	for len(l.last) > 0 && !now.Before(l.last[0].Add(time.Minute)) {
		l.last = l.last[1:]
	}
	if len(l.last) < t.PerMinute {
		l.last = append(l.last, now)
		return 0
	}
	lock := t.Lock
	if lock <= 0 {
		lock = unknownLock
	}
	l.last, l.until = nil, now.Add(lock)
	l.lockouts++
	return lock
}

// refuse is the answer to a client that is locked out for so long.
func (f *Front) refuse(left time.Duration) Answer {
	f.mu.Lock()
	as := f.throttle.As
	f.mu.Unlock()
	switch as {
	case "400":
		return f.Service.Error(http.StatusBadRequest, tooMany)
	case "403":
		return f.Service.Error(http.StatusForbidden, tooMany)
	}
	a := f.Service.Error(http.StatusTooManyRequests, tooMany)
	a.Status = http.StatusTooManyRequests
	if as == "429-retry-after" {
		a.Header = map[string]string{"Retry-After": strconv.Itoa(int(math.Ceil(left.Seconds())))}
	}
	return a
}
