package sqlite

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// A Gate answers as the mail servers on a file do. It only reads.
type Gate struct {
	sqlstore.SharedGate
	store *Store
}

var _ reconcile.Gate = (*Gate)(nil)

// OpenGate opens the gate of the store at path. The file must be there.
func OpenGate(ctx context.Context, path string) (*Gate, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open gate: %w", err)
	}
	g := &Gate{store: &Store{path: full, options: Options{ReadOnly: true, BusyTimeout: busyTimeout}, setup: durable}}
	g.T = transactions{g.store}
	err = g.store.reading(ctx, func(c *conn) error { return sqlstore.CheckInterface(c) })
	if err != nil {
		return nil, fmt.Errorf("open gate: %w", err)
	}
	return g, nil
}

// watchPace is how often Watch looks whether the file has changed: reading the
// number takes microseconds, and a second is what people notice.
const watchPace = 100 * time.Millisecond

// Watch implements reconcile.Gate. SQLite tells nobody that it changes, but it
// counts: the number is the same as long as nobody else has committed. It does
// not say who changed what.
func (g *Gate) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		pace := time.NewTicker(watchPace)
		defer pace.Stop()
		for ctx.Err() == nil {
			if !g.watch(ctx, pace.C, yield) {
				return
			}
			// The file could not be read: whatever happened meanwhile counts.
			if !wait(ctx, pace.C) || !yield(reconcile.Notice{}) {
				return
			}
		}
	}
}

// watch watches on one connection until it fails; false is the end of all.
func (g *Gate) watch(ctx context.Context, pace <-chan time.Time, yield func(reconcile.Notice) bool) bool {
	c, err := g.store.connect(ctx, sqlite3.OPEN_READONLY)
	if err != nil {
		return true
	}
	defer c.close()
	var seen any
	for wait(ctx, pace) {
		version, err := dataVersion(c)
		switch {
		case err != nil:
			return true
		case seen != nil && version != seen && !yield(reconcile.Notice{}):
			return false
		}
		seen = version
	}
	return false
}

func dataVersion(c *conn) (any, error) {
	rows := c.Query("PRAGMA data_version")
	defer rows.Close()
	if !rows.Next() {
		return nil, fmt.Errorf("data version: %w", rows.Err())
	}
	return rows.Values()[0], nil
}

// wait waits for the next beat; false is the end of ctx.
func wait(ctx context.Context, pace <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-pace:
		return true
	}
}

// Close implements reconcile.Gate.
func (g *Gate) Close() error { return g.store.Close() }
