package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) reconcile.Store {
		s, _ := fresh(t)
		return s
	})
}

// TestBouncer runs the suite through PgBouncer, which gives every transaction
// another connection.
func TestBouncer(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) reconcile.Store { return bounced(t) })
}

func bounced(t *testing.T) *postgres.Store {
	t.Helper()
	s := server(t)
	return open(t, pgtest.At(s.bouncer.Address(), s.Password(), tables(t)), postgres.Options{})
}

// TestBouncerSurvives: operations that are cancelled at any moment do not bring
// PgBouncer down, and leave no transaction behind.
func TestBouncerSurvives(t *testing.T) {
	t.Parallel()
	s := server(t)
	database := tables(t)
	direct := open(t, s.URL(database), postgres.Options{})
	become(t, direct, users(30))
	bounced := open(t, pgtest.At(s.bouncer.Address(), s.Password(), database), postgres.Options{})
	var group sync.WaitGroup
	for lane := range 4 {
		group.Go(func() {
			for i := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(time.Duration(rand.IntN(20))*time.Millisecond, cancel)
				err := applyOrRead(ctx, bounced, lane+i)
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("got error %v, want Canceled", err)
				}
				timer.Stop()
				cancel()
			}
		})
	}
	group.Wait()
	holds(t, bounced, state(t, direct))
	s.Await(t, database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()", "0")
}

func applyOrRead(ctx context.Context, s *postgres.Store, n int) error {
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil || n%2 == 0 {
		return err
	}
	u := storetest.NewUser("user000007@acme.example")
	u.Name = strconv.Itoa(n)
	want := append(slices.Clone(live.State[:8]), append(schema.State{u}, live.State[9:]...)...)
	_, err = s.Apply(ctx, reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(live.State, want)}})
	if errors.Is(err, reconcile.ErrConflict) {
		return nil // another lane was quicker
	}
	return err
}

func FuzzApply(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(0))
	f.Add(uint64(2), uint8(40), uint8(12))
	f.Fuzz(func(t *testing.T, seed uint64, size, asks uint8) {
		s, _ := fresh(t)
		storetest.Laws(t, s, seed, int(size)%80, int64(asks))
	})
}

func FuzzWalk(f *testing.F) {
	f.Add(uint64(1), uint8(10))
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		s, _ := fresh(t)
		storetest.Walk(t, s, seed, int(size)%30, 6)
	})
}
