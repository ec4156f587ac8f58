package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// An agency is the store's lock that its agent holds while it leads: a file
// beside the store, which the system unlocks when the process dies. nil is not
// held.
type agency struct {
	sync.Mutex
	file   *os.File
	holder string
	epoch  int64
}

// end unlocks the file.
func (a *agency) end() error {
	if a.file == nil {
		return nil
	}
	err := errors.Join(unlock(a.file), a.file.Close())
	a.file, a.epoch = nil, 0
	return err
}

// errHeld: somebody else has the lock.
var errHeld = errors.New("the lock is held")

// Lead implements reconcile.Leader. The lock tells at once that a holder died,
// so nobody waits for a lease to run out. A holder that comes again by the same
// Store takes over from itself; who is alive elsewhere under the same name is
// another one.
func (s *Store) Lead(ctx context.Context, holder string) (reconcile.Lease, error) {
	s.agent.Lock()
	defer s.agent.Unlock()
	epoch, err := s.lead(ctx, holder)
	if err != nil {
		return nil, fmt.Errorf("lead the store: %w", err)
	}
	return &lease{s, epoch}, nil
}

func (s *Store) lead(ctx context.Context, holder string) (int64, error) {
	switch err := sqlstore.CheckHolder(holder); {
	case err != nil:
		return 0, err
	case s.closed.Load():
		return 0, errClosed
	case s.options.ReadOnly:
		return 0, errReadOnly
	}
	err := s.hold(holder)
	if errors.Is(err, errHeld) {
		return 0, s.reading(ctx, func(c *conn) error { return sqlstore.LedBy(c) })
	}
	if err != nil {
		return 0, s.explain(ctx, err)
	}
	var epoch int64
	err = s.writing(ctx, func(c *conn) error {
		if !s.holds() { // somebody took the file away meanwhile
			return fmt.Errorf("%w: %s was replaced", reconcile.ErrBusy, s.agent.file.Name())
		}
		epoch, err = sqlstore.Lead(c, holder, time.Now())
		return err
	})
	if err != nil {
		return 0, errors.Join(err, s.agent.end())
	}
	s.agent.holder, s.agent.epoch = holder, epoch
	return epoch, nil
}

// hold takes the lock, unless this holder has it.
func (s *Store) hold(holder string) error {
	switch {
	case s.agent.file == nil:
	case !s.holds():
		if err := s.agent.end(); err != nil {
			return err
		}
	case s.agent.holder != holder:
		return errHeld
	default:
		return nil
	}
	path, err := filepath.EvalSymlinks(s.path) // by whatever name it was opened
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path+"-agent", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := lock(file); err != nil {
		return errors.Join(err, file.Close())
	}
	s.agent.file = file
	return nil
}

// holds reports whether the lock is on the file that others would lock.
func (s *Store) holds() bool {
	ours, err := s.agent.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(s.agent.file.Name())
	return err == nil && os.SameFile(ours, there)
}

// A lease is the right of this process to be the agent.
type lease struct {
	store *Store
	epoch int64
}

// Epoch implements reconcile.Lease.
func (l *lease) Epoch() int64 { return l.epoch }

// Renew implements reconcile.Lease. It writes nothing: whatever is committed
// empties the caches of the mail servers.
func (l *lease) Renew(ctx context.Context) error {
	l.store.agent.Lock()
	held := l.store.agent.epoch
	l.store.agent.Unlock()
	if held != l.epoch {
		return fmt.Errorf("renew the lease: %w: or it was released", reconcile.ErrFenced)
	}
	err := l.store.reading(ctx, func(c *conn) error { return sqlstore.CheckEpoch(c, l.epoch, "") })
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	return nil
}

// Release implements reconcile.Lease.
func (l *lease) Release(context.Context) error {
	l.store.agent.Lock()
	defer l.store.agent.Unlock()
	if l.store.agent.epoch != l.epoch {
		return nil // the next one has it
	}
	if err := l.store.agent.end(); err != nil {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}
