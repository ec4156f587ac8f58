package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"mailops/reconcile"
)

// A loop is an agent that runs.
type loop struct {
	*Agent
	store   Store
	at      string // what Where said last
	holder  string // as the store knows this agent
	lease   reconcile.Lease
	hand    hand
	watch   context.CancelFunc // ends what watches the store
	failed  int                // looks in a row that did not do everything
	stoodBy string             // what was said of standing by
	fetched error              // what came of asking the repository last

	out        publishing
	publishers sync.WaitGroup // what is under way, also what nobody waits for any more

	wholeAt time.Time // when the store is to be read whole again
	readFor string    // the newest commit when it was
	pollAt  time.Time
	renewAt time.Time
	restAt  time.Time
}

func newLoop(a *Agent) *loop { return &loop{Agent: a, holder: a.Holder} }

// end lets go of the store.
func (l *loop) end() {
	l.unpublish()
	l.publishers.Wait()
	if l.watch != nil {
		l.watch()
	}
	if l.lease != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := l.lease.Release(ctx); err != nil {
			l.Log.Warn("agent: the store was not given free", "error", err)
		}
	}
	if l.store != nil {
		_ = l.store.Close() // everything is committed
	}
}

// run looks whenever something asks for it.
func (l *loop) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go l.follow(ctx)
	l.triggers.pull(CauseStart)
	for {
		byItself := l.hand.nextAt()
		timer := time.NewTimer(time.Until(l.next(byItself)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			l.expire(ctx, byItself)
		case got := <-l.out.done:
			timer.Stop()
			l.published(got)
		case <-l.triggers.wake:
			timer.Stop()
		}
		causes := l.triggers.take()
		if len(causes) == 0 {
			continue
		}
		if l.turn(ctx, causes) > small {
			l.restAt = time.Now().Add(quiet)
		}
		l.triggers.answer()
	}
}

// When an agent gives memory back: after a look that took longer than a small
// one, as soon as none has come for a while.
const (
	small = 20 * time.Millisecond
	quiet = 5 * time.Second
)

// rest gives back the memory that looks have taken: between them an agent is
// small.
func (l *loop) rest() {
	if s, ok := l.Source.(interface{ Forget() }); ok {
		s.Forget()
	}
	debug.FreeOSMemory()
}

// follow pulls the trigger when the source has another revision. A source that
// cannot be watched is polled.
func (l *loop) follow(ctx context.Context) {
	moved, err := l.Source.Watch(ctx)
	if err != nil {
		l.Log.Warn("agent: the repository is polled alone", "error", err, "interval", l.Interval)
		return
	}
	for {
		select {
		case _, open := <-moved:
			if !open {
				return
			}
			l.triggers.pull(CauseSource)
		case <-ctx.Done():
			return
		}
	}
}

// next is when something is due by the clock: a look, a sign of life, or what
// changes by itself.
func (l *loop) next(byItself time.Time) time.Time {
	next := l.pollAt
	for _, t := range []time.Time{l.renewAt, l.restAt, l.out.is.Next, byItself} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if next.IsZero() {
		next = time.Now().Add(l.Interval)
	}
	return next
}

// expire does what is due by the clock.
func (l *loop) expire(ctx context.Context, byItself time.Time) {
	now := time.Now()
	if due(l.renewAt, now) {
		l.renew(ctx)
	}
	if due(l.restAt, now) {
		l.restAt = time.Time{}
		l.rest()
	}
	if due(l.out.is.Next, now) {
		l.publish(ctx)
	}
	if due(l.pollAt, now) {
		cause := CausePoll
		if l.failed > 0 {
			cause = CauseRetry
		}
		l.triggers.pull(cause)
	}
	if due(byItself, now) {
		l.triggers.pull(CauseTime)
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// renew says that this agent is alive. When another one has taken over, it
// stands by.
func (l *loop) renew(ctx context.Context) {
	l.renewAt = time.Now().Add(reconcile.LeasePace)
	if l.lease == nil {
		return
	}
	if err := l.lease.Renew(ctx); errors.Is(err, reconcile.ErrFenced) {
		l.fenced(err)
		l.triggers.pull(CauseRetry) // and stand by
	}
}

// fenced lets go of everything: another agent leads. It may have our name, and a
// name takes over from itself at once: from here on this one is told apart by a
// number, or the two would take the store from each other for ever.
func (l *loop) fenced(err error) {
	l.Log.Error("agent: another agent has taken over", "error", err)
	l.lease = nil
	l.unpublish()
	l.hand = hand{}
	l.holder = fmt.Sprintf("%s, %08x", l.Holder, rand.Uint32())
	if l.watch != nil {
		l.watch()
		l.watch = nil
	}
}

// turn looks once, says when to look again, and returns how long it took.
func (l *loop) turn(ctx context.Context, causes []Cause) time.Duration {
	began := time.Now()
	p := &pass{loop: l, causes: causes, report: Report{At: began.UTC(), Causes: causes}}
	err := p.look(ctx)
	took := time.Since(began)
	if ctx.Err() != nil {
		return took
	}
	if errors.Is(err, reconcile.ErrFenced) {
		l.fenced(err)
	}
	l.schedule(err)
	l.publishAfter(&p.report)
	p.finish(err, took)
	return took
}

// schedule sets when to look again: after the interval, or sooner and then ever
// later while looks fail.
func (l *loop) schedule(err error) {
	wait := l.Interval
	switch {
	case errors.Is(err, reconcile.ErrLed), errors.Is(err, reconcile.ErrFenced):
		wait = min(standby, l.Interval)
		l.failed = 0
	case err != nil:
		wait = min(firstRetry<<min(l.failed, 12), lastRetry, max(l.Interval, firstRetry))
		l.failed++
	default:
		l.failed = 0
	}
	l.pollAt = time.Now().Add(jitter(wait))
	if l.renewAt.IsZero() {
		l.renewAt = time.Now().Add(reconcile.LeasePace)
	}
}

// jitter makes a wait up to a tenth longer, so that many agents do not ask at
// once.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/10+1))
}

// lead opens the store, becomes its agent, and watches it.
func (l *loop) lead(ctx context.Context) error {
	if l.store == nil {
		s, err := l.Open(ctx)
		if err != nil {
			return err
		}
		l.store = s
	}
	if l.lease == nil {
		lease, err := l.store.Lead(ctx, l.holder)
		if err != nil {
			return err
		}
		l.lease, l.renewAt = lease, time.Now().Add(reconcile.LeasePace)
		l.hand = hand{} // what the one before knew, this one finds out
		l.Log.Info("agent: leads the store", "store", l.Name, "epoch", lease.Epoch())
	}
	if l.watch == nil {
		watching, stop := context.WithCancel(ctx)
		l.watch = stop
		go func() {
			for range l.store.Watch(watching) {
				l.triggers.pull(CauseStore)
			}
		}()
	}
	return nil
}

// asksSource reports whether one of the causes is about the repository.
func asksSource(causes []Cause) bool {
	return slices.ContainsFunc(causes, func(c Cause) bool { return c != CauseStore && c != CauseTime })
}
