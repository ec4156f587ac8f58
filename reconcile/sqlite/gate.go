package sqlite

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

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

// Watch implements reconcile.Gate, as the store's.
func (g *Gate) Watch(ctx context.Context) iter.Seq[reconcile.Notice] { return g.store.Watch(ctx) }

// Close implements reconcile.Gate.
func (g *Gate) Close() error { return g.store.Close() }
