package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// This file is for a store without transactions that has its ledger and its
// journal here, and a mirror of what it holds.

// Follow makes the rows of these keys, all when keys is nil, be those of a live
// state, without a run: somebody else made them so.
func (s *Store) Follow(ctx context.Context, live schema.State, keys []schema.Key) error {
	err := s.writing(ctx, func(c *conn) error {
		if err := c.announce(); err != nil {
			return err
		}
		changes, err := behind(c, live, keys)
		if err != nil || len(changes) == 0 {
			return err
		}
		return sqlstore.Take(c, dialect, changes)
	})
	if err != nil {
		return fmt.Errorf("follow the live state: %w", err)
	}
	return nil
}

// behind is what makes the rows those of a live state. What else has the name of
// one of the keys belongs to it, and the domain.
func behind(c *conn, live schema.State, keys []schema.Key) ([]reconcile.Change, error) {
	var is schema.State
	for row, err := range sqlstore.Read(c) {
		if err != nil {
			return nil, err
		}
		is = append(is, row.Resource)
	}
	if keys == nil {
		return reconcile.Diff(is, live), nil
	}
	names, domains := make(map[string]bool), make(map[string]bool)
	for _, key := range keys {
		names[key.Name], domains[key.Domain()] = true, true
	}
	others := func(r schema.Resource) bool {
		key := r.Key()
		if key.Kind == schema.KindDomain && !slices.Contains(keys, key) {
			return !domains[key.Name] || live.Find(key) == nil // one that has addresses stays
		}
		return !names[key.Name]
	}
	return reconcile.Diff(slices.DeleteFunc(is, others), slices.DeleteFunc(slices.Clone(live), others)), nil
}

// Try says what an Apply of the batch would say now, and writes nothing.
func (s *Store) Try(ctx context.Context, b reconcile.Batch) error {
	checked := errors.New("checked")
	err := s.writing(ctx, func(c *conn) error {
		if err := c.announce(); err != nil {
			return err
		}
		if _, err := sqlstore.Apply(c, dialect, b, ""); err != nil {
			return err
		}
		return checked // rolls back
	})
	if errors.Is(err, checked) {
		return nil
	}
	return err
}

// Begin writes down what an apply is to do; see sqlstore.Begin.
func (s *Store) Begin(ctx context.Context, run reconcile.Run, at time.Time) (id int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		id, err = sqlstore.Begin(c, run, at)
		return err
	})
	return id, err
}

// Enter writes down something that is no apply; see sqlstore.Enter.
func (s *Store) Enter(ctx context.Context, run reconcile.Run, at time.Time) (id int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		id, err = sqlstore.Enter(c, run, at)
		return err
	})
	return id, err
}

// A Journal writes the operations of one apply. It is one goroutine's.
type Journal struct {
	store *Store
	apply int64
	c     *conn
}

// Journal opens the journal of an apply that has begun. Its connection is kept, as
// there are thousands of operations in a large apply.
func (s *Store) Journal(ctx context.Context, apply int64) (*Journal, error) {
	// What was done is written down, whoever waits.
	c, err := s.connect(context.WithoutCancel(ctx), sqlite3.OPEN_READWRITE)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return &Journal{s, apply, c}, nil
}

// Close ends the connection.
func (j *Journal) Close() { j.c.close() }

// Write puts an operation into the journal, before it is sent.
func (j *Journal) Write(ctx context.Context, o sqlstore.Operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.transact(ctx, func() error { return sqlstore.Write(j.c, j.apply, o) })
}

// Mark says how far operations have come.
func (j *Journal) Mark(ctx context.Context, operations []sqlstore.Operation) error {
	return j.transact(ctx, func() error { return sqlstore.Mark(j.c, j.apply, operations) })
}

func (j *Journal) transact(ctx context.Context, f func() error) error {
	ctx = context.WithoutCancel(ctx)
	return j.store.explain(ctx, j.c.transact(ctx, f))
}

// End records what an apply did, unless b is nil, and ends it in the journal at a
// time when what became of every operation was known, unless that is zero.
func (s *Store) End(ctx context.Context, apply int64, b *reconcile.Batch, at time.Time) (run int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		if err := c.announce(); err != nil {
			return err
		}
		if b != nil {
			if run, err = sqlstore.Apply(c, dialect, *b, ""); err != nil {
				return err
			}
			if err := sqlstore.Carried(c, apply, run); err != nil {
				return err
			}
		}
		if at.IsZero() {
			return nil
		}
		return sqlstore.End(c, apply, at)
	})
	if err != nil {
		return 0, fmt.Errorf("record the apply: %w", err)
	}
	return run, nil
}

// A Mirrored is what is remembered of another store at one moment.
type Mirrored struct {
	State  schema.State
	Newest int64           // run; 0: there is none
	Lately []reconcile.Run // of the applies in the journal that ended since a time, with their changes, oldest first
}

// Mirrored reads what is remembered.
func (s *Store) Mirrored(ctx context.Context, since time.Time) (m Mirrored, err error) {
	if s.missing {
		return Mirrored{}, nil
	}
	err = s.reading(ctx, func(c *conn) error {
		for row, err := range sqlstore.Read(c) {
			if err != nil {
				return err
			}
			m.State = append(m.State, row.Resource)
		}
		newest, err := sqlstore.Runs(c, 1)
		if err != nil || len(newest) == 0 {
			return err
		}
		m.Newest = newest[0].ID
		ids, err := sqlstore.Lately(c, since)
		for i := 0; err == nil && i < len(ids); i++ {
			var run reconcile.Run
			run, err = sqlstore.Run(c, ids[i])
			m.Lately = append(m.Lately, run)
		}
		return err
	})
	if err != nil {
		return Mirrored{}, fmt.Errorf("read what is remembered: %w", err)
	}
	return m, nil
}

// Unfinished is the apply that has not ended; nil is none.
func (s *Store) Unfinished(ctx context.Context) (b *sqlstore.Begun, err error) {
	if s.missing {
		return nil, nil
	}
	err = s.reading(ctx, func(c *conn) error {
		b, err = sqlstore.Unfinished(c)
		return err
	})
	return b, err
}
