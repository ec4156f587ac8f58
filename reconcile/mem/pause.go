package mem

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
)

// moment is a time as the stores keep it: of whole seconds.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// Pause implements reconcile.Pauser.
func (s *Store) Pause(ctx context.Context, p reconcile.Pause) error {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return err
	}
	if err := p.Check(p.At); err != nil {
		return err
	}
	if strings.Contains(p.Scope+p.Reason+p.By, "\x00") {
		return errors.New("a text holds a NUL character")
	}
	p.At, p.Until = moment(p.At), moment(p.Until)
	s.pauses = slices.DeleteFunc(s.pauses, func(q reconcile.Pause) bool { return q.Scope == p.Scope && q.At.Equal(p.At) })
	s.resume(p.Scope, p.At)
	s.pauses = append(s.pauses, p)
	slices.SortFunc(s.pauses, func(p, q reconcile.Pause) int { return cmp.Or(strings.Compare(p.Scope, q.Scope), p.At.Compare(q.At)) })
	return nil
}

// Pauses implements reconcile.Pauser.
func (s *Store) Pauses(ctx context.Context) ([]reconcile.Pause, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	return append([]reconcile.Pause(nil), s.pauses...), nil
}

// Resume implements reconcile.Pauser.
func (s *Store) Resume(ctx context.Context, scope string, now time.Time) (int64, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	return s.resume(scope, now), nil
}

// resume ends the pauses of a scope, and drops those that ended 90 days ago.
func (s *Store) resume(scope string, now time.Time) (ended int64) {
	now = moment(now)
	for i := range s.pauses {
		if p := &s.pauses[i]; p.Scope == scope && p.Until.After(now) {
			p.Until = now
			ended++
		}
	}
	s.pauses = slices.DeleteFunc(s.pauses, func(p reconcile.Pause) bool { return !p.Until.After(now.AddDate(0, 0, -90)) })
	return ended
}
