package several

import (
	"context"
	"errors"

	"mailops/reconcile"
)

// A lease is the right to be the agent of all parts. Its epoch is the home's; each
// part that can be led has one of its own, so that an agent elsewhere, with another
// home, does not lead it as well.
type lease struct {
	reconcile.Lease
	store *Store
	parts []reconcile.Lease // nil: the part cannot be led
}

// Lead implements reconcile.Leader.
func (s *Store) Lead(ctx context.Context, holder string) (reconcile.Lease, error) {
	home, err := s.home.Lead(ctx, holder)
	if err != nil {
		return nil, err
	}
	l := &lease{Lease: home, store: s, parts: make([]reconcile.Lease, len(s.parts))}
	for i := range s.parts {
		if s.parts[i].leader == nil {
			continue
		}
		if l.parts[i], err = s.parts[i].leader.Lead(ctx, holder); err != nil {
			return nil, errors.Join(s.parts[i].in(err), l.Release(context.WithoutCancel(ctx)))
		}
	}
	s.mu.Lock()
	s.led = map[int64]*lease{home.Epoch(): l} // an older one is refused by the home
	s.mu.Unlock()
	return l, nil
}

// Renew implements reconcile.Lease.
func (l *lease) Renew(ctx context.Context) error {
	if err := l.Lease.Renew(ctx); err != nil {
		return err
	}
	for i, p := range l.parts {
		if p == nil {
			continue
		}
		if err := p.Renew(ctx); err != nil {
			return l.store.parts[i].in(err)
		}
	}
	return nil
}

// Release implements reconcile.Lease: the home goes last, so that who takes it over
// finds the parts free.
func (l *lease) Release(ctx context.Context) error {
	var errs []error
	for i, p := range l.parts {
		if p != nil {
			errs = append(errs, l.store.parts[i].in(p.Release(ctx)))
		}
	}
	return errors.Join(append(errs, l.Lease.Release(ctx))...)
}

// epoch is what a part knows the agent of an epoch by; 0 is no agent.
func (s *Store) epoch(i int, epoch int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.led[epoch]; l != nil && l.parts[i] != nil {
		return l.parts[i].Epoch()
	}
	return 0
}
