package several

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// alone runs f while no other apply runs on this store, of this process or another.
func (s *Store) alone(ctx context.Context, f func() error) error {
	if s.closed.Load() {
		return errClosed
	}
	s.applies.Lock()
	defer s.applies.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := hosted.TryLock(s.lock)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", reconcile.ErrBusy, s.lock, err)
	}
	return errors.Join(f(), unlock())
}

// Apply implements reconcile.Store, as [reconcile.Piecemeal] says. The rows of all
// parts are compared with what the changes saw before the first part is changed.
func (s *Store) Apply(ctx context.Context, b reconcile.Batch) (run int64, err error) {
	err = s.alone(ctx, func() error {
		if err := s.home.Fence(ctx, b.Epoch); err != nil {
			return err
		}
		is, err := s.survey(ctx)
		if err != nil {
			return err
		}
		if err := s.settle(ctx, is); err != nil {
			return err
		}
		j, err := s.begin(ctx, b, is)
		if err != nil {
			return err
		}
		run, err = j.carry(ctx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("apply: %w", err)
	}
	return run, err
}

// A job is an apply on its way.
type job struct {
	*Store
	id     int64 // in the journal
	batch  reconcile.Batch
	is     *survey
	after  map[schema.Key]schema.Resource
	shares []share

	began  bool // a part may have been changed
	done   []reconcile.Change
	result reconcile.PartialError
	users  int // that there are now
}

// begin checks a batch and writes it down.
func (s *Store) begin(ctx context.Context, b reconcile.Batch, is *survey) (*job, error) {
	b.Changes = reconcile.Order(slices.Clone(b.Changes))
	after, err := s.check(b.Changes, is)
	if err != nil {
		return nil, err
	}
	j := &job{Store: s, batch: b, is: is, after: after, shares: s.shares(b.Changes, is), users: users(is.rows)}
	for i := range j.shares {
		if err := j.try(ctx, &j.shares[i]); err != nil {
			return nil, j.shares[i].in(err)
		}
	}
	j.id, err = s.home.Outset(ctx, b.Run, b.Epoch, now())
	return j, err
}

// try says why a part would refuse its share.
func (j *job) try(ctx context.Context, sh *share) error {
	if _, err := reconcile.Carry(j.is.parts[sh.at], sh.changes); err != nil {
		return err
	}
	if sh.trier == nil {
		return nil
	}
	return sh.trier.Try(ctx, j.of(sh))
}

// of is the batch of a share. The parts' own ledgers have it under the same plan.
func (j *job) of(sh *share) reconcile.Batch {
	b := j.batch
	b.Changes, b.Epoch = sh.changes, j.epoch(sh.at, j.batch.Epoch)
	b.Counts, b.Undoes, b.Progress = reconcile.Counts{}, 0, nil
	return b
}

// carry has the parts do their shares, one after another. What ends one of them early
// ends all; a change that a part did not carry out does not.
func (j *job) carry(ctx context.Context) (int64, error) {
	costs := j.costs()
	for i := range j.shares {
		sh := &j.shares[i]
		if j.result.Err != nil {
			j.leave(sh)
			continue
		}
		b := j.of(sh)
		b.Progress = ahead(j.batch.Progress, costs, i)
		run, err := sh.Store.Apply(ctx, b)
		j.came(context.WithoutCancel(ctx), sh, run, err)
	}
	return j.end(context.WithoutCancel(ctx))
}

// came takes down what became of a share.
func (j *job) came(ctx context.Context, sh *share, run int64, err error) {
	partial := new(reconcile.PartialError)
	switch {
	case err == nil:
		j.began = true
		j.did(sh, j.recorded(ctx, sh, run))
	case errors.As(err, &partial):
		j.began = true
		j.result.Failed = append(j.result.Failed, partial.Failed...)
		j.result.Left = append(j.result.Left, partial.Left...)
		if partial.Run != 0 && sh.ledger != nil {
			recorded, failed := sh.ledger.Run(ctx, partial.Run)
			j.result.Err = errors.Join(j.result.Err, failed)
			j.did(sh, recorded.Changes)
		}
		if partial.Err != nil {
			j.result.Err = sh.in(partial.Err)
		}
	default:
		j.result.Err = sh.in(err)
		j.leave(sh)
	}
}

// recorded are the changes of a share as they were carried out: a part that goes through
// one request at a time can come to something else in what is new.
func (j *job) recorded(ctx context.Context, sh *share, run int64) []reconcile.Change {
	if sh.piecemeal == nil || sh.ledger == nil || run == 0 {
		return sh.changes
	}
	is, err := sh.ledger.Run(ctx, run)
	if err != nil {
		j.result.Err = errors.Join(j.result.Err, err)
		return sh.changes
	}
	return is.Changes
}

// did takes down changes that a part has carried out.
func (j *job) did(sh *share, changes []reconcile.Change) {
	for _, c := range changes {
		if !sh.extra[c.Key] {
			j.done = append(j.done, c)
			j.users += came(c)
		}
	}
}

// leave takes down that nothing of a share was done.
func (j *job) leave(sh *share) {
	for _, c := range sh.changes {
		if !sh.extra[c.Key] {
			j.result.Left = append(j.result.Left, c.Key)
		}
	}
}

// ahead tells of the progress of one share as of the progress of all.
func ahead(tell func(reconcile.Progress), costs []int, i int) func(reconcile.Progress) {
	if tell == nil {
		return nil
	}
	before, after := 0, 0
	for n, c := range costs {
		if n < i {
			before += c
		} else if n > i {
			after += c
		}
	}
	return func(p reconcile.Progress) {
		tell(reconcile.Progress{Done: before + p.Done, Of: before + p.Of + after, Left: p.Left})
	}
}

// costs are the requests of each share.
func (j *job) costs() []int {
	out := make([]int, len(j.shares))
	for i := range j.shares {
		sh := &j.shares[i]
		if sh.piecemeal == nil {
			continue
		}
		var live schema.State
		for _, r := range j.is.parts[sh.at] {
			live = append(live, r)
		}
		live.Sort()
		if cost, err := sh.piecemeal.Cost(live, sh.changes); err == nil {
			out[i] = cost.Requests
		}
	}
	return out
}

// Cost implements reconcile.Piecemeal: one part after another.
func (s *Store) Cost(live schema.State, changes []reconcile.Change) (reconcile.Cost, error) {
	var out reconcile.Cost
	for i := range s.parts {
		p := &s.parts[i]
		here := func(key schema.Key) bool { return schema.RouteOf(s.routes, key) == i }
		mine := slices.DeleteFunc(slices.Clone(changes), func(c reconcile.Change) bool { return !here(c.Key) })
		if p.piecemeal == nil || len(mine) == 0 {
			continue
		}
		there := slices.DeleteFunc(slices.Clone(live), func(r schema.Resource) bool { return !here(r.Key()) })
		cost, err := p.piecemeal.Cost(there, mine)
		if err != nil {
			return reconcile.Cost{}, p.in(err)
		}
		out.Requests += cost.Requests
		out.Length += cost.Length
	}
	return out, nil
}

// users counts those of some rows.
func users(rows map[schema.Key]schema.Resource) (n int) {
	for key := range rows {
		if key.Kind == schema.KindUser {
			n++
		}
	}
	return n
}
