package postgres

import (
	"context"
	"fmt"
	"iter"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// A Gate answers as the mail servers on a database, or on its replica, do. The
// role mailops_mta is enough for it.
type Gate struct {
	sqlstore.SharedGate
	store *Store
}

var _ reconcile.Gate = (*Gate)(nil)

// OpenGate opens the gate of the store at a URL that begins with postgres://.
// Watch needs a connection to the server itself, not through PgBouncer in
// transaction mode.
func OpenGate(ctx context.Context, url string) (*Gate, error) {
	options := Options{ReadOnly: true, BusyTimeout: 10 * time.Second, Connections: 2}
	g := &Gate{store: &Store{label: Label(url), options: options}}
	g.T = transactions{g.store}
	var err error
	if g.store.pool, err = newPool(ctx, url, options); err != nil {
		return nil, fmt.Errorf("open gate: %w", err)
	}
	err = g.store.reading(ctx, func(c *conn) error { return sqlstore.CheckInterface(c) })
	if err != nil {
		_ = g.Close() // tells nothing
		return nil, fmt.Errorf("open gate: %w", err)
	}
	return g, nil
}

// Watch implements reconcile.Gate, by the notices that triggers send, and on a
// replica, which hears none, by looking whether anything was replayed.
func (g *Gate) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		for t := range g.store.listen(ctx) {
			if !yield(t.notice()) {
				return
			}
		}
	}
}

// Close implements reconcile.Gate.
func (g *Gate) Close() error { return g.store.Close() }

// Watch implements reconcile.Watcher. It yields a notice for each change of the
// store that is not mailops' own apply: drift, as it happens. It needs a
// connection to the server itself, not through PgBouncer in transaction mode.
func (s *Store) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		for t := range s.listen(ctx) {
			if t.Table != applied && !yield(t.notice()) {
				return
			}
		}
	}
}

// applied is the table whose rows tell of mailops' own applies.
const applied = "mailops_before_image"

// A told is what a trigger tells, or without a table that the connection was
// away.
type told struct {
	Table string `json:"table"`
	Name  string `json:"name"`
	By    string `json:"by"`
}

// notice puts it into the words of reconcile. What is told of a whole domain, or
// of more than there is room for, can be about anybody.
func (t told) notice() reconcile.Notice {
	n := reconcile.Notice{By: t.By}
	if a := schema.Address(t.Name); a.Local() != "" && t.Table != "domain" {
		n.Users = []schema.Address{a}
	}
	return n
}
