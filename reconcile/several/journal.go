package several

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// end records what was done, and says what was not.
func (j *job) end(ctx context.Context) (int64, error) {
	stop, run := j.result.Err, j.batch.Run
	settled := sqlite.Settlement{After: j.after}
	if len(j.done) > 0 || len(run.Changes) == 0 && stop == nil {
		done := run
		done.Changes = j.done
		if done.Changes = reconcile.Order(j.done); len(j.result.Failed)+len(j.result.Left) > 0 {
			done.Whole = false
		}
		done.LiveUsers = j.users
		settled.Done = &done
	}
	if stop != nil && j.began {
		rest := run
		rest.Changes = slices.DeleteFunc(slices.Clone(run.Changes), func(c reconcile.Change) bool { return !slices.Contains(j.result.Left, c.Key) })
		settled.Rest = &rest
	}
	id, err := j.home.Settle(ctx, j.id, settled, now())
	if err != nil {
		return 0, errors.Join(stop, err)
	}
	switch {
	case stop != nil && !j.began:
		return 0, stop // nothing was changed
	case len(j.result.Failed)+len(j.result.Left) == 0:
		return id, stop
	}
	for _, c := range j.done {
		if key := c.Key; !slices.Contains(j.result.Left, key) && !j.failed(key) {
			j.result.Done = append(j.result.Done, key)
		}
	}
	j.result.Run = id
	return id, &j.result
}

// failed reports whether a change was not carried out, or not to its end.
func (j *job) failed(key schema.Key) bool {
	return slices.ContainsFunc(j.result.Failed, func(f reconcile.Failure) bool { return f.Key == key })
}

// came is how many users more there are after a change.
func came(c reconcile.Change) int {
	switch {
	case c.Kind == schema.KindUser && c.Op == reconcile.OpCreate:
		return 1
	case c.Kind == schema.KindUser && c.Op == reconcile.OpDelete:
		return -1
	}
	return 0
}

// settle finds out what became of an apply that was cut off, and records that. What
// is left of it is another plan's.
func (s *Store) settle(ctx context.Context, is *survey) error {
	begun, err := s.home.Unfinished(ctx)
	if err != nil || begun == nil {
		return err
	}
	j := &job{Store: s, id: begun.ID, batch: reconcile.Batch{Run: begun.Run}, is: is, after: is.rows}
	for _, c := range begun.Run.Changes {
		if row := is.rows[c.Key]; s.of(c.Key).reached(c, row) {
			j.done = append(j.done, asMade(c, row))
		}
	}
	j.batch.Whole = begun.Run.Whole && len(j.done) == len(begun.Run.Changes)
	var settled sqlite.Settlement
	if len(j.done) > 0 {
		done := j.batch.Run
		done.Changes, done.LiveUsers = j.done, users(is.rows)
		settled = sqlite.Settlement{Done: &done, After: is.rows}
	}
	_, err = s.home.Settle(ctx, j.id, settled, now())
	return err
}

// CutOff implements reconcile.Piecemeal: of the whole, or of a part that somebody has
// changed by itself.
func (s *Store) CutOff(ctx context.Context) (*reconcile.Run, error) {
	begun, err := s.home.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	if begun != nil {
		return &begun.Run, nil
	}
	for i := range s.parts {
		if p := &s.parts[i]; p.piecemeal != nil {
			if run, err := p.piecemeal.CutOff(ctx); err != nil || run != nil {
				return run, p.in(err)
			}
		}
	}
	return nil, nil
}

