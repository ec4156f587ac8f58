package hosted

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The lengths that a pace goes by.
const (
	window  = time.Minute
	margin  = time.Second // the service's minute is not ours to the last millisecond
	mend    = 10 * window // without a lock-out, for which one more a minute is tried
	mostRun = 24 * time.Hour
)

// A Pace is a budget of requests that everything which talks to a service shares:
// reading and applying, and other processes, through the file of its state. It
// never lets more than PerMinute requests arrive within any minute. Its methods
// may be called at the same time.
type Pace struct {
	PerMinute int           // 0 is 30
	Lock      time.Duration // how long a lock-out is taken to last when nobody says; 0 is 15 minutes. It doubles with each that follows
	Patience  time.Duration // a longer wait is an error instead; 0 is any wait
	Cut       time.Duration // after so long a request has arrived or never will; 0 is a minute
	Clock     Clock
	State     State[Paced]

	mu sync.Mutex
}

// Paced is what a pace remembers.
type Paced struct {
	Sent  []time.Time `json:"sent,omitempty"` // the last instants at which requests of the last minute can have arrived
	Rate  int         `json:"rate,omitempty"` // requests a minute since the last lock-out; 0 is what was asked for
	Until time.Time   `json:"until,omitzero"` // no request before
	Since time.Time   `json:"since,omitzero"` // when the rate was last changed
	Outs  int         `json:"outs,omitempty"` // lock-outs without an answer between them
}

// A Slot is the leave to send one request.
type Slot struct{ at time.Time }

// A WaitError says that a wait would be longer than the patience.
type WaitError struct{ Until time.Time }

// Error says until when.
func (e *WaitError) Error() string {
	return fmt.Sprintf("the service takes no more requests before %s", e.Until.UTC().Format(time.RFC3339))
}

// Take waits until one more request may be sent, and counts it. Whoever has the
// answer, or knows that there will be none, says so with Arrived.
func (p *Pace) Take(ctx context.Context) (Slot, error) {
	for {
		slot, wait, err := p.try()
		if err != nil {
			return Slot{}, fmt.Errorf("keep the request budget: %w", err)
		}
		if wait <= 0 {
			return slot, ctx.Err()
		}
		if p.Patience > 0 && wait > p.Patience {
			return Slot{}, &WaitError{Until: p.Clock.Time().Add(wait)}
		}
		if err := p.Clock.Wait(ctx, wait); err != nil {
			return Slot{}, err
		}
	}
}

// try takes a slot, or says how long there is none.
func (p *Pace) try() (slot Slot, wait time.Duration, err error) {
	err = p.change(func(s *Paced, now time.Time) {
		if wait = s.wait(p.perMinute(), 1, now); wait <= 0 {
			slot.at = now.Add(p.cut())
			s.Sent = append(s.Sent, slot.at)
		}
	})
	return slot, wait, err
}

// Arrived says that the request was answered, or cut off: it cannot arrive later
// than now. Until then it counts as if it came at the last moment. In is whether
// the service let it in, which ends a lock-out.
func (p *Pace) Arrived(slot Slot, in bool) error {
	return p.change(func(s *Paced, now time.Time) {
		if in {
			s.Outs = 0
		}
		if i := slices.IndexFunc(s.Sent, slot.at.Equal); i >= 0 && now.Before(slot.at) {
			s.Sent[i] = now
		}
	})
}

// Throttled says that a request was turned away for too many, and for how long, 0
// when the service does not say. It returns when to go on. Half as many requests
// a minute are sent from then on, and one more again with each ten minutes that
// go well.
func (p *Pace) Throttled(after time.Duration) (until time.Time, err error) {
	err = p.change(func(s *Paced, now time.Time) {
		until = s.lockOut(now, after, p.lock(), p.perMinute())
	})
	return until, err
}

func (s *Paced) lockOut(now time.Time, after, usual time.Duration, asked int) time.Time {
	for range min(s.Outs, 8) {
		usual = min(usual*2, mostRun)
	}
	if after <= 0 {
		after = usual
	}
	s.Outs++
	s.Rate, s.Since, s.Sent = max(s.rate(asked)/2, 1), now, nil
	if until := now.Add(min(after+margin, mostRun)); until.After(s.Until) {
		s.Until = until
	}
	return s.Until
}

// Length is how long it takes until so many requests more have been sent: what a
// plan says of an apply. It is of the state as it is now.
func (p *Pace) Length(requests int) (d time.Duration, err error) {
	err = p.change(func(s *Paced, now time.Time) { d = max(s.wait(p.perMinute(), requests, now), 0) })
	return d, err
}

// change lets the state be changed, after what is past is taken out of it.
func (p *Pace) change(change func(*Paced, time.Time)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.State.Change(func(s *Paced) error {
		now := p.Clock.Time().Round(0) // no monotonic time: it ends with the process
		s.forget(now, p.cut())
		s.recover(now, p.perMinute())
		change(s, now)
		return nil
	})
}

// forget takes out what no minute from now on has in it, and what a clock that was
// set back has put into a future that is not ours.
func (s *Paced) forget(now time.Time, cut time.Duration) {
	s.Sent = slices.DeleteFunc(s.Sent, func(at time.Time) bool {
		return !now.Before(at.Add(window+margin)) || at.After(now.Add(cut))
	})
	slices.SortFunc(s.Sent, time.Time.Compare)
	if s.Until.After(now.Add(mostRun)) {
		s.Until = now.Add(mostRun)
	}
}

// recover tries one request a minute more for each ten minutes that went well.
func (s *Paced) recover(now time.Time, asked int) {
	if s.Rate == 0 || s.Rate >= asked {
		s.Rate = 0
		return
	}
	from := s.Since
	if s.Until.After(from) {
		from = s.Until
	}
	if steps := int(now.Sub(from) / mend); steps > 0 {
		s.Rate, s.Since = min(s.Rate+steps, asked), from.Add(time.Duration(steps)*mend)
	}
}

func (s *Paced) rate(asked int) int {
	if s.Rate > 0 && s.Rate < asked {
		return s.Rate
	}
	return asked
}

// wait is how long it takes until the nth request from now on may be sent, if each
// is sent as soon as it may be and arrives at once.
func (s *Paced) wait(asked, n int, now time.Time) time.Duration {
	rate := s.rate(asked)
	begin := now
	if s.Until.After(begin) {
		begin = s.Until
	}
	sent := slices.Clone(s.Sent[max(len(s.Sent)-rate, 0):])
	full := max((n-1)/rate, 0) // whole minutes, each as the one before
	n -= full * rate
	at := begin
	for range n {
		at = begin
		if len(sent) >= rate {
			if free := sent[len(sent)-rate].Add(window + margin); free.After(at) {
				at = free
			}
		}
		sent = append(sent, at)
	}
	return at.Add(time.Duration(full) * (window + margin)).Sub(now)
}

func (p *Pace) perMinute() int {
	if p.PerMinute <= 0 {
		return 30
	}
	return p.PerMinute
}

func (p *Pace) lock() time.Duration {
	if p.Lock <= 0 {
		return 15 * time.Minute
	}
	return p.Lock
}

func (p *Pace) cut() time.Duration {
	if p.Cut <= 0 {
		return time.Minute
	}
	return p.Cut
}
