package piecemeal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// Options say where a store keeps what it remembers.
type Options struct {
	Dir      string // a private folder for the mirror, the ledger and the journal
	ReadOnly bool   // nothing is changed, and nothing remembered
	Clock    hosted.Clock

	// Late is how long what was changed is waited for until it is read back, and
	// how long after that a read may still bring what was before; 0 is a minute.
	Late time.Duration

	NoSync bool // see [sqlite.Options]
}

// file is the mirror, ledger and journal in the folder.
const file = "ledger.db"

// late is the Late of who sets none: twice as long as a public client waits for one
// service (reference/seed-systems.md §1.2).
const late = time.Minute

// A Store is a service with what is remembered beside it.
type Store struct {
	reconcile.Ledger
	reconcile.Pauser
	reconcile.Leader

	service Service
	options Options
	mirror  *sqlite.Store
	applies sync.Mutex // one apply at a time, of this process
	closed  atomic.Bool
}

var (
	_ reconcile.Store     = (*Store)(nil)
	_ reconcile.Limited   = (*Store)(nil)
	_ reconcile.Piecemeal = (*Store)(nil)
	_ reconcile.Licensed  = (*Store)(nil)
	_ reconcile.Passwords = (*Store)(nil)
	_ reconcile.Witness   = (*Store)(nil)
	_ reconcile.Watcher   = (*Store)(nil)
)

var errClosed = fmt.Errorf("%w: it is closed", reconcile.ErrUnreachable)

// Open opens the store of a service. It asks the service nothing yet.
func Open(ctx context.Context, service Service, o Options) (*Store, error) {
	if o.Late == 0 {
		o.Late = late
	}
	path := filepath.Join(o.Dir, file)
	if !o.ReadOnly {
		if err := private(o.Dir); err != nil {
			return nil, err
		}
	}
	mirror, err := sqlite.Open(ctx, path, sqlite.Options{ReadOnly: o.ReadOnly, NoSync: o.NoSync})
	if err != nil {
		return nil, err
	}
	return &Store{Ledger: mirror, Pauser: mirror, Leader: mirror, service: service, options: o, mirror: mirror}, nil
}

// Lacks implements reconcile.Limited.
func (s *Store) Lacks() []reconcile.Lack { return s.service.Lacks() }

// Licences implements reconcile.Licensed: of a service that tells them.
func (s *Store) Licences(ctx context.Context) ([]reconcile.Licence, error) {
	service, ok := s.service.(interface {
		Licences(ctx context.Context) (schema.Licences, error)
	})
	if !ok {
		return nil, nil
	}
	paid, err := service.Licences(ctx)
	return []reconcile.Licence{{Licences: paid}}, err
}

// Close implements reconcile.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	return s.mirror.Close()
}

// Read implements reconcile.Store. What it reads is as of the time of each request.
func (s *Store) Read(ctx context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		v, err := s.look(ctx, nil)
		if err != nil {
			yield(reconcile.Row{}, err)
			return
		}
		for _, r := range v.state {
			if !yield(reconcile.Row{Resource: r, Observed: v.observed[r.Key().Address()]}, nil) {
				return
			}
		}
	}
}

// Look implements reconcile.Witness.
func (s *Store) Look(ctx context.Context, names []string) ([]reconcile.Row, error) {
	var keys []schema.Key
	for _, name := range names {
		for _, kind := range schema.LiveKinds {
			keys = append(keys, schema.Key{Kind: kind, Name: name})
		}
	}
	v, err := s.look(ctx, keys)
	if err != nil {
		return nil, err
	}
	var out []reconcile.Row
	for _, r := range v.state {
		if slices.Contains(names, r.Key().Name) {
			out = append(out, reconcile.Row{Resource: r, Observed: v.observed[r.Key().Address()]})
		}
	}
	return out, nil
}

// Notes implements reconcile.Witness: a service does not tell who changes what.
func (s *Store) Notes(context.Context, int64) ([]reconcile.Note, error) { return nil, nil }

// ForgetNotes implements reconcile.Witness.
func (s *Store) ForgetNotes(context.Context, time.Time) error { return nil }

// Watch implements reconcile.Watcher: a service tells nothing by itself.
func (s *Store) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(func(reconcile.Notice) bool) { <-ctx.Done() }
}

// CutOff implements reconcile.Piecemeal.
func (s *Store) CutOff(ctx context.Context) (*reconcile.Run, error) {
	begun, err := s.mirror.Unfinished(ctx)
	if err != nil || begun == nil {
		return nil, err
	}
	return &begun.Run, nil
}

// now is the time that the journal has.
func (s *Store) now() time.Time { return s.options.Clock.Time().UTC().Round(0) }

// lockFile is held while an apply runs.
func (s *Store) lockFile() string { return filepath.Join(s.options.Dir, "apply.lock") }

// alone runs f while no other apply runs on this store, of this process or another.
func (s *Store) alone(ctx context.Context, f func() error) (err error) {
	switch {
	case s.closed.Load():
		return errClosed
	case s.options.ReadOnly:
		return errors.New("the store was opened for reading only")
	}
	s.applies.Lock()
	defer s.applies.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	unlock, err := hosted.TryLock(s.lockFile())
	if err != nil {
		return fmt.Errorf("%w: %s", reconcile.ErrBusy, s.options.Dir)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	return f()
}
