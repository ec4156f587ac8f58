package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"mailops/reconcile/internal/sqlstore"
)

// fetch is how many rows of a query are in memory at a time.
const fetch = 2000

// A conn is one transaction on one connection. It is a sqlstore.Conn.
type conn struct {
	ctx     context.Context
	pg      *pgconn.PgConn
	cursors int      // how many were opened
	stale   []string // cursors that nobody reads any more, to be closed with the next statement
}

// brokenError is an error after which the connection is of no use.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// fault tells apart what broke the connection.
func (c *conn) fault(err error) error {
	if err != nil && c.pg.IsClosed() {
		return &brokenError{err}
	}
	return err
}

// Script implements sqlstore.Conn.
func (c *conn) Script(sql string) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	return c.fault(c.pg.Exec(c.ctx, sql).Close())
}

// Exec implements sqlstore.Conn.
func (c *conn) Exec(sql string, args ...any) (int64, error) {
	results, err := c.send(ask{sql, args})
	if err != nil {
		return 0, err
	}
	return results[0].CommandTag.RowsAffected(), nil
}

// An ask is a statement with its arguments.
type ask struct {
	sql  string
	args []any
}

// send executes statements in one round trip, and returns a result for each.
func (c *conn) send(asks ...ask) ([]*pgconn.Result, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	var batch pgconn.Batch
	for _, cursor := range c.stale {
		batch.ExecParams("CLOSE "+cursor, nil, nil, nil, nil)
	}
	for _, a := range asks {
		values := make([][]byte, len(a.args))
		for i, arg := range a.args {
			values[i] = encode(arg)
		}
		batch.ExecParams(a.sql, values, nil, nil, nil)
	}
	results, err := c.pg.ExecBatch(c.ctx, &batch).ReadAll()
	if err != nil {
		return nil, c.fault(err)
	}
	results = results[len(c.stale):]
	c.stale = nil
	for _, r := range results {
		if r.Err != nil {
			return nil, c.fault(r.Err)
		}
	}
	return results, nil
}

// encode writes an argument as text; nil is NULL.
func encode(arg any) []byte {
	switch arg := arg.(type) {
	case string:
		return []byte(arg)
	case int64:
		return strconv.AppendInt(nil, arg, 10)
	case bool:
		if arg {
			return []byte{'1'}
		}
		return []byte{'0'}
	case nil:
		return nil
	}
	panic(fmt.Sprintf("postgres: an argument is a %T", arg)) // sqlstore.Conn names the types
}

// decode reads a value of a column. Most rows repeat what the row before said,
// and then nothing is allocated.
func decode(column uint32, value []byte, before any) (any, error) {
	switch {
	case value == nil:
		return nil, nil
	case column == pgtype.Int8OID || column == pgtype.Int4OID || column == pgtype.Int2OID:
		n, err := strconv.ParseInt(string(value), 10, 64)
		if same, ok := before.(int64); ok && same == n {
			return before, err
		}
		return n, err
	}
	if same, ok := before.(string); ok && same == string(value) {
		return before, nil
	}
	return string(value), nil
}

// Query implements sqlstore.Conn. The rows come by a cursor of the server.
func (c *conn) Query(sql string, args ...any) sqlstore.Rows {
	c.cursors++
	r := &rows{conn: c, cursor: "c" + strconv.Itoa(c.cursors)}
	results, err := c.send(ask{"DECLARE " + r.cursor + " NO SCROLL CURSOR FOR " + sql, args}, ask{sql: r.next()})
	if err != nil {
		r.err, r.done = err, true
		return r
	}
	r.take(results[1])
	return r
}

// rows is a query that runs.
type rows struct {
	conn   *conn
	cursor string
	result *pgconn.Result // what was fetched
	at     int            // of its rows, the next one
	done   bool           // there is nothing left to fetch
	values []any
	err    error
}

func (r *rows) next() string { return "FETCH " + strconv.Itoa(fetch) + " FROM " + r.cursor }

// take begins with what was fetched.
func (r *rows) take(result *pgconn.Result) {
	r.result, r.at = result, 0
	if len(result.Rows) < fetch {
		r.end()
	}
}

// end marks the cursor for closing, once.
func (r *rows) end() {
	if !r.done {
		r.done = true
		r.conn.stale = append(r.conn.stale, r.cursor)
	}
}

func (r *rows) Next() bool {
	if r.err == nil {
		r.err = r.conn.ctx.Err()
	}
	if r.err == nil && r.result != nil && r.at == len(r.result.Rows) && !r.done {
		results, err := r.conn.send(ask{sql: r.next()})
		if err != nil {
			r.err = err
		} else {
			r.take(results[0])
		}
	}
	if r.err != nil || r.result == nil || r.at == len(r.result.Rows) {
		return false
	}
	r.err = r.decode(r.result.Rows[r.at])
	r.at++
	return r.err == nil
}

// decode reads a row into memory of its own: it stays valid while the next one
// is read.
func (r *rows) decode(row [][]byte) error {
	before := r.values
	if before == nil {
		before = make([]any, len(row))
	}
	r.values = make([]any, len(row))
	for i, value := range row {
		column := &r.result.FieldDescriptions[i]
		var err error
		if r.values[i], err = decode(column.DataTypeOID, value, before[i]); err != nil {
			return fmt.Errorf("column %s: %w", column.Name, err)
		}
	}
	return nil
}

func (r *rows) Values() []any { return r.values }

func (r *rows) Err() error { return r.err }

func (r *rows) Close() {
	r.end()
	r.result = nil
}

// column returns the first column of every row as text; NULL is "".
func column(c *conn, sql string) ([]string, error) {
	rows := c.Query(sql)
	defer rows.Close()
	var out []string
	for rows.Next() {
		text := ""
		if v := rows.Values()[0]; v != nil {
			text = fmt.Sprint(v)
		}
		out = append(out, text)
	}
	return out, rows.Err()
}
