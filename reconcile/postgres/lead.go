package postgres

import (
	"context"
	"fmt"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// clock is the server's time, moved by a number of seconds, as the row of the
// agent has it.
func clock(seconds int) string {
	return fmt.Sprintf(`to_char(clock_timestamp() AT TIME ZONE 'UTC' + interval '%d s', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`, seconds)
}

// leaseSeconds is how long nobody else may lead.
const leaseSeconds = int(reconcile.LeaseTime / 1e9)

// take makes a holder the agent when it was it before, or the agent was not seen
// for long. One that was seen in the future was so before the server's clock was
// set back.
var take = "UPDATE mailops_agent SET epoch = epoch + 1, holder = $1, since = " + clock(0) + ", seen = " + clock(0) +
	" WHERE holder = $1 OR seen < " + clock(-leaseSeconds) + " OR seen > " + clock(leaseSeconds)

// Lead implements reconcile.Leader, by the server's clock. It keeps nothing on a
// connection, so it may pass through PgBouncer. While an agent applies, nobody
// takes over from it.
func (s *Store) Lead(ctx context.Context, holder string) (reconcile.Lease, error) {
	l := &lease{store: s}
	err := sqlstore.CheckHolder(holder)
	if err == nil {
		err = s.T.Writing(ctx, func(c sqlstore.Conn) error {
			taken, err := c.Exec(take, holder)
			if err == nil && taken == 0 {
				err = sqlstore.LedBy(c)
			}
			if err == nil {
				l.epoch, err = sqlstore.Epoch(c)
			}
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("lead the store: %w", err)
	}
	return l, nil
}

// A lease is the right to be the agent until it was not renewed for long.
type lease struct {
	store *Store
	epoch int64
}

// Epoch implements reconcile.Lease.
func (l *lease) Epoch() int64 { return l.epoch }

// Renew implements reconcile.Lease. An apply does not hold it up.
func (l *lease) Renew(ctx context.Context) error {
	err := l.store.T.Writing(ctx, func(c sqlstore.Conn) error {
		renewed, err := c.Exec("UPDATE mailops_agent SET seen = "+clock(0)+" WHERE epoch = $1 AND seen <> ''", l.epoch)
		if err == nil && renewed == 0 {
			err = fmt.Errorf("%w: or it was released", reconcile.ErrFenced)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("renew the lease: %w", err)
	}
	return nil
}

// Release implements reconcile.Lease.
func (l *lease) Release(ctx context.Context) error {
	err := l.store.T.Writing(ctx, func(c sqlstore.Conn) error {
		_, err := c.Exec("UPDATE mailops_agent SET seen = '' WHERE epoch = $1", l.epoch)
		return err
	})
	if err != nil {
		return fmt.Errorf("release the lease: %w", err)
	}
	return nil
}
