package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/postgres"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// childStore names the store that a child process of TestKill works on.
const childStore = "MAILOPS_TEST_CHILD_STORE"

// phases are the two states between which applies go: 280 users change, 10 come
// and 10 go with every batch.
func phases() map[string]schema.State {
	out := make(map[string]schema.State)
	for i, name := range []string{"even", "odd"} {
		s := schema.State{&schema.Domain{Name: "acme.example"}}
		for n := range 290 {
			u := storetest.NewUser(schema.Address(fmt.Sprintf("u%03d@acme.example", n+10*i)))
			u.Name = name
			s = append(s, u)
		}
		out[name] = s
	}
	return out
}

// another is a batch from the phase that the store is in to the other one.
func another(ctx context.Context, s reconcile.Store, states map[string]schema.State) (reconcile.Batch, error) {
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return reconcile.Batch{}, err
	}
	next := "even"
	if u := live.State.Find(states[next][20].Key()); u != nil && u.(*schema.User).Name == next {
		next = "odd"
	}
	return reconcile.Batch{Run: reconcile.Run{Plan: next, Changes: reconcile.Diff(live.State, states[next])}}, nil
}

// applyForEver goes from phase to phase, and tells on stdout when it begins (0)
// and which run was done.
func applyForEver(ctx context.Context, url string) error {
	s, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	states := phases()
	for {
		batch, err := another(ctx, s, states)
		if err != nil {
			return err
		}
		fmt.Println(0)
		run, err := s.Apply(ctx, batch)
		if err != nil {
			return err
		}
		fmt.Println(run)
	}
}

// TestKill kills an applying process at random moments. What the process said
// was done is there, and the rest is there whole or not at all; the next apply
// does not wait for the dead one.
func TestKill(t *testing.T) {
	t.Parallel()
	for lane := range 2 {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			s, database := fresh(t)
			var runs int64
			pace := time.Minute // how long an apply takes; the first child may finish one
			for range 15 {
				var reported int64
				reported, pace = runApplier(t, server(t).URL(database), pace)
				runs = checkWhole(t, s, max(runs, reported))
			}
			if runs == 0 {
				t.Error("every child was killed before its first apply was done")
			}
		})
	}
}

// runApplier runs a child and kills it at a random moment of an apply, or a
// little later. It returns the run that the child reported, and the pace.
func runApplier(t *testing.T, url string, pace time.Duration) (last int64, newPace time.Duration) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childStore+"="+url)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killWithin := func(most time.Duration) {
		timer := time.AfterFunc(time.Duration(rand.Int64N(int64(most))), func() { _ = child.Process.Kill() }) // it may be dead
		t.Cleanup(func() { timer.Stop() })
	}
	var began time.Time
	for lines := bufio.NewScanner(out); lines.Scan(); {
		run, err := strconv.ParseInt(lines.Text(), 10, 64)
		switch {
		case err != nil:
			t.Fatal(err)
		case run == 0 && began.IsZero():
			began = time.Now()
			killWithin(pace + pace/4)
		case run > 0:
			if last = run; pace == time.Minute {
				pace = time.Since(began)
				killWithin(pace)
			}
		}
	}
	_, _ = io.Copy(io.Discard, out)
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", child.ProcessState)
	}
	return last, pace
}

// checkWhole demands that the store is as the last run of the ledger says, that
// this run is not older than what was reported, and that an apply can run.
func checkWhole(t *testing.T, s *postgres.Store, reported int64) int64 {
	t.Helper()
	// A dead client's transaction may be about to end: an apply comes after it.
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Plan: "look"}}); err != nil {
		t.Fatal(err)
	}
	live := state(t, s)
	runs, err := s.Runs(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		if run.Plan == "look" {
			continue
		}
		if run.ID < reported {
			t.Fatalf("run %d was reported, and the last is %d", reported, run.ID)
		}
		whole, err := s.Run(t.Context(), run.ID)
		if err != nil || len(whole.Changes) != run.Summary.Total() {
			t.Fatalf("run %d has %d changes of %d, error %v", run.ID, len(whole.Changes), run.Summary.Total(), err)
		}
		if want := phases()[run.Plan]; want.Digest() != live.Digest() {
			t.Fatalf("the ledger says %q, and %d changes lead there", run.Plan, len(reconcile.Diff(live, want)))
		}
		return run.ID
	}
	if len(live) > 0 || reported > 0 {
		t.Fatalf("no run is recorded, but there are %d rows, and run %d was reported", len(live), reported)
	}
	return 0
}

// state reads a store whole.
func state(t testing.TB, s reconcile.Store) schema.State {
	t.Helper()
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return live.State
}

// holds demands what the store holds.
func holds(t testing.TB, s reconcile.Store, want schema.State) {
	t.Helper()
	if live := state(t, s); live.Digest() != want.Digest() {
		t.Fatalf("%d changes are missing: %+v", len(reconcile.Diff(live, want)), reconcile.Diff(live, want)[0].Key)
	}
}
