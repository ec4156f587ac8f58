package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// Every transaction says what it needs, because behind a pooler the next one
// may be on another connection. A plan is made between two rows of a read, so
// that may be idle for a while. The planner is to think of all rows of a
// cursor, and not of the first.
const (
	beginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL cursor_tuple_fraction = 1;" +
		" SET LOCAL lock_timeout = '%dms'; SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '10min'"

	// The server is to notice within half a minute that the client is gone, and
	// not to wait long for one that hangs: until then the tables are locked.
	beginWrite = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL cursor_tuple_fraction = 1;" +
		" SET LOCAL lock_timeout = '%dms'; SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '2min';" +
		" SET LOCAL tcp_keepalives_idle = 10; SET LOCAL tcp_keepalives_interval = 5; SET LOCAL tcp_keepalives_count = 3;" +
		" SET LOCAL tcp_user_timeout = '30s'; "
)

// announce tells the triggers that this is no stranger: see migrations.
const announce = "SELECT set_config('mailops.run', 'yes', true); "

// lockTables makes writers of what mailops alone writes wait, and readers go
// on. What users own is left out: a panel does not wait. It is also what lets
// one apply run at a time.
const lockTables = "LOCK TABLE mailops_run, mailops_before_image, mailops_secret, domain, address, mailuser, listprop," +
	" forwarding, send_as, trusted_network, access_window IN SHARE ROW EXCLUSIVE MODE"

// farewell is how long a connection is given to end a transaction.
const farewell = 5 * time.Second

// commitTimeout is how long a COMMIT may take; then its answer is lost.
const commitTimeout = 2 * time.Minute

// transactions are those of a store, as sqlstore asks for them.
type transactions struct{ *Store }

// Snapshot implements sqlstore.Transactions.
func (t transactions) Snapshot(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.Reading(ctx, f)
}

// Reading implements sqlstore.Transactions.
func (t transactions) Reading(ctx context.Context, f func(sqlstore.Conn) error) error {
	switch {
	case t.closed.Load():
		return errClosed
	case t.missing:
		return f(sqlstore.Nothing{})
	}
	return t.reading(ctx, func(c *conn) error { return f(c) })
}

// Writing implements sqlstore.Transactions.
func (t transactions) Writing(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.known(t.writing(ctx, "", func(c *conn) error { return f(c) }))
}

// Alone implements sqlstore.Transactions.
func (t transactions) Alone(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.known(t.writing(ctx, announce+lockTables, func(c *conn) error { return f(c) }))
}

// known says of a lost answer what it means to who does not find it out.
func (t transactions) known(err error) error {
	if lost := new(lostError); errors.As(err, &lost) {
		return t.unreachable("nobody knows whether it was done", err)
	}
	return err
}

// reading runs f in one read transaction.
func (s *Store) reading(ctx context.Context, f func(*conn) error) error {
	return s.explain(ctx, s.within(ctx, s.beginning(beginRead), func(c *conn) error {
		defer c.rollback()
		return f(c)
	}))
}

// writing runs f in one write transaction, after the statements of first. An
// error that wraps a lostError says that nobody knows whether it was committed.
func (s *Store) writing(ctx context.Context, first string, f func(*conn) error) error {
	if s.options.ReadOnly {
		return errReadOnly
	}
	return s.explain(ctx, s.within(ctx, s.beginning(beginWrite)+first, func(c *conn) error {
		err := f(c)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			c.rollback()
			return err
		}
		return c.commit()
	}))
}

func (s *Store) beginning(begin string) string {
	return fmt.Sprintf(begin, s.options.BusyTimeout.Milliseconds())
}

// within runs f on a connection on which a transaction was begun. Connections
// of the pool may have died in their sleep, so that is tried until one is new.
func (s *Store) within(ctx context.Context, begin string, f func(*conn) error) error {
	for try := s.options.Connections; ; try-- {
		if s.closed.Load() {
			return errClosed
		}
		pooled, err := s.pool.Acquire(ctx)
		if err != nil {
			return unreached{err}
		}
		c := &conn{ctx: ctx, pg: pooled.Conn().PgConn()}
		if err := c.Script(begin); err != nil {
			died := c.pg.IsClosed() && ctx.Err() == nil
			c.rollback()
			pooled.Release()
			if died && try > 0 {
				continue
			}
			return err
		}
		defer pooled.Release() // which closes what is not clean
		return f(c)
	}
}

// rollback ends a transaction that is not to be kept, or the connection.
func (c *conn) rollback() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), farewell)
	defer cancel()
	if c.pg.IsClosed() || c.pg.TxStatus() == 'I' && !c.pg.IsBusy() {
		return
	}
	// The server rolls back whose connection ends. After a cancellation that is
	// safer: it may come late, and hit another statement.
	if c.ctx.Err() != nil || c.pg.Exec(ctx, "ROLLBACK").Close() != nil {
		_ = c.pg.Close(ctx)
	}
}

// commit ends a transaction that is to be kept. It is not interrupted: it is
// done or not done, and the answer says which. A lost answer is a lostError.
func (c *conn) commit() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), commitTimeout)
	defer cancel()
	results, err := c.pg.Exec(ctx, "COMMIT").ReadAll()
	if refusal := new(pgconn.PgError); errors.As(err, &refusal) && refusal.Severity == "ERROR" {
		return refusal
	}
	if err != nil {
		_ = c.pg.Close(ctx) // nobody may use it again
		return &lostError{err}
	}
	if tag := results[0].CommandTag.String(); tag != "COMMIT" {
		return fmt.Errorf("the server answered COMMIT with %s", tag)
	}
	return nil
}

// A lostError says that a COMMIT was sent and no answer came.
type lostError struct{ err error }

func (e *lostError) Error() string {
	return "the connection broke while the transaction was committed: " + e.err.Error()
}

func (e *lostError) Unwrap() error { return e.err }

// resolve finds out whether the run with a token was committed. Whoever holds
// the lock of an apply knows that the one before has come to its end. It does
// not stop when ctx ends: the answer is owed.
func (s *Store) resolve(ctx context.Context, token string, lost error) (int64, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.Patience)
	defer cancel()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		var run int64
		err := s.within(ctx, s.beginning(beginWrite)+lockTables, func(c *conn) error {
			defer c.rollback()
			var err error
			run, err = sqlstore.Committed(c, token)
			return err
		})
		switch {
		case err == nil && run > 0:
			return run, nil
		case err == nil:
			return 0, fmt.Errorf("%w: %s: not applied: %w", reconcile.ErrUnreachable, s.label, lost)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: %s: nobody knows whether it was applied, the next plan will tell: %w", reconcile.ErrUnreachable, s.label, lost)
		}
	}
}
