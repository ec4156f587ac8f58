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
	"iter"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
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
}

// Open opens the store at a URL that begins with postgres://, and makes its
// tables or brings them up to date when the options allow. Errors wrap
// reconcile.ErrUnreachable, ErrNewer or ErrBusy, and hold no password.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	options.BusyTimeout = cmp.Or(options.BusyTimeout, 10*time.Second)
	options.Patience = cmp.Or(options.Patience, time.Minute)
	options.Connections = cmp.Or(options.Connections, 4)
	s := &Store{label: Label(url), options: options}
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

// Read implements reconcile.Store. It yields one snapshot, however long it
// takes and whatever is applied meanwhile, some rows at a time.
func (s *Store) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		if s.missing && !s.closed.Load() {
			return
		}
		stopped := false
		err := s.reading(ctx, func(c *conn) error {
			for row, err := range sqlstore.Read(c) {
				if err != nil {
					return err
				}
				if stopped = !yield(row, nil); stopped {
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(reconcile.Row{}, fmt.Errorf("read store: %w", err))
		}
	}
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

// Runs implements reconcile.Ledger.
func (s *Store) Runs(ctx context.Context, limit int) (runs []reconcile.Run, err error) {
	if s.missing {
		return nil, nil
	}
	err = s.reading(ctx, func(c *conn) error {
		runs, err = sqlstore.Runs(c, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return runs, nil
}

// Run implements reconcile.Ledger.
func (s *Store) Run(ctx context.Context, id int64) (run reconcile.Run, err error) {
	if s.missing {
		return run, fmt.Errorf("read ledger: run %d: %w", id, reconcile.ErrNoRun)
	}
	err = s.reading(ctx, func(c *conn) error {
		run, err = sqlstore.Run(c, id)
		return err
	})
	if err != nil {
		return reconcile.Run{}, fmt.Errorf("read ledger: %w", err)
	}
	return run, nil
}

// Forget drops runs from the ledger that are older than before, but never the
// newest, and the password hashes that only they named. It returns how many
// runs it dropped; they cannot be taken back any more.
func (s *Store) Forget(ctx context.Context, before time.Time) (dropped int64, err error) {
	err = s.writing(ctx, announce+lockTables, func(c *conn) error {
		dropped, err = sqlstore.Forget(c, before)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget runs: %w", err)
	}
	return dropped, nil
}

// SetObserved does what a webmail or panel does for its user: it writes what
// the user owns. While the user's add-on is locked, a change of its
// configuration is refused by a trigger.
func (s *Store) SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error {
	err := s.writing(ctx, "", func(c *conn) error { return sqlstore.SetObserved(c, at, o) })
	if err != nil {
		return fmt.Errorf("set what %s owns: %w", at, err)
	}
	return nil
}

// Recorded implements reconcile.Recorder.
func (s *Store) Recorded() []string { return sqlstore.Recorded }

// MarkBackup writes the state of a user's backup, and nothing else of what is
// observed.
func (s *Store) MarkBackup(ctx context.Context, at schema.Address, state string) error {
	err := s.writing(ctx, "", func(c *conn) error { return sqlstore.MarkBackup(c, at, state) })
	if err != nil {
		return fmt.Errorf("mark the backup of %s: %w", at, err)
	}
	return nil
}

// Close implements reconcile.Store. Operations that are running end in peace.
func (s *Store) Close() error {
	if !s.closed.Swap(true) {
		go s.pool.Close() // it waits for them
	}
	return nil
}