// GoOn implements reconcile.Piecemeal. Parts that were cut off themselves go on first.
func (s *Store) GoOn(ctx context.Context, progress func(reconcile.Progress)) (run int64, err error) {
	err = s.alone(ctx, func() error {
		j, err := s.resume(ctx, progress)
		if err != nil || j == nil {
			return err
		}
		run, err = j.carry(ctx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("go on with the apply: %w", err)
	}
	return run, err
}

// resume takes up the apply that was cut off; nil is none.
func (s *Store) resume(ctx context.Context, progress func(reconcile.Progress)) (*job, error) {
	j := &job{Store: s, batch: reconcile.Batch{Progress: progress}, began: true}
	begun, err := s.home.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	if begun != nil {
		j.id, j.batch.Run = begun.ID, begun.Run
	}
	if err := j.goOn(ctx); err != nil {
		return nil, err
	}
	if begun == nil && j.id == 0 {
		return nil, nil
	}
	if j.is, err = s.survey(ctx); err != nil {
		return nil, err
	}
	left := j.left()
	j.users = users(j.is.rows)
	if j.after, err = s.check(left, j.is); err != nil {
		return nil, err
	}
	j.shares = s.shares(left, j.is)
	return j, nil
}

// goOn has the parts go on that were cut off themselves. What one did that the home
// does not know of is an apply of its own there.
func (j *job) goOn(ctx context.Context) error {
	for i := range j.Store.parts {
		p := &j.Store.parts[i]
		if p.piecemeal == nil {
			continue
		}
		cut, err := p.piecemeal.CutOff(ctx)
		if err != nil {
			return p.in(err)
		}
		if cut == nil {
			continue
		}
		if j.id == 0 {
			if j.id, err = j.home.Outset(ctx, *cut, 0, now()); err != nil {
				return err
			}
			j.batch.Run = *cut
		}
		run, err := p.piecemeal.GoOn(ctx, j.batch.Progress)
		sh := &share{part: p, at: i, extra: make(map[schema.Key]bool)}
		for _, c := range cut.Changes {
			sh.extra[c.Key] = !slices.ContainsFunc(j.batch.Changes, func(asked reconcile.Change) bool { return asked.Key == c.Key })
		}
		j.came(context.WithoutCancel(ctx), sh, run, err)
	}
	return nil
}

// left are the changes that are still to be done: what is there is as it was seen. Of
// the others those that are as they should be are done, and the rest is somebody else's.
func (j *job) left() []reconcile.Change {
	var out []reconcile.Change
	for _, c := range j.batch.Changes {
		is := j.is.rows[c.Key]
		switch {
		case j.known(c.Key):
		case j.Store.of(c.Key).reached(c, is):
			j.done = append(j.done, asMade(c, is))
		case c.Op == reconcile.OpCreate && is == nil, c.Op != reconcile.OpCreate && is != nil && schema.Version(is) == c.Version:
			out = append(out, c)
		default:
			j.result.Failed = append(j.result.Failed, reconcile.Failure{Key: c.Key, Reason: reconcile.ReasonChanged})
		}
	}
	return out
}

// reached reports whether a row is as a change leaves it, but for what the part sets by
// itself in what is new.
func (p *part) reached(c reconcile.Change, is schema.Resource) bool {
	if c.Op != reconcile.OpCreate || is == nil || p.limited == nil {
		return c.Reached(is)
	}
	is = schema.Clone(is)
	for _, l := range p.limited.Lacks() {
		if l.Kind != c.Kind || l.Cannot != reconcile.CannotSet && l.Cannot != reconcile.CannotHold {
			continue
		}
		if field, ok := schema.FieldAt(l.Kind, l.Path); ok {
			var after schema.Value
			if f := c.Field(l.Path); f != nil {
				after = f.After
			}
			_ = field.Set(is, after) // a value of the same field
		}
	}
	return c.Reached(is)
}

// asMade is a change with the row that came of it, so that an undo finds what it left.
func asMade(c reconcile.Change, is schema.Resource) reconcile.Change {
	if c.Op != reconcile.OpCreate || is == nil {
		return c
	}
	made := reconcile.Diff(nil, schema.State{is})[0]
	for i := range made.Fields {
		f := &made.Fields[i]
		if asked := c.Field(f.Path); asked != nil {
			f.Drift, f.Origin = asked.Drift, asked.Origin
		}
	}
	c.Fields = made.Fields
	return c
}

// known reports whether what became of a change is known already.
func (j *job) known(key schema.Key) bool {
	return j.failed(key) || slices.Contains(j.result.Left, key) || slices.ContainsFunc(j.done, func(c reconcile.Change) bool { return c.Key == key })
}
