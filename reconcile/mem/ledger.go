package mem

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// fingerprint reads the value of a password field.
func fingerprint(v schema.Value) (schema.Secret, error) {
	var s schema.Secret
	err := json.Unmarshal([]byte(v), &s)
	return s, err
}

// remember keeps the password that a change replaces, for who takes it back.
func (s *Store) remember(c reconcile.Change) {
	u, ok := s.rows[c.Key].(*schema.User)
	if ok && (c.Op == reconcile.OpDelete || c.Field("password") != nil) {
		s.replaced[u.Password] = true
	}
}

// record adds a run to the ledger.
func (s *Store) record(r reconcile.Run) int64 {
	r.ID, r.At = int64(len(s.runs)+1), r.At.UTC().Round(0)
	r.Summary, r.LiveUsers = reconcile.Summarize(r.Changes), 0
	for key := range s.rows {
		if key.Kind == schema.KindUser {
			r.LiveUsers++
		}
	}
	s.runs = append(s.runs, r)
	return r.ID
}

// Runs implements reconcile.Ledger.
func (s *Store) Runs(ctx context.Context, limit int) ([]reconcile.Run, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	var out []reconcile.Run
	for _, r := range slices.Backward(s.runs) {
		if limit > 0 && len(out) == limit {
			break
		}
		r.Changes = nil
		out = append(out, r)
	}
	return out, nil
}

// Since implements reconcile.Ledger.
func (s *Store) Since(ctx context.Context, since time.Time) ([]reconcile.Run, error) {
	runs, err := s.Runs(ctx, 0)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	later := slices.DeleteFunc(runs[1:], func(r reconcile.Run) bool { return r.At.Before(since) })
	return runs[:1+len(later)], nil
}

// Run implements reconcile.Ledger.
func (s *Store) Run(ctx context.Context, id int64) (reconcile.Run, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return reconcile.Run{}, err
	}
	if id < 1 || id > int64(len(s.runs)) {
		return reconcile.Run{}, fmt.Errorf("run %d: %w", id, reconcile.ErrNoRun)
	}
	r := s.runs[id-1]
	r.Changes = append([]reconcile.Change(nil), r.Changes...)
	return r, nil
}

// History implements reconcile.Ledger.
func (s *Store) History(ctx context.Context, name string, limit int) ([]reconcile.Run, error) {
	defer s.mu.Unlock()
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	var out []reconcile.Run
	for i := len(s.runs) - 1; i >= 0 && len(out) < limit; i-- {
		r := s.runs[i]
		r.Changes = slices.DeleteFunc(slices.Clone(r.Changes), func(c reconcile.Change) bool { return c.Name != name })
		if len(r.Changes) > 0 {
			out = append(out, r)
		}
	}
	return out, nil
}
