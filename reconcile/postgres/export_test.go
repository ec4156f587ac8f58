package postgres

import (
	"context"

	"mailops/reconcile/internal/sqlstore"
)

// Dialect is how PostgreSQL writes the tables.
var Dialect = dialect

// Applying runs f in the transaction of an apply.
func (s *Store) Applying(ctx context.Context, f func(sqlstore.Conn) error) error {
	return s.writing(ctx, announce+lockTables, func(c *conn) error { return f(c) })
}
