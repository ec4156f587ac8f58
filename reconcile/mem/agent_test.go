package mem_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

func TestLeaders(t *testing.T) {
	s := mem.New()
	storetest.Leaders(t, 1000, [2]reconcile.Store{s, s}, func() {}) // the same name takes over from itself
}

// TestLease: a lease that is not renewed runs out, one that is does not, and one
// that was stolen is over.
func TestLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mem.New()
		first, err := s.Lead(t.Context(), "first")
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(reconcile.LeasePace)
			if err := first.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(reconcile.LeaseTime)
		if _, err := s.Lead(t.Context(), "second"); !errors.Is(err, reconcile.ErrLed) {
			t.Errorf("got error %v, want ErrLed", err)
		}
		time.Sleep(time.Second)
		second, err := s.Lead(t.Context(), "second")
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Renew(t.Context()); !errors.Is(err, reconcile.ErrFenced) {
			t.Errorf("got error %v, want ErrFenced", err)
		}
		third := s.Steal("third")
		if _, err := s.Apply(t.Context(), reconcile.Batch{Epoch: second.Epoch()}); !errors.Is(err, reconcile.ErrFenced) {
			t.Errorf("got error %v, want ErrFenced", err)
		}
		if _, err := s.Apply(t.Context(), reconcile.Batch{Epoch: third.Epoch()}); err != nil {
			t.Error(err)
		}
	})
}

// TestWitness: what is put behind the ledger's back is noted, and told at once.
func TestWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &mem.Store{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		firstCtx, stopFirst := context.WithCancel(ctx)
		defer stopFirst()
		var heard []reconcile.Notice
		go func() {
			for n := range s.Watch(firstCtx) {
				heard = append(heard, n)
			}
		}()
		synctest.Wait()
		u := storetest.NewUser("ana@acme.example")
		s.Put(&schema.Domain{Name: "acme.example"})
		synctest.Wait()
		s.By = "bruno"
		s.Put(u)
		s.Remove(u.Key())
		if _, err := s.Apply(ctx, reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, schema.State{u})}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		notes, err := s.Notes(ctx, 1)
		now := time.Now().UTC()
		want := []reconcile.Note{{ID: 2, At: now, By: "bruno", Name: "ana@acme.example"}, {ID: 3, At: now, By: "bruno", Name: "ana@acme.example"}}
		if err != nil || !slices.Equal(notes, want) {
			t.Errorf("got notes %+v, error %v", notes, err)
		}
		if len(heard) != 3 || heard[0].By != "somebody" || heard[0].Users != nil || heard[2].By != "bruno" || heard[2].Users[0] != u.Address {
			t.Errorf("heard %+v", heard)
		}
		// Who is slow is told of some, and then that there was more.
		stopFirst()
		synctest.Wait()
		heard = nil
		go func() {
			for n := range s.Watch(ctx) {
				heard = append(heard, n)
				time.Sleep(time.Minute)
			}
		}()
		synctest.Wait()
		for range 1000 {
			s.Put(u)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if len(heard) > 1+100 || !slices.ContainsFunc(heard, func(n reconcile.Notice) bool { return n.By == "" }) {
			t.Errorf("%d notices were told", len(heard))
		}
		if err := s.ForgetNotes(ctx, time.Now().Add(-time.Minute)); err != nil {
			t.Error(err)
		}
		s.Put(u)
		if notes, err := s.Notes(ctx, 0); err != nil || len(notes) != 1 || notes[0].ID != 1004 {
			t.Errorf("got notes %+v, error %v", notes, err)
		}
	})
}
