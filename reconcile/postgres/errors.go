package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

var (
	errClosed   = fmt.Errorf("%w: it is closed", reconcile.ErrUnreachable)
	errReadOnly = errors.New("the store was opened for reading only")
)

// unreached is an error of a connection that was never made. pgx tells of each
// address that it tried, a line for each, and of some twice.
type unreached struct{ error }

func (e unreached) Error() string {
	lines := strings.Split(e.error.Error(), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(slices.Compact(lines), " ")
}

func (e unreached) Unwrap() error { return e.error }

// busy are the error codes that say that somebody else was in the way: no lock
// in time, a deadlock, a conflict with a replica's recovery.
var busy = map[string]bool{"55P03": true, "40P01": true, "40001": true}

// troubles says in words what PostgreSQL's error codes mean to an
// administrator. A code is its first two characters, or all five.
var troubles = []struct{ code, text string }{
	{"25006", "it cannot be written: is it a replica?"},
	{"57014", "a statement took too long"},
	{"57", "the server is stopping or starting"},
	{"28", "the server refuses the user or the password"},
	{"3D", "there is no such database"},
	{"42501", "the user lacks a right"},
	{"53100", "the disk of the server is full"},
	{"53", "the server has no room for one more connection, or is out of resources"},
	{"58", "the server's disk reports an error"},
	{"XX", "the database is damaged: restore it from a backup"},
	{"08", "the connection broke"},
	{"25P03", "the transaction was idle for too long"},
}

// explain puts an error of PostgreSQL or of the network into the words of
// reconcile. Others pass as they are.
func (s *Store) explain(ctx context.Context, err error) error {
	refusal := new(pgconn.PgError)
	lost := new(lostError)
	switch {
	case err == nil || errors.Is(err, reconcile.ErrUnreachable) || errors.Is(err, reconcile.ErrConflict) || errors.As(err, &lost):
		return err
	case ctx.Err() != nil && !errors.Is(err, sqlstore.ErrForeign):
		return ctx.Err()
	case errors.Is(err, sqlstore.ErrForeign):
		return s.unreachable("it is not a store", err)
	case errors.As(err, &refusal):
		return s.refused(refusal, err)
	}
	if broken := new(brokenError); errors.As(err, &broken) || errors.As(err, new(unreached)) {
		return s.unreachable("it cannot be reached", err)
	}
	return err
}

func (s *Store) refused(refusal *pgconn.PgError, err error) error {
	if busy[refusal.Code] {
		return fmt.Errorf("%w: %s", reconcile.ErrBusy, s.label)
	}
	for _, t := range troubles {
		if strings.HasPrefix(refusal.Code, t.code) {
			return s.unreachable(t.text, err)
		}
	}
	return err
}

func (s *Store) unreachable(text string, err error) error {
	return fmt.Errorf("%w: %s: %s (%w)", reconcile.ErrUnreachable, s.label, text, err)
}
