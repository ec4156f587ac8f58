// Package postgres is the store in a PostgreSQL database that mail servers read
// at the same time, directly or from its replicas. Every operation is one
// transaction that sets what it needs by itself, and prepares nothing by name:
// it may pass through PgBouncer in transaction mode.
// Imports: reconcile, schema, reconcile/internal/sqlstore, and pgx. Never its
// pgconn.SafeToRetry: a COMMIT whose answer is lost looks safe to it.
package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// Options says how a store is opened. The zero value opens it for writing and
// makes its tables when there are none.
type Options struct {
	// ReadOnly never writes. A database without tables is an empty store. One
	// that an older mailops wrote is an error: it is brought up to date by
	// whoever may write. It is how a replica is opened.
	ReadOnly bool

	// BusyTimeout is how long an apply waits for another one, or for a person
	// who is changing rows; 0 is ten seconds.
	BusyTimeout time.Duration

	// Patience is how long a COMMIT whose answer was lost is asked about; 0 is
	// one minute.
	Patience time.Duration

	// Connections is how many operations run at the same time; others wait. A
	// read that is not at its end counts. 0 is four.
	Connections int32
}

// A Store is a PostgreSQL database: of it, the first schema of the search path.
type Store struct {
	sqlstore.Shared
	pool    *pgxpool.Pool
	label   string // the URL without password
	options Options
	missing bool // opened for reading only, and there were no tables
	closed  atomic.Bool
}

var (
	_ reconcile.Store    = (*Store)(nil)
	_ reconcile.Ledger   = (*Store)(nil)
	_ reconcile.Recorder = (*Store)(nil)
	_ reconcile.Grantor  = (*Store)(nil)
	_ reconcile.Pauser   = (*Store)(nil)
	_ reconcile.Leader   = (*Store)(nil)
	_ reconcile.Witness  = (*Store)(nil)
	_ reconcile.Watcher  = (*Store)(nil)
)

//go:embed migrations
var migrations embed.FS

// dialect: texts that are compared sort by their bytes, as SQLite's and Go's do.
var dialect = sqlstore.Dialect{
	Words: map[string]string{
		"TEXT":  `TEXT COLLATE "C"`,
		"INT":   "BIGINT",
		"TABLE": "",
		"TEMP":  "ON COMMIT DROP",
		"WIDE":  "",
		"NOW":   `to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
		"JOIN":  "string_agg",
		"OPEN":  "in_hours(u.domain, u.local, CASE WHEN u.hours_timezone = '' THEN u.timezone ELSE u.hours_timezone END)",
	},
	Tables: "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) ORDER BY relname",
	Extra:  migrations,
	Staged: "ANALYZE staged",
	Fence:  "FOR KEY SHARE", // who takes over changes the epoch, which is a key, and waits; who renews does not
}

// Open opens the store at a URL that begins with postgres://, and makes its
// tables or brings them up to date when the options allow. Errors wrap
// reconcile.ErrUnreachable, ErrNewer or ErrBusy, and hold no password.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	options.BusyTimeout = cmp.Or(options.BusyTimeout, 10*time.Second)
	options.Patience = cmp.Or(options.Patience, time.Minute)
	options.Connections = cmp.Or(options.Connections, 4)
	s := &Store{label: Label(url), options: options}
	s.T = transactions{s}
	var err error
	if s.pool, err = newPool(ctx, url, options); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if options.ReadOnly {
		err = s.look(ctx)
	} else {
		err = s.prepare(ctx)
	}
	if err != nil {
		_ = s.Close() // tells nothing
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Apply implements reconcile.Store. While it runs, readers go on, and other
// writers of the tables that mailops writes wait. An answer to COMMIT that was
// lost is found out by reading; when nobody can tell, the error says so.
func (s *Store) Apply(ctx context.Context, b reconcile.Batch) (run int64, err error) {
	token := rand.Text()
	err = s.writing(ctx, announce+lockTables, func(c *conn) error {
		run, err = sqlstore.Apply(c, dialect, b, token)
		return err
	})
	if lost := new(lostError); errors.As(err, &lost) {
		run, err = s.resolve(ctx, token, lost)
	}
	if err != nil {
		return 0, fmt.Errorf("apply: %w", err)
	}
	return run, nil
}

// Close implements reconcile.Store. Operations that are running end in peace.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		go s.pool.Close() // it waits for them
	}
	return nil
}
