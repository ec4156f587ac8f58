package postgres_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/postgres"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// errFault is a server that fails once.
var errFault = errors.New("fault")

// faulty is a connection of which one call fails: the left-th.
type faulty struct {
	sqlstore.Conn
	left int
}

func (f *faulty) fails() bool {
	f.left--
	return f.left == -1
}

func (f *faulty) Exec(sql string, args ...any) (int64, error) {
	if f.fails() {
		return 0, errFault
	}
	return f.Conn.Exec(sql, args...)
}

func (f *faulty) Script(sql string) error {
	if f.fails() {
		return errFault
	}
	return f.Conn.Script(sql)
}

func (f *faulty) Bulk(b sqlstore.Bulk) error {
	if f.fails() {
		return errFault
	}
	return f.Conn.Bulk(b)
}

func (f *faulty) Query(sql string, args ...any) sqlstore.Rows {
	return &faultyRows{Rows: f.Conn.Query(sql, args...), conn: f}
}

type faultyRows struct {
	sqlstore.Rows
	conn *faulty
	err  error
}

func (r *faultyRows) Next() bool {
	if r.conn.fails() {
		r.err = errFault
	}
	return r.err == nil && r.Rows.Next()
}

func (r *faultyRows) Err() error { return errors.Join(r.err, r.Rows.Err()) }

// TestFaults fails every call of a read and of an apply, one at a time: each is
// told, and a read that failed never looks like a store with fewer users.
func TestFaults(t *testing.T) {
	t.Parallel()
	s, _ := fresh(t)
	rng := rand.New(rand.NewPCG(3, 1))
	state, secrets := storetest.Random(rng, 12)
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, state)}, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	want, more := storetest.Mutate(rng, state)
	batch := reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(state, want), Undoes: 1}, Secrets: more}
	pause := reconcile.Pause{Scope: "all", Reason: "x", Until: batch.At.Add(1)}
	everyFault(t, s, func(c sqlstore.Conn) error { return readAll(c, state) })
	everyFault(t, s, func(c sqlstore.Conn) error {
		_, err := sqlstore.Apply(c, postgres.Dialect, batch, "token")
		return err
	})
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Runs(c, 0); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Run(c, 1); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Since(c, batch.At); return err })
	everyFault(t, s, func(c sqlstore.Conn) error {
		_, err := sqlstore.Look(c, []string{state[0].Key().Name, state[1].Key().Name, state[len(state)-1].Key().Name})
		return err
	})
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Notes(c, 0, 9); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Lead(c, "x", batch.At); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { return sqlstore.Pause(c, pause) })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Pauses(c); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Forget(c, batch.At.AddDate(1, 0, 0)); return err })
	everyFault(t, s, func(c sqlstore.Conn) error { _, err := sqlstore.Pending(c, postgres.Dialect); return err })
	holds(t, s, state)
}

// readAll reads the store and reports a difference as an error of its own.
func readAll(c sqlstore.Conn, want schema.State) error {
	var live schema.State
	for row, err := range sqlstore.Read(c) {
		if err != nil {
			return err
		}
		live = append(live, row.Resource)
	}
	if len(reconcile.Diff(live, want)) > 0 {
		return errors.New("the read was cut short without an error")
	}
	return nil
}

// everyFault calls f with a fault at each of its calls, until none is left to
// fail. What f has written is rolled back.
func everyFault(t *testing.T, s *postgres.Store, f func(sqlstore.Conn) error) {
	t.Helper()
	for left := 0; ; left++ {
		c := faulty{left: left}
		err := s.Applying(t.Context(), func(real sqlstore.Conn) error {
			c.Conn = real
			if err := f(&c); err != nil || c.left < 0 {
				return err
			}
			return errFault // the last round, which no fault disturbed
		})
		if !errors.Is(err, errFault) {
			t.Fatalf("call %d failed, and the answer is %v", left, err)
		}
		if c.left >= 0 {
			return
		}
	}
}
