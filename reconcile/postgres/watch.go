package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// How long to wait before the next try to listen, at first and at most.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
)

// heartbeat is how often a connection that hears nothing is asked whether it is
// still there.
const heartbeat = 30 * time.Second

// listen yields what the triggers tell, until ctx ends. It has a connection of
// its own, which it makes anew when it breaks.
func (s *Store) listen(ctx context.Context) iter.Seq[told] {
	return func(yield func(told) bool) {
		pause := firstPause
		for away := false; ctx.Err() == nil && !s.closed.Load(); away = true {
			began := time.Now()
			if !s.listenOnce(ctx, away, yield) {
				return
			}
			if time.Since(began) > longestPause {
				pause = firstPause
			}
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
		}
	}
}

// listenOnce listens until the connection breaks; false is the end of all. When
// a connection was away before, it says so as soon as it listens again.
func (s *Store) listenOnce(ctx context.Context, away bool, yield func(told) bool) bool {
	config := s.pool.Config().ConnConfig.Config
	var heard []told
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		var t told
		if json.Unmarshal([]byte(n.Payload), &t) != nil {
			t = told{} // somebody else's words: anything may have changed
		}
		heard = append(heard, t)
	}
	// Waiting for notices ends often by the clock, which breaks nothing.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	c, err := pgconn.ConnectConfig(ctx, &config)
	if err != nil {
		return true
	}
	defer hangUp(c)
	err = c.Exec(ctx, "LISTEN mailops").Close()
	if err != nil && !isReplica(err) {
		return true
	}
	if away && !yield(told{}) {
		return false
	}
	if err != nil {
		return replayed(ctx, c, yield)
	}
	for {
		for _, t := range heard {
			if !yield(t) {
				return false
			}
		}
		heard = heard[:0]
		if err := await(ctx, c); err != nil {
			return true
		}
	}
}

// isReplica reports that a server takes no LISTEN because it is in recovery.
func isReplica(err error) bool {
	refused := new(pgconn.PgError)
	return errors.As(err, &refused) && refused.Code == "25006" // read_only_sql_transaction
}

// replayPace is how often one looks whether a replica has replayed anything.
const replayPace = 250 * time.Millisecond

// replayed says that anything may have changed whenever a replica has replayed
// something, until the connection breaks; false is the end of all.
func replayed(ctx context.Context, c *pgconn.PgConn, yield func(told) bool) bool {
	pace := time.NewTicker(replayPace)
	defer pace.Stop()
	for seen := ""; ; {
		result := c.Exec(ctx, "SELECT pg_last_wal_replay_lsn()")
		results, err := result.ReadAll()
		if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
			return true
		}
		now := string(results[0].Rows[0][0])
		if seen != "" && now != seen && !yield(told{}) {
			return false
		}
		seen = now
		select {
		case <-ctx.Done():
			return false
		case <-pace.C:
		}
	}
}

// await waits for the next notice, and asks the server now and then whether it
// is there.
func await(ctx context.Context, c *pgconn.PgConn) error {
	wait, cancel := context.WithTimeout(ctx, heartbeat)
	defer cancel()
	err := c.WaitForNotification(wait)
	if err == nil || wait.Err() == nil || ctx.Err() != nil {
		return err
	}
	ping, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return c.Exec(ping, "SELECT 1").Close()
}

func hangUp(c *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = c.Close(ctx) // it was only listened on
}
