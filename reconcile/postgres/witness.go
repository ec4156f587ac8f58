package postgres

import (
	"context"
	"fmt"
	"math"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// A writer gets the ids of its notes when it writes, and may be done long after
// one whose ids are higher. Until it is, it holds the lock of who inserts.
const (
	lastNote = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM mailops_note_id_seq"
	noting   = "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND relation = 'mailops_note'::regclass AND mode = 'RowExclusiveLock'" +
		" AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid IS DISTINCT FROM pg_backend_pid() LIMIT 1"
)

// Notes implements reconcile.Witness. No later answer has an id between those of
// this one: while somebody is not done, it ends where an id is missing, which
// may be theirs. What comes after waits for them, as an apply does.
func (s *Store) Notes(ctx context.Context, after int64) ([]reconcile.Note, error) {
	upTo, busy := int64(math.MaxInt64), false
	if !s.missing {
		// Ids up to the last were given out before one looks who is not done; and
		// the rows are read by a later snapshot than that.
		err := s.reading(ctx, func(c *conn) (err error) {
			if upTo, err = number(c, lastNote); err != nil {
				return err
			}
			one, err := number(c, noting)
			busy = one == 1
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read notes: %w", err)
		}
	}
	var notes []reconcile.Note
	err := s.T.Reading(ctx, func(c sqlstore.Conn) (err error) {
		notes, err = sqlstore.Notes(c, after, upTo)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	for i, n := range notes {
		if busy && n.ID != after+int64(i)+1 {
			return notes[:i], nil
		}
	}
	return notes, nil
}

// number is the answer of a query for one number at most; 0 is none.
func number(c *conn, sql string) (int64, error) {
	rows := c.Query(sql)
	defer rows.Close()
	if !rows.Next() {
		return 0, rows.Err()
	}
	n, _ := rows.Values()[0].(int64)
	return n, nil
}
