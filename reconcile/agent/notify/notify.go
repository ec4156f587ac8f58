// Package notify tells people what the agent did: by webhook, by Slack and what
// understands the same messages, and by e-mail. A Notifier takes events at any
// time without waiting, tells each once, and keeps trying for a while where a
// receiver is away; one that hangs delays no other.
//
// What it was given to reach people is secret (a Slack webhook's URL lets
// anybody write there), so errors and logs name the channel and say what went
// wrong in this package's words, never in those of a server or a library.
// Imports: std only. Mail goes through net/smtp, whose one client is enough for
// a short text to one relay, and whose parts let every step have a deadline.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// A Channel is one way to tell people.
type Channel interface {
	// Send tells an event, and returns soon after ctx ends. A *Failure says
	// whether another attempt may help; any other error is taken to be
	// temporary.
	Send(ctx context.Context, e Event) error
}

// A Failure is why an event was not told. Its text holds no secret.
type Failure struct {
	Text      string
	Permanent bool          // another attempt ends the same
	After     time.Duration // how long the receiver asks to wait; 0 is nothing said
}

func (f *Failure) Error() string { return f.Text }

// Options says how a Notifier works. The zero value is meant for use.
type Options struct {
	Window   time.Duration     // in which equal news is told once; 0 is five minutes
	Only     map[string][]Kind // the kinds that a channel is told; a channel that is not here is told all
	Queue    int               // messages that wait for a channel; 0 is 100
	Timeout  time.Duration     // of one attempt; 0 is 30 seconds
	GiveUp   time.Duration     // how long a message is worth trying; 0 is an hour
	Farewell time.Duration     // what remains for sending when Run is told to stop; 0 is five seconds
	Log      *slog.Logger      // nil is slog.Default
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		at     *time.Duration
		unsaid time.Duration
	}{
		{&o.Window, 5 * time.Minute}, {&o.Timeout, 30 * time.Second}, {&o.GiveUp, time.Hour}, {&o.Farewell, 5 * time.Second},
	} {
		if *d.at <= 0 {
			*d.at = d.unsaid
		}
	}
	if o.Queue <= 0 {
		o.Queue = 100
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

// Stats counts what became of a channel's messages.
type Stats struct {
	Sent    int64
	Failed  int64 // given up after trying
	Dropped int64 // pushed out of a full queue, never tried
	Waiting int   // in the queue now, or on their way
}

// A Notifier tells events to its channels.
type Notifier struct {
	queues []*queue // by name

	mu   sync.Mutex
	told memory
}

// New returns a Notifier for channels by name. It refuses options that name a
// channel or a kind that does not exist: nobody would notice the silence.
func New(channels map[string]Channel, o Options) (*Notifier, error) {
	for name, only := range o.Only {
		if channels[name] == nil {
			return nil, fmt.Errorf("there is no channel %q to choose events for", name)
		}
		for _, kind := range only {
			if !slices.Contains(Kinds(), kind) {
				return nil, fmt.Errorf("channel %q: there is no kind of event %q", name, kind)
			}
		}
	}
	o = o.withDefaults()
	n := &Notifier{told: memory{window: o.Window, keys: make(map[string]about)}}
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		if channels[name] == nil {
			return nil, fmt.Errorf("channel %q is nothing", name)
		}
		n.queues = append(n.queues, newQueue(name, channels[name], &o))
	}
	return n, nil
}

// Tell takes an event for every channel that wants it, unless it is no news. It
// never waits, and may be called from any goroutine, before Run too.
func (n *Notifier) Tell(e Event) {
	e = tidy(e)
	n.mu.Lock()
	defer n.mu.Unlock() // until it is queued, so that every channel has the same order
	if !n.told.isNews(&e, time.Now()) {
		return
	}
	for _, q := range n.queues {
		q.push(e)
	}
}

// Run sends until ctx ends, and then for Options.Farewell at most: what waits
// gets one attempt more. It is called once.
func (n *Notifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, q := range n.queues {
		all.Go(func() { q.run(ctx) })
	}
	all.Wait()
}

// Stats returns the counts by channel.
func (n *Notifier) Stats() map[string]Stats {
	out := make(map[string]Stats, len(n.queues))
	for _, q := range n.queues {
		out[q.name] = q.count()
	}
	return out
}
