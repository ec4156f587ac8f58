package agent

import (
	"context"
	"errors"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/reconcile/snapshot"
)

// A Publisher puts snapshots of the live store where previews of pull requests
// find them.
type Publisher interface {
	// Publish takes a snapshot and puts it in the place of the one before.
	Publish(ctx context.Context, s snapshot.Source, o snapshot.Options) (snapshot.Written, error)

	// Where says where that is, in words.
	Where() string
}

// A Publication is how the publishing of snapshots stands.
type Publication struct {
	Where  string    `json:"where"`
	At     time.Time `json:"at,omitzero"`      // as of when the last one is; zero: this agent has published none
	Next   time.Time `json:"next,omitzero"`    // when the next one is due; zero: one is under way
	Failed int       `json:"failed,omitempty"` // tries in a row that failed
	Error  string    `json:"error,omitempty"`  // of the last try
}

// The times of publishing that nobody chooses.
const (
	defaultPublish = time.Hour
	publishPace    = time.Minute     // between two that were not asked for by the clock
	publishTime    = 5 * time.Minute // that one may take
	mostDisturbed  = 5               // tries in a row that somebody gets in between of, and nobody is told
)

// A publishing is what a loop knows of the snapshots that it publishes. It goes on
// beside looks: what it waits for keeps no commit from being applied.
type publishing struct {
	is        Publication
	began     time.Time // the last try; zero: there was none
	stale     bool      // rows were changed since
	disturbed int       // tries in a row that somebody got in between of
	stop      context.CancelFunc
	done      chan published // nil: none is under way
}

// A published is what came of a try.
type published struct {
	snapshot.Written
	took time.Duration
	err  error
}

// publishAfter says when the next snapshot is due, after a look: at once when there
// was none, and soon when the look changed rows. Only who leads the store, and
// knows what is in force, publishes.
func (l *loop) publishAfter(r *Report) {
	out := &l.out
	if l.Publish == nil || l.lease == nil || l.hand.force == nil {
		return
	}
	out.is.Where = l.Publish.Where()
	out.stale = out.stale || r.Run != 0 && len(r.Plan.Changes) > 0
	switch {
	case out.done != nil || out.is.Failed > 0: // what comes of it says when
	case out.began.IsZero():
		out.is.Next = time.Now()
	case out.stale:
		out.is.Next = earlier(out.is.Next, l.publishSoon())
	}
}

// publishSoon is when the next snapshot may be published at the earliest.
func (l *loop) publishSoon() time.Time {
	soon := l.out.began.Add(min(publishPace, l.PublishEvery))
	if now := time.Now(); soon.Before(now) {
		return now
	}
	return soon
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// publish begins to publish a snapshot.
func (l *loop) publish(ctx context.Context) {
	now, org := time.Now(), l.hand.force.want.Organization
	o := snapshot.Options{At: now.UTC(), Since: now.Add(-time.Duration(org.Guards.Window.Per)), Store: l.Name, Organization: org.Name}
	out, store, done := &l.out, l.store, make(chan published, 1)
	out.began, out.is.Next, out.stale, out.done = now, time.Time{}, false, done
	ctx, out.stop = context.WithTimeoutCause(ctx, publishTime, errSlow)
	l.publishers.Go(func() {
		written, err := l.Publish.Publish(ctx, store, o)
		if err != nil && context.Cause(ctx) == errSlow {
			err = errors.Join(errSlow, err)
		}
		done <- published{written, time.Since(now), err}
	})
}

var errSlow = errors.New("it takes longer than " + publishTime.String())

// published takes up what came of a snapshot, and tells it.
func (l *loop) published(got published) {
	out := &l.out
	out.stop()
	out.done = nil
	if got.took > small {
		l.restAt = time.Now().Add(quiet)
	}
	between := errors.Is(got.err, reconcile.ErrConflict) || errors.Is(got.err, git.ErrMoved) // an apply, or another agent's snapshot
	if between && out.disturbed < mostDisturbed {
		out.disturbed++
		out.is.Next = time.Now().Add(firstRetry << out.disturbed)
		return
	}
	out.disturbed = 0
	if got.err != nil {
		l.notPublished(got.err)
	} else {
		out.is.At, out.is.Failed, out.is.Error = got.At, 0, ""
		if out.is.Next = out.began.Add(jitter(l.PublishEvery)); out.stale {
			out.is.Next = l.publishSoon()
		}
		l.Log.Info("agent: published a snapshot", "to", out.is.Where, "users", got.Users, "seconds", got.took.Seconds())
	}
	s := l.status.get()
	s.Publication = l.publication()
	l.status.set(s)
	l.Observe.Published(&s)
}

// notPublished says when it is tried again: soon, and then ever later.
func (l *loop) notPublished(err error) {
	is := &l.out.is
	is.Error = err.Error()
	is.Next = time.Now().Add(jitter(min(firstRetry<<min(is.Failed, 12), lastRetry, max(l.PublishEvery, firstRetry))))
	is.Failed++
	l.Log.Error("agent: publish a snapshot", "to", is.Where, "error", is.Error, "retry", is.Next)
}

// unpublish ends what is under way, and forgets it: another agent leads.
func (l *loop) unpublish() {
	if l.out.done != nil {
		l.out.stop()
	}
	l.out = publishing{}
}

// publication is how publishing stands; nil where it is not this agent that does
// it.
func (l *loop) publication() *Publication {
	if l.Publish == nil || l.lease == nil || l.out.is.Where == "" {
		return nil
	}
	is := l.out.is
	is.Next = is.Next.UTC()
	return &is
}
