package postgres

import (
	"context"
	"fmt"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

var _ reconcile.Grantor = (*Store)(nil)

// Grant implements reconcile.Grantor.
func (s *Store) Grant(ctx context.Context, g reconcile.Grant) error {
	err := s.writing(ctx, "", func(c *conn) error { return sqlstore.Grant(c, g) })
	if err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	return nil
}

// Grants implements reconcile.Grantor.
func (s *Store) Grants(ctx context.Context) (grants []reconcile.Grant, err error) {
	err = s.reading(ctx, func(c *conn) error {
		grants, err = sqlstore.Grants(c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	return grants, nil
}

// Revoke implements reconcile.Grantor.
func (s *Store) Revoke(ctx context.Context, name, target string, now time.Time) (dropped int64, err error) {
	err = s.writing(ctx, "", func(c *conn) error {
		dropped, err = sqlstore.Revoke(c, name, target, now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("revoke: %w", err)
	}
	return dropped, nil
}
