package agent_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
)

// A frail store fails as it is told to.
type frail struct {
	agent.Store
	mu     sync.Mutex
	away   error // of every operation
	inTurn error // of an apply, once, after it has applied
}

func (f *frail) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = err
}

func (f *frail) is() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away
}

func (f *frail) Apply(ctx context.Context, b reconcile.Batch) (int64, error) {
	if err := f.is(); err != nil {
		return 0, err
	}
	run, err := f.Store.Apply(ctx, b)
	f.mu.Lock()
	defer f.mu.Unlock()
	if lost := f.inTurn; lost != nil && err == nil {
		f.inTurn = nil
		return 0, lost
	}
	return run, err
}

func (f *frail) Notes(ctx context.Context, after int64) ([]reconcile.Note, error) {
	if err := f.is(); err != nil {
		return nil, err
	}
	return f.Store.Notes(ctx, after)
}

func (f *frail) Pauses(ctx context.Context) ([]reconcile.Pause, error) {
	if err := f.is(); err != nil {
		return nil, err
	}
	return f.Store.Pauses(ctx)
}

// gone is a store that cannot be reached.
var gone = fmt.Errorf("%w: connection refused", reconcile.ErrUnreachable)

// TestStoreAway: while the store is away the agent tries again, less and less
// often, and says what is wrong; what was committed meanwhile is live soon after
// it is back, with no hand.
func TestStoreAway(t *testing.T) {
	inWorld(t, func(w *world) {
		f := &frail{}
		w.wrap = func(s agent.Store) agent.Store { f.Store = s; return f }
		w.repo.commit()
		w.start()
		f.fail(gone)
		id := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		before := len(w.told())
		w.pass(time.Hour)
		tries := len(w.told()) - before
		if tries < 10 || tries > 100 {
			t.Errorf("%d looks in an hour without the store", tries)
		}
		if s := w.agent.Status(); s.Result != agent.ResultFailed || s.Error == "" {
			t.Errorf("status %+v", s)
		}
		f.fail(nil)
		w.pass(2 * time.Minute)
		w.is("bruno", "name", "Bruno")
		w.inForce(id, "")
	})
}

// TestLostAnswer: an apply whose answer was lost was carried out, or not: the
// next look finds out, and nothing is done twice.
func TestLostAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		f := &frail{}
		w.wrap = func(s agent.Store) agent.Store { f.Store = s; return f }
		w.repo.commit()
		w.start()
		f.mu.Lock()
		f.inTurn = gone
		f.mu.Unlock()
		id := w.repo.commit("bruno.yaml", "", "dora.yaml", "kind: User\naddress: dora@acme.example\n")
		w.pass(2 * time.Minute)
		w.inForce(id, "")
		w.is("bruno", "status", "")
		w.is("dora", "status", "active")
		if s := w.agent.Status(); len(s.Drift) > 0 {
			t.Errorf("drift %+v", s.Drift)
		}
	})
}

// TestSourceAway: without the repository the commit in force is kept, drift from
// it is taken back, and schedules go on; when it is back, so is what was committed.
func TestSourceAway(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: heal}\n"),
			"carla.yaml", "kind: User\naddress: carla@acme.example\nschedule: [{from: 2000-01-01T00:30, until: 2000-01-02, set: {status: suspended}}]\n")
		w.start()
		w.repo.mu.Lock()
		w.repo.broken = errors.New("no route to host")
		w.repo.mu.Unlock()
		w.by("bruno", "mailboxActions.pop", "true")
		w.pass(time.Hour)
		w.is("bruno", "mailboxActions.pop", "off")
		w.is("carla", "status", "suspended")
		if s := w.agent.Status(); s.Result != agent.ResultFailed || s.InForce == nil {
			t.Errorf("status %+v", s)
		}
		w.repo.mu.Lock()
		w.repo.broken = nil
		w.repo.mu.Unlock()
		id := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(2 * time.Minute)
		w.inForce(id, "")
		if s := w.agent.Status(); s.Error != "" || s.Failed != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

// TestConflict: somebody who writes the same row between look and apply loses
// nothing silently: the agent looks again, and does what the organization says of
// what it finds.
func TestConflict(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &racing{world: w}
		w.wrap = func(s agent.Store) agent.Store { r.Store = s; return r }
		w.repo.commit()
		w.start()
		r.on = true
		id := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Minute)
		w.inForce(id, "")
		w.is("bruno", "name", "Bruno")
		w.is("bruno", "mailboxActions.pop", "on")
		if s := w.agent.Status(); len(s.Drift) != 1 || s.Drift[0].Fields[0].Path != "mailboxActions.pop" {
			t.Errorf("drift %+v", s.Drift)
		}
	})
}

// A racing store is written by somebody else right before an apply, once.
type racing struct {
	agent.Store
	world *world
	on    bool
}

func (r *racing) Apply(ctx context.Context, b reconcile.Batch) (int64, error) {
	if r.on {
		r.on = false
		live, err := reconcile.ReadLive(ctx, r.Store)
		if err != nil {
			return 0, err
		}
		u := changed(live.State.Find(user("bruno")), "mailboxActions.pop", "true")
		r.world.store.Put(u)
	}
	return r.Store.Apply(ctx, b)
}

// TestKilled: an agent that ends at any moment is followed by one that comes to
// the same state; what it did not know any more it finds in the ledger.
func TestKilled(t *testing.T) {
	inWorld(t, func(w *world) {
		w.repo.commit("mailops.yaml", organization("drift: {default: heal}\n"))
		for i := range 30 {
			w.start()
			w.repo.commit("bruno.yaml", fmt.Sprintf("kind: User\naddress: bruno@acme.example\nname: Bruno %d\n", i))
			if i%3 == 0 {
				w.by("carla", "mailboxActions.pop", "true")
			}
			w.pass(time.Duration(i%4) * 100 * time.Millisecond)
			w.stop()
		}
		w.start()
		w.pass(2 * time.Hour)
		w.is("bruno", "name", "Bruno 29")
		w.is("carla", "mailboxActions.pop", "off")
	})
}
