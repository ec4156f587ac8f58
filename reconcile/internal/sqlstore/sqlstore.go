// Package sqlstore is what the SQL stores share: the canonical tables, the way
// between rows and resources, an apply inside a transaction, and the ledger.
// What differs is a [Dialect], which is data, and a [Conn], which executes.
// Imports: reconcile, schema and the standard library.
package sqlstore

import (
	"fmt"
	"io/fs"
	"strings"

	"mailops/schema"
)

// A Conn is one transaction on one connection. Every read of this package
// expects a snapshot, and every write that no other apply runs beside it; to
// begin and to end the transaction is the store's. Cancellation is the
// store's, too: a Conn is bound to a context.
//
// Parameters are written $1, $2, ... and appear first in that order, which
// SQLite and PostgreSQL read alike. Arguments are string, int64, bool (stored
// as 0 and 1) or nil.
type Conn interface {
	// Exec executes a statement and returns how many rows it touched.
	Exec(sql string, args ...any) (int64, error)

	// Query starts a query. Several of them are open at a time.
	Query(sql string, args ...any) Rows

	// Script executes several statements, without arguments.
	Script(sql string) error

	// Bulk writes rows of one table.
	Bulk(b Bulk) error
}

// Rows is the result of a query. An error of the query itself is told by Err.
type Rows interface {
	Next() bool    // false at the end, and on an error
	Values() []any // string, int64 or nil; valid until Next or Close
	Err() error
	Close()
}

// A Dialect is how one database writes the canonical tables.
type Dialect struct {
	Words  map[string]string // what @WORD@ stands for in a migration; see migrations/0001_tables.sql
	Tables string            // the query for the names of all tables
	Extra  fs.FS             // migrations/*.sql that only this database has
	Staged string            // a statement that follows when keys were staged; "" is none
	Fence  string            // what keeps the row of the agent as a query found it until the transaction ends; "" is nothing
}

// Check reports the keys that a row cannot hold: an address that does not come
// apart into local part and domain, a domain with an @, a NUL.
func Check(key schema.Key) error {
	a := key.Address()
	whole := a.Local() + "@" + a.Domain()
	if key.Kind == schema.KindDomain {
		whole = a.Domain()
	}
	if whole != key.Name || a.Domain() == "" || strings.Contains(key.Name, "\x00") {
		return fmt.Errorf("%q cannot be the name of a %s", key.Name, key.Kind)
	}
	return nil
}

// one runs a query for one row at most and returns its values; nil is no row.
func one(c Conn, sql string, args ...any) ([]any, error) {
	rows := c.Query(sql, args...)
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	return append([]any(nil), rows.Values()...), nil
}

// number is one for queries whose answer is a number.
func number(c Conn, sql string, args ...any) (int64, error) {
	values, err := one(c, sql, args...)
	if err != nil || values == nil {
		return 0, err
	}
	return values[0].(int64), nil
}
