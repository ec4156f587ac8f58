package postgres_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/postgres"
	"mailops/reconcile/postgres/pgtest"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestOutage: a server that is away is unreachable and never an empty store;
// when it is back the same store works, and what was interrupted is there whole
// or not at all.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := open(t, server.URL("postgres"), postgres.Options{Patience: 20 * time.Second})
	states := phases()
	var reported int64
	for round := range 6 {
		ctx, cancel := context.WithCancel(t.Context())
		done, applied := make(chan error), make(chan struct{}, 1)
		go func() { done <- applyUntilFault(ctx, s, states, &reported, applied) }()
		select { // a busy machine may take longer for the first than the pause
		case <-applied:
		case err := <-done:
			t.Fatalf("apply: %v", err)
		}
		pause := time.NewTimer(time.Duration(100+rand.IntN(200)) * time.Millisecond)
		<-pause.C
		stop := server.Stop
		if round%2 == 0 {
			stop = server.Crash
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if _, err := reconcile.ReadLive(t.Context(), s); !errors.Is(err, reconcile.ErrUnreachable) {
			t.Errorf("read: got error %v, want ErrUnreachable", err)
		}
		if _, err := postgres.Open(t.Context(), server.URL("postgres"), postgres.Options{}); !errors.Is(err, reconcile.ErrUnreachable) {
			t.Errorf("open: got error %v, want ErrUnreachable", err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, reconcile.ErrUnreachable) {
			t.Errorf("apply: got error %v, want ErrUnreachable", err)
		}
		cancel()
		reported = checkWhole(t, s, reported)
	}
	if reported == 0 {
		t.Error("no apply was done")
	}
}

// applyUntilFault goes from phase to phase until an error ends it.
func applyUntilFault(ctx context.Context, s *postgres.Store, states map[string]schema.State, reported *int64, applied chan<- struct{}) error {
	for {
		batch, err := another(ctx, s, states)
		if err != nil {
			return err
		}
		run, err := s.Apply(ctx, batch)
		if err != nil {
			return err
		}
		*reported = run
		select {
		case applied <- struct{}{}:
		default:
		}
	}
}

// TestReplica: a replica is read, and an apply there is refused.
func TestReplica(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	s := open(t, server.URL("postgres"), postgres.Options{})
	want, secrets := storetest.Random(rand.New(rand.NewPCG(4, 1)), 40)
	fill := func() {
		t.Helper()
		_, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(state(t, s), want)}, Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
	}
	fill()
	follower := server.Replica(t)
	replica := open(t, follower.URL("postgres"), postgres.Options{ReadOnly: true})
	want = want[:len(want)-3]
	fill()
	follower.Await(t, "postgres", "SELECT max(id)::text FROM mailops_run", "2")
	holds(t, replica, want)
	if runs, err := replica.Runs(t.Context(), 0); err != nil || len(runs) != 2 {
		t.Errorf("got %d runs, error %v", len(runs), err)
	}
	wrong, err := replica.Check(t.Context())
	if err != nil || !contains(wrong, "is a replica") {
		t.Errorf("check: %q, error %v", wrong, err)
	}
	writer := open(t, follower.URL("postgres"), postgres.Options{})
	if _, err := writer.Apply(t.Context(), reconcile.Batch{}); !errors.Is(err, reconcile.ErrUnreachable) {
		t.Errorf("apply: got error %v, want ErrUnreachable", err)
	}
	gate, err := postgres.OpenGate(t.Context(), follower.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	for u := range want.Users() {
		access, err := gate.Access(t.Context(), []schema.Address{u.Address})
		if got, known := access[u.Address]; err != nil || !known || u.Password != "" && got.Password != u.Password {
			t.Fatalf("%s: %+v, error %v", u.Address, access, err)
		}
	}
}
