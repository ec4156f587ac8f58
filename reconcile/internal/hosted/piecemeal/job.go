package piecemeal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// A job is an apply at work.
type job struct {
	*Store
	id       int64
	run      reconcile.Run // that it is to be
	targets  map[schema.Key]*target
	handles  Handles
	journal  []sqlstore.Operation
	book     *sqlite.Journal // where these are written
	of, done int             // requests
	resumed  bool            // what others did since is looked for
	progress func(reconcile.Progress)
}

// job begins with a view of what its changes touch.
func (s *Store) job(run reconcile.Run, v view) *job {
	run.Changes = slices.Clone(run.Changes)
	j := &job{Store: s, run: run, targets: make(map[schema.Key]*target), handles: v.handles}
	for i := range run.Changes {
		c := &run.Changes[i]
		is := v.state.Find(c.Key)
		j.targets[c.Key] = &target{change: c, before: is, now: is, seen: make(map[string]bool), free: make(map[string]bool), there: is != nil, gone: is == nil && c.Op == reconcile.OpDelete}
	}
	for _, l := range s.service.Lacks() {
		if l.Path != "" && (l.Cannot == reconcile.CannotSet || l.Cannot == reconcile.CannotHold) {
			for _, t := range j.targets {
				t.frees(l.Kind, l.Path)
			}
		}
	}
	cost, err := s.Cost(v.state, run.Changes)
	if err == nil {
		j.of = cost.Requests
	}
	return j
}

// wants works out what is to be there.
func (j *job) wants() error {
	for key, t := range j.targets {
		before := t.before
		if t.change.Op == reconcile.OpUpdate && before == nil {
			t.failed = reconcile.ReasonGone // since: a resumed one
			continue
		}
		if t.change.Op == reconcile.OpCreate {
			before = nil
		}
		want, err := t.change.Apply(before)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if want != nil {
			schema.Normalize(want)
		}
		t.want = want
	}
	return nil
}

// mostRounds is how often what is missing is worked out and sent: again for what
// was cut off and did not come to anything.
const mostRounds = 2

// carry sends what is missing and reads it back, and ends the job.
func (j *job) carry(ctx context.Context) (int64, error) {
	var stop error
	for range mostRounds {
		for _, t := range j.targets {
			t.unclear = false
		}
		sent := j.now()
		if stop = j.send(ctx); stop == nil {
			stop = j.confirm(ctx, sent)
		}
		if stop != nil || !j.again() {
			break
		}
	}
	return j.end(ctx, stop)
}

// again reports whether there is something that was cut off and did not come to
// anything.
func (j *job) again() bool {
	for _, t := range j.targets {
		if t.unclear && !t.reached() && t.failed == "" {
			return true
		}
	}
	return false
}

// end records what was done, and says what was not.
func (j *job) end(ctx context.Context, stop error) (int64, error) {
	ctx = context.WithoutCancel(ctx) // what was done is recorded, whoever waits
	defer j.book.Close()
	if err := j.verified(ctx); err != nil {
		return 0, errors.Join(stop, err)
	}
	var before, after schema.State
	for _, t := range j.targets {
		if t.before != nil {
			before = append(before, t.before)
		}
		if r := t.result(); r != nil {
			after = append(after, r)
		}
	}
	before.Sort()
	after.Sort()
	done := j.run
	done.Changes = reconcile.Diff(before, after)
	for i := range done.Changes {
		j.targets[done.Changes[i].Key].attribute(&done.Changes[i])
	}
	known := j.now()
	if stop != nil && len(j.journal) > 0 {
		known = time.Time{} // to go on with
	}
	done.Whole = j.run.Whole && len(done.Changes) == len(j.run.Changes) && stop == nil
	var batch *reconcile.Batch
	if len(done.Changes) > 0 || len(j.run.Changes) == 0 {
		batch = &reconcile.Batch{Run: done}
	}
	run, err := j.mirror.End(ctx, j.id, batch, known)
	if err != nil {
		return 0, errors.Join(stop, err)
	}
	return run, j.partial(run, stop)
}

// verified marks in the journal what was read back, and what was not.
func (j *job) verified(ctx context.Context) error {
	var lines []sqlstore.Operation
	for _, o := range j.journal {
		t := j.targets[o.Key]
		if o.State == sqlstore.Failed || t == nil {
			continue
		}
		if t.reached() {
			o.State, o.At = sqlstore.Verified, j.now()
			lines = append(lines, o)
		}
	}
	return j.book.Mark(ctx, lines)
}
