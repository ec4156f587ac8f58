package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// A conn is one connection with the statements that it has prepared. It is a
// sqlstore.Conn.
type conn struct {
	db       *sqlite3.Conn
	prepared map[string]*sqlite3.Stmt
}

// connect opens a connection that is interrupted when ctx ends. The file must
// be there: a connection never makes one.
func (s *Store) connect(ctx context.Context, flags sqlite3.OpenFlag) (*conn, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	// SQLite makes a missing -wal like the file that modeof names, and not as
	// the umask happens to be: hashes pass through it.
	modeof := strings.ReplaceAll(url.QueryEscape(s.path), "+", "%20") // to SQLite a plus is a plus
	uri := url.URL{Scheme: "file", OmitHost: true, Path: s.path, RawQuery: "modeof=" + modeof}
	db, err := sqlite3.OpenFlags(uri.String(), flags|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	db.SetInterrupt(ctx)
	c := &conn{db: db, prepared: make(map[string]*sqlite3.Stmt)}
	if err := s.configure(c); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (s *Store) configure(c *conn) error {
	if err := c.db.BusyTimeout(s.options.BusyTimeout); err != nil {
		return err
	}
	// Mail servers that may only read cannot make -wal and -shm: they stay.
	if _, err := c.db.FileControl("main", sqlite3.FCNTL_PERSIST_WAL, true); err != nil {
		return err
	}
	return c.db.Exec(s.setup)
}

// useWAL switches the file to WAL mode, which it keeps.
func (c *conn) useWAL() error {
	rows := c.Query("PRAGMA journal_mode = WAL")
	defer rows.Close()
	if !rows.Next() {
		return rows.Err()
	}
	if mode := rows.Values()[0]; mode != "wal" {
		return fmt.Errorf("%w: its file system does not allow WAL mode, only %v", reconcile.ErrUnreachable, mode)
	}
	return nil
}

// announce makes the connection one of mailops itself, that no trigger notes or
// refuses: triggers are about others, and cost a tenth of a large apply. Foreign
// keys act as ever.
func (c *conn) announce() error {
	_, err := c.db.Config(sqlite3.DBCONFIG_ENABLE_TRIGGER, false)
	return err
}

// close ends the connection. Nothing that was committed depends on it.
func (c *conn) close() {
	c.db.SetInterrupt(context.Background())
	for _, stmt := range c.prepared {
		_ = stmt.Close() // repeats the statement's last error, which was told
	}
	_ = c.db.Close()
}

// transactions are those of a store, as sqlstore asks for them.
type transactions struct{ *Store }

// Snapshot implements sqlstore.Transactions. It brings in the last sign-ins.
func (t transactions) Snapshot(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.reads(f, func() error { return t.looking(ctx, t.bringSignIns, func(c *conn) error { return f(c) }) })
}

// Reading implements sqlstore.Transactions.
func (t transactions) Reading(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.reads(f, func() error { return t.reading(ctx, func(c *conn) error { return f(c) }) })
}

// reads has f read nothing where there is no file.
func (t transactions) reads(f func(sqlstore.Conn) error, file func() error) error {
	switch {
	case t.closed.Load():
		return errClosed
	case t.missing:
		return f(sqlstore.Nothing{})
	}
	return file()
}

// Writing implements sqlstore.Transactions.
func (t transactions) Writing(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.writing(ctx, func(c *conn) error { return f(c) })
}

// Alone implements sqlstore.Transactions: SQLite has one writer anyway.
func (t transactions) Alone(ctx context.Context, f func(sqlstore.Conn) error) error {
	return t.Writing(ctx, f)
}

// reading runs f in one read transaction.
func (s *Store) reading(ctx context.Context, f func(*conn) error) error {
	return s.looking(ctx, func(*conn) error { return nil }, f)
}

// looking is reading after the connection was prepared, as far as that works.
func (s *Store) looking(ctx context.Context, prepare, f func(*conn) error) error {
	flags := sqlite3.OPEN_READWRITE // so that it can recover a WAL that a killed process left
	if s.options.ReadOnly {
		flags = sqlite3.OPEN_READONLY
	}
	c, err := s.connect(ctx, flags)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer c.close()
	_ = prepare(c) // told by Check
	if err := c.db.Exec("PRAGMA query_only = ON; BEGIN"); err != nil {
		return s.explain(ctx, err)
	}
	return s.explain(ctx, f(c))
}

// writing runs f in the only write transaction.
func (s *Store) writing(ctx context.Context, f func(*conn) error) error {
	if s.options.ReadOnly {
		return errReadOnly
	}
	c, err := s.connect(ctx, sqlite3.OPEN_READWRITE)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer c.close()
	return s.explain(ctx, c.transact(ctx, func() error { return f(c) }))
}

// transact runs f between BEGIN IMMEDIATE and COMMIT. The commit itself is not
// interrupted: it is done or not done, and the answer says which.
func (c *conn) transact(ctx context.Context, f func() error) error {
	if err := c.db.Exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = ctx.Err()
	}
	c.db.SetInterrupt(context.Background())
	if err == nil {
		err = c.db.Exec("COMMIT")
	}
	if err != nil && !c.db.GetAutocommit() {
		return errors.Join(err, c.db.Exec("ROLLBACK"))
	}
	return err
}

// Script implements sqlstore.Conn.
func (c *conn) Script(sql string) error { return c.db.Exec(sql) }

// Exec implements sqlstore.Conn.
func (c *conn) Exec(sql string, args ...any) (int64, error) {
	stmt, err := c.statement(sql, args)
	if err != nil {
		return 0, err
	}
	if err := stmt.Exec(); err != nil {
		return 0, err
	}
	return c.db.Changes(), nil
}

// Bulk implements sqlstore.Conn.
func (c *conn) Bulk(b sqlstore.Bulk) error {
	sql := b.SQL()
	for _, row := range b.Rows {
		if _, err := c.Exec(sql, row...); err != nil {
			return err
		}
	}
	return nil
}

// Query implements sqlstore.Conn.
func (c *conn) Query(sql string, args ...any) sqlstore.Rows {
	stmt, err := c.statement(sql, args)
	if err != nil {
		return &rows{err: err}
	}
	return &rows{stmt: stmt, values: make([]any, stmt.ColumnCount())}
}

// statement returns a prepared statement with its arguments bound. One that is
// still being read is not at hand; a new one takes its place.
func (c *conn) statement(sql string, args []any) (*sqlite3.Stmt, error) {
	stmt := c.prepared[sql]
	if stmt == nil || stmt.Busy() {
		fresh, _, err := c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
		if err != nil {
			return nil, err
		}
		if stmt != nil {
			c.prepared[fmt.Sprint(sql, len(c.prepared))] = stmt // so that close finds it
		}
		stmt, c.prepared[sql] = fresh, fresh
	}
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return nil, err
		}
	}
	return stmt, nil
}

func bind(stmt *sqlite3.Stmt, at int, arg any) error {
	switch arg := arg.(type) {
	case string:
		return stmt.BindText(at, arg)
	case int64:
		return stmt.BindInt64(at, arg)
	case bool:
		return stmt.BindBool(at, arg)
	case nil:
		return stmt.BindNull(at)
	}
	panic(fmt.Sprintf("sqlite: an argument is a %T", arg)) // sqlstore.Conn names the types
}

// rows is a query that runs.
type rows struct {
	stmt   *sqlite3.Stmt
	values []any
	err    error
}

func (r *rows) Next() bool {
	if r.err != nil || r.stmt == nil {
		return false
	}
	if !r.stmt.Step() {
		r.err = r.stmt.Err()
		r.Close()
		return false
	}
	if r.err = r.stmt.Columns(r.values...); r.err != nil {
		r.Close()
		return false
	}
	return true
}

func (r *rows) Values() []any { return r.values }

func (r *rows) Err() error { return r.err }

func (r *rows) Close() {
	if r.stmt != nil {
		_ = r.stmt.Reset() // repeats the error of Step
		r.stmt = nil
	}
}
