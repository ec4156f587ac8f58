package piecemeal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// Apply implements reconcile.Store, as [reconcile.Piecemeal] says. What became of an
// apply that was cut off is found out first.
func (s *Store) Apply(ctx context.Context, b reconcile.Batch) (run int64, err error) {
	err = s.alone(ctx, func() error {
		if err := s.settle(ctx); err != nil {
			return err
		}
		j, err := s.begin(ctx, b)
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

// GoOn implements reconcile.Piecemeal.
func (s *Store) GoOn(ctx context.Context, progress func(reconcile.Progress)) (run int64, err error) {
	err = s.alone(ctx, func() error {
		j, err := s.resume(ctx)
		if err != nil || j == nil {
			return err
		}
		j.progress = progress
		run, err = j.carry(ctx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("go on with the apply: %w", err)
	}
	return run, err
}

// settle finds out what became of an apply that was cut off, and records that.
// What is left of it is another plan's.
func (s *Store) settle(ctx context.Context) error {
	j, err := s.resume(ctx)
	if err != nil || j == nil {
		return err
	}
	_, err = j.end(ctx, nil)
	if partial := new(reconcile.PartialError); errors.As(err, &partial) {
		return nil
	}
	return err
}

// begin compares the rows with what the changes saw, and writes down what is to be
// done.
func (s *Store) begin(ctx context.Context, b reconcile.Batch) (*job, error) {
	for _, c := range b.Changes {
		if c.From != "" && c.Op == reconcile.OpCreate {
			return nil, fmt.Errorf("%s cannot be renamed to %s: the mail would be lost", c.From, c.Key)
		}
	}
	keys := reach(b.Changes)
	v, err := s.look(ctx, keys)
	if err != nil {
		return nil, err
	}
	if err := s.mirror.Follow(ctx, v.state, keys); err != nil {
		return nil, err
	}
	if err := s.mirror.Try(ctx, b); err != nil {
		return nil, err
	}
	j := s.job(b.Run, v)
	j.progress = b.Progress
	if err := j.wants(); err != nil {
		return nil, err
	}
	if j.id, err = s.mirror.Begin(ctx, b.Run, s.now()); err != nil {
		return nil, err
	}
	j.book, err = s.mirror.Journal(ctx, j.id)
	return j, err
}

// reach is what has to be read to carry out changes: everything, when an address
// comes, which nothing may have, or a domain goes, that may be in use.
func reach(changes []reconcile.Change) []schema.Key {
	keys := []schema.Key{} // nil would be everything
	for i := range changes {
		c := &changes[i]
		if c.Op == reconcile.OpCreate || c.Op == reconcile.OpDelete && c.Kind == schema.KindDomain {
			return nil
		}
		keys = append(keys, c.Key)
	}
	return keys
}

// resume takes up the apply that was cut off; nil is none. The rows are read once
// what was in flight can be seen, if it was carried out.
func (s *Store) resume(ctx context.Context) (*job, error) {
	begun, err := s.mirror.Unfinished(ctx)
	if err != nil || begun == nil {
		return nil, err
	}
	mirror, err := reconcile.ReadLive(ctx, s.mirror)
	if err != nil {
		return nil, err
	}
	v, err := s.look(ctx, reach(begun.Run.Changes))
	if err != nil {
		return nil, err
	}
	v.state = mirror.State // what was there, but for what is recorded
	j := s.job(begun.Run, v)
	j.id, j.journal = begun.ID, begun.Operations
	if err := j.wants(); err != nil {
		return nil, err
	}
	for _, o := range begun.Operations {
		if t := j.targets[o.Key]; t != nil {
			t.begun, t.hopes = true, t.hopes || o.State != sqlstore.Failed
		}
	}
	if j.book, err = s.mirror.Journal(ctx, j.id); err != nil {
		return nil, err
	}
	j.resumed = true
	if err := j.confirm(ctx, j.lastSent()); err != nil {
		j.book.Close()
		return nil, err
	}
	j.resumed = false
	return j, nil
}

// errLate is the reason of what was not seen for as long as is waited.
var errLate = errors.New("it is not read back")

// A partial puts together how far an apply came.
func (j *job) partial(run int64, stop error) error {
	p := &reconcile.PartialError{Run: run, Err: stop}
	for _, c := range j.run.Changes {
		t := j.targets[c.Key]
		switch {
		case t.reached():
			p.Done = append(p.Done, c.Key)
		case t.failed != "":
			p.Failed = append(p.Failed, reconcile.Failure{Key: c.Key, Reason: t.failed})
		case stop == nil:
			p.Failed = append(p.Failed, reconcile.Failure{Key: c.Key, Reason: t.late()})
		default:
			p.Left = append(p.Left, c.Key)
			if t.begun {
				p.Sent = append(p.Sent, c.Key)
			}
		}
	}
	if len(p.Failed)+len(p.Left) == 0 {
		return nil
	}
	if run == 0 && stop != nil && !slices.ContainsFunc(j.run.Changes, func(c reconcile.Change) bool { return j.targets[c.Key].begun }) {
		return stop // nothing was asked of the service
	}
	return p
}
