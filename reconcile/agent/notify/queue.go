package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
	longestAsked = 15 * time.Minute // of what a receiver may ask to wait
)

// A queue holds what a channel is still to be told. Only its own run takes from
// it, so that messages arrive in order.
type queue struct {
	name    string
	channel Channel
	options *Options
	wake    chan struct{} // has room for one: something was pushed

	mu      sync.Mutex
	waiting []message
	missed  int // messages that the receiver was not told of yet
	stats   Stats
}

// A message is an event on its way to one channel.
type message struct {
	Event
	since time.Time // when it was told, for giving up
}

func newQueue(name string, channel Channel, o *Options) *queue {
	return &queue{name: name, channel: channel, options: o, wake: make(chan struct{}, 1)}
}

// push adds an event that the channel wants, and drops the oldest where the
// queue is full: the newest says best how things are.
func (q *queue) push(e Event) {
	if only, chosen := q.options.Only[q.name]; chosen && !slices.Contains(only, e.Kind) {
		return
	}
	q.mu.Lock()
	if len(q.waiting) == q.options.Queue {
		q.waiting = slices.Delete(q.waiting, 0, 1)
		q.missed++
		q.stats.Dropped++
		q.stats.Waiting--
	}
	q.waiting = append(q.waiting, message{e, time.Now()})
	q.stats.Waiting++
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop takes the oldest message. It says what was lost before it.
func (q *queue) pop() (message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return message{}, false
	}
	m := q.waiting[0]
	q.waiting = slices.Delete(q.waiting, 0, 1)
	m.Dropped, q.missed = q.missed, 0
	return m, true
}

// done counts what became of a message.
func (q *queue) done(m *message, sent bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Waiting--
	if sent {
		q.stats.Sent++
		return
	}
	q.stats.Failed++
	q.missed += m.Dropped + 1
}

func (q *queue) count() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// run delivers until ctx ends. Sending goes on a little longer than waiting: a
// message that is half sent is not torn off, and the last words are spoken.
func (q *queue) run(ctx context.Context) {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		end := time.AfterFunc(q.options.Farewell, stop)
		context.AfterFunc(sending, func() { end.Stop() })
	})()
	for {
		for m, ok := q.pop(); ok; m, ok = q.pop() {
			q.deliver(ctx, sending, &m)
		}
		select {
		case <-ctx.Done():
			if q.count().Waiting == 0 {
				return
			}
		case <-q.wake:
		}
	}
}

// deliver sends a message, again and again until it is worth no more attempt.
func (q *queue) deliver(waiting, sending context.Context, m *message) {
	for attempt := 0; ; attempt++ {
		err := q.attempt(sending, m)
		if err == nil {
			q.done(m, true)
			return
		}
		failure := &Failure{}
		_ = errors.As(err, &failure)
		wait := pause(attempt, failure.After)
		if failure.Permanent || waiting.Err() != nil || time.Since(m.since)+wait > q.options.GiveUp {
			q.done(m, false)
			q.options.Log.Warn("notification given up", "channel", q.name, "kind", string(m.Kind), "event", m.ID, "attempts", attempt+1, "error", describe(err))
			return
		}
		q.options.Log.Debug("notification delayed", "channel", q.name, "event", m.ID, "wait", wait, "error", describe(err))
		sleep(waiting, wait)
	}
}

func (q *queue) attempt(ctx context.Context, m *message) error {
	ctx, stop := context.WithTimeout(ctx, q.options.Timeout)
	defer stop()
	e := m.Event
	e.Lines = slices.Clone(e.Lines) // channels share the event
	return q.channel.Send(ctx, e)
}

// describe is what may be logged of an error. One that is no Failure was not
// written here, and may hold anything.
func describe(err error) string {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return failure.Text
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "stopped"
	}
	return "it cannot be sent"
}

// pause is how long to wait after an attempt: twice as long each time, spread
// so that many agents do not come back at once, and no less than was asked.
func pause(attempt int, asked time.Duration) time.Duration {
	wait := longestPause
	if attempt < 16 {
		wait = min(firstPause<<attempt, longestPause)
	}
	wait = wait/2 + rand.N(wait/2)
	return max(wait, min(asked, longestAsked))
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
