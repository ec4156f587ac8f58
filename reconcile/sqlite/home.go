package sqlite

import (
	"context"
	"fmt"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// This file is for several stores that have one ledger and one journal here, and
// their rows elsewhere.

// Fence refuses the agent of an epoch that is not the store's any more; 0 is no agent.
func (s *Store) Fence(ctx context.Context, epoch int64) error {
	if epoch == 0 {
		return nil
	}
	return s.reading(ctx, func(c *conn) error { return sqlstore.CheckEpoch(c, epoch, "") })
}

// Outset writes down what an apply of the agent of an epoch is to do, before it does
// anything; see [sqlstore.Begin].
func (s *Store) Outset(ctx context.Context, run reconcile.Run, epoch int64, at time.Time) (id int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		if epoch != 0 {
			if err := sqlstore.CheckEpoch(c, epoch, ""); err != nil {
				return err
			}
		}
		id, err = sqlstore.Begin(c, run, at)
		return err
	})
	return id, err
}

// A Settlement is what became of an apply of the journal.
type Settlement struct {
	Done  *reconcile.Run                 // what was done, to be recorded as a run; nil: nothing
	After map[schema.Key]schema.Resource // the rows that it left
	Rest  *reconcile.Run                 // what is to be gone on with, as an apply of its own; nil: nothing
}

// Settle ends an apply of the journal, at a time, and records what became of it.
func (s *Store) Settle(ctx context.Context, apply int64, is Settlement, at time.Time) (run int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		if is.Done != nil {
			if run, err = sqlstore.Record(c, *is.Done, is.After); err != nil {
				return err
			}
			if err := sqlstore.Carried(c, apply, run); err != nil {
				return err
			}
		}
		if err := sqlstore.End(c, apply, at); err != nil || is.Rest == nil {
			return err
		}
		_, err := sqlstore.Begin(c, *is.Rest, at)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("record the apply: %w", err)
	}
	return run, nil
}
