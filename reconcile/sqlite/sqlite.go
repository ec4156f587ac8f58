// Package sqlite is the store in a SQLite file that mail servers read at the
// same time. It is in WAL mode, and its -wal and -shm files stay when it is
// closed: readers without the right to write cannot make them. Every operation
// has a connection of its own, so nothing is shared between goroutines but the
// lock of an agent.
// Imports: reconcile, schema, reconcile/internal/sqlstore, and ncruces'
// go-sqlite3 through its direct interface. The file is never opened by other
// means: closing such a handle would drop SQLite's locks on some systems.
package sqlite

import (
	"context"
	"embed"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// Options says how a store is opened. The zero value opens it for writing and
// makes it when it does not exist.
type Options struct {
	// ReadOnly never writes and makes nothing. A file that does not exist is an
	// empty store. One that an older mailops wrote is an error: it is brought up
	// to date by whoever may write. Reading keeps its place in the -wal and -shm
	// files, so it needs the right to write those, and a writable disk.
	ReadOnly bool

	// BusyTimeout is how long an apply waits for another one; 0 is two seconds,
	// which is longer than an apply of 10,000 changes holds the store.
	BusyTimeout time.Duration

	// NoSync does not wait until the disk has what is written: after a power cut
	// an apply that was reported may be gone, and the rest is whole. For tests.
	NoSync bool
}

// busyTimeout is the BusyTimeout of who sets none.
const busyTimeout = 2 * time.Second

// A Store is a SQLite file.
type Store struct {
	sqlstore.Shared
	path    string
	options Options
	setup   string // statements that every connection begins with
	missing bool   // opened for reading only, and there was no file
	closed  atomic.Bool
	agent   agency
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

// dialect: STRICT makes SQLite keep the types, and WITHOUT ROWID stores the
// rows in the order of their keys, which is the order they are read in. Rows of
// more than a quarter of a page would be torn apart by that.
var dialect = sqlstore.Dialect{
	Words: map[string]string{
		"TEXT":  "TEXT",
		"INT":   "INTEGER",
		"TABLE": "STRICT, WITHOUT ROWID",
		"TEMP":  "STRICT, WITHOUT ROWID",
		"WIDE":  "STRICT",
		"NOW":   "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
		"JOIN":  "group_concat",
		"OPEN":  inHours,
	},
	Tables: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
	Extra:  migrations,
}

// durable is what every connection is set to. FULL syncs the WAL at each
// commit: an apply that was reported is there after a power cut.
const durable = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;" +
	" PRAGMA journal_size_limit = 67108864;" + // 64 MiB: reliability §4, soak
	" PRAGMA cache_size = -65536;" // 64 MiB: the first apply of a large organization does not write pages twice

// Open opens the store at path, and makes it or brings it up to date when the
// options allow. Errors wrap reconcile.ErrUnreachable, ErrNewer or ErrBusy.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	setup := durable
	if options.NoSync {
		setup += " PRAGMA synchronous = OFF;"
	}
	return open(ctx, path, options, setup)
}

func open(ctx context.Context, path string, options Options, setup string) (*Store, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if options.BusyTimeout == 0 {
		options.BusyTimeout = busyTimeout
	}
	s := &Store{path: full, options: options, setup: setup}
	s.T = transactions{s}
	if options.ReadOnly {
		err = s.look(ctx)
	} else {
		err = s.prepare(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// look checks a store that is only read.
func (s *Store) look(ctx context.Context) error {
	if empty, err := absent(s.path); err != nil || empty {
		s.missing = empty
		return s.explain(ctx, err)
	}
	return s.reading(ctx, func(c *conn) error {
		todo, err := sqlstore.Pending(c, dialect)
		if err != nil || len(todo) == 0 {
			return err
		}
		return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, sqlstore.ErrOlder)
	})
}

// prepare makes the file and its tables, or brings them up to date.
func (s *Store) prepare(ctx context.Context) error {
	if err := create(s.path); err != nil {
		return s.explain(ctx, err)
	}
	c, err := s.connect(ctx, sqlite3.OPEN_READWRITE)
	if err != nil {
		return s.explain(ctx, err)
	}
	defer c.close()
	if err := c.useWAL(); err != nil {
		return s.explain(ctx, err)
	}
	todo, err := sqlstore.Pending(c, dialect)
	if err != nil {
		return s.explain(ctx, err)
	}
	if len(todo) > 0 {
		return s.explain(ctx, c.transact(ctx, c.migrate))
	}
	stale, err := staleZones(c, time.Now())
	if err != nil || len(stale) == 0 {
		return s.explain(ctx, err)
	}
	return s.explain(ctx, c.transact(ctx, func() error { return refreshZones(c, time.Now()) }))
}

// migrate applies what is pending, in one transaction: another process may
// have been quicker.
func (c *conn) migrate() error {
	if err := c.announce(); err != nil {
		return err
	}
	todo, err := sqlstore.Pending(c, dialect)
	if err != nil {
		return err
	}
	for _, m := range todo {
		if err := sqlstore.Migrate(c, m, time.Now()); err != nil {
			return err
		}
	}
	return refreshZones(c, time.Now())
}

// Apply implements reconcile.Store.
func (s *Store) Apply(ctx context.Context, b reconcile.Batch) (run int64, err error) {
	err = s.writing(ctx, func(c *conn) error {
		if err := c.announce(); err != nil {
			return err
		}
		if run, err = sqlstore.Apply(c, dialect, b, ""); err != nil {
			return err
		}
		return refreshZones(c, time.Now())
	})
	if err != nil {
		return 0, fmt.Errorf("apply: %w", err)
	}
	return run, nil
}

// Close implements reconcile.Store. Operations that are running end in peace,
// and who was the agent is it no more.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.agent.Lock()
	defer s.agent.Unlock()
	return s.agent.end()
}
