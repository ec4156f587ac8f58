package mem

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailops/reconcile"
)

// An agent is who leads the store.
type agent struct {
	epoch       int64
	holder      string
	since, seen time.Time // the zero seen is nobody
}

// Lead implements reconcile.Leader. A lease that was not renewed for its time
// has run out.
func (s *Store) Lead(ctx context.Context, holder string) (reconcile.Lease, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	switch alive := time.Since(s.agent.seen).Abs() <= reconcile.LeaseTime; {
	case holder == "":
		return nil, errors.New("lead the store: an agent needs a name")
	case alive && holder != s.agent.holder:
		return nil, fmt.Errorf("lead the store: %w", &reconcile.LedError{Holder: s.agent.holder, Since: s.agent.since})
	}
	return s.take(holder), nil
}

// Steal makes a holder the agent whoever is it, as when a lease has run out.
func (s *Store) Steal(holder string) reconcile.Lease {
	defer s.mu.Unlock()
	s.mu.Lock()
	return s.take(holder)
}

func (s *Store) take(holder string) reconcile.Lease {
	now := time.Now()
	s.agent = agent{s.agent.epoch + 1, holder, now, now}
	return &lease{s, s.agent.epoch}
}

// fence refuses the apply of an agent that is not the store's any more.
func (s *Store) fence(epoch int64) error {
	if epoch != 0 && epoch != s.agent.epoch {
		return fmt.Errorf("%w: this one's epoch is %d, and the store's is %d", reconcile.ErrFenced, epoch, s.agent.epoch)
	}
	return nil
}

// A lease is the right to be the agent until it was not renewed for long.
type lease struct {
	store *Store
	epoch int64
}

// Epoch implements reconcile.Lease.
func (l *lease) Epoch() int64 { return l.epoch }

// Renew implements reconcile.Lease.
func (l *lease) Renew(ctx context.Context) error {
	s := l.store
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := s.fence(l.epoch); err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	if s.agent.seen.IsZero() {
		return fmt.Errorf("renew the lease: %w: or it was released", reconcile.ErrFenced)
	}
	s.agent.seen = time.Now()
	return nil
}

// Release implements reconcile.Lease.
func (l *lease) Release(ctx context.Context) error {
	s := l.store
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if s.agent.epoch == l.epoch {
		s.agent.seen = time.Time{}
	}
	return nil
}
