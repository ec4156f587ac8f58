package agent

import (
	"errors"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// A Report is what one look did and found.
type Report struct {
	At       time.Time
	Duration time.Duration
	Causes   []Cause
	Result   Result
	Err      error // what kept it from doing everything
	Source   error // what kept it from asking the repository
	Store    error // what kept it from reading or writing the live store

	Looked   bool // it planned
	Verdict  *Verdict
	Problems schema.Problems     // that time brought
	Findings []reconcile.Finding // that refuse to keep the commit in force
	Alone    []reconcile.Finding // that hold single resources back
	Held     []reconcile.Held

	Proposed string // where drift was proposed as a change of the declarations

	Run      int64 // 0: nothing was applied
	Plan     *reconcile.Plan
	Revision Revision
	Newer    bool // the run brought a revision into force
	Whole    bool
}

// A Result is how a look ended, in one word.
type Result string

// The results of looks.
const (
	ResultIdle    Result = "idle"    // nothing was to be done
	ResultApplied Result = "applied" // something was
	ResultRefused Result = "refused" // the newest commit is wrong or refused
	ResultFailed  Result = "failed"  // something could not be reached, or went wrong
	ResultStandby Result = "standby" // another agent leads the store
)

// finish sums a look up, and tells it.
func (p *pass) finish(err error, took time.Duration) {
	r := &p.report
	r.Err, r.Duration = err, took
	if r.Store == nil && errors.Is(err, reconcile.ErrUnreachable) {
		r.Store = err
	}
	switch {
	case errors.Is(err, reconcile.ErrLed), errors.Is(err, reconcile.ErrFenced):
		r.Result = ResultStandby
	case err != nil:
		r.Result = ResultFailed
	case r.Run != 0:
		r.Result = ResultApplied
	case p.hand.verdict.State != "" && p.hand.verdict.State != StateApplied && p.hand.verdict.State != StateWaiting, len(r.Findings) > 0:
		r.Result = ResultRefused
	default:
		r.Result = ResultIdle
	}
	p.hand.tidy()
	s := p.snapshot()
	p.status.set(s)
	p.desk.leave(view{p.store, p.hand.force, p.hand.live, p.hand.heldNow, p.hand.pauses})
	p.log(&s)
	p.Observe.Ran(*r, &s)
}

// tidy lets go of what the next look does not need. Of a large plan the page
// shows the beginning.
func (h *hand) tidy() {
	if h.tracker != nil {
		h.tracker.Forget()
	}
	const shown = 200
	if h.plan == nil || len(h.plan.Changes)+len(h.plan.Effects) <= 2*shown {
		return
	}
	short := *h.plan
	short.Changes = slices.Clone(short.Changes[:min(shown, len(short.Changes))])
	short.Effects = slices.Clone(short.Effects[:min(shown, len(short.Effects))])
	h.plan = &short
}
