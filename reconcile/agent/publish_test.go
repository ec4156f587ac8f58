package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/snapshot"
)

// A press keeps what is published, or cannot.
type press struct {
	mu     sync.Mutex
	tries  []time.Time
	prints []string // what each snapshot says, unpacked by nobody
	broken error
	takes  time.Duration
}

func (*press) Where() string { return "the press" }

func (p *press) Publish(ctx context.Context, s snapshot.Source, o snapshot.Options) (snapshot.Written, error) {
	p.mu.Lock()
	p.tries = append(p.tries, time.Now())
	broken, takes := p.broken, p.takes
	p.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return snapshot.Written{}, ctx.Err()
	}
	if broken != nil {
		return snapshot.Written{}, broken
	}
	var b bytes.Buffer
	w, err := snapshot.Write(ctx, &b, s, o)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prints = append(p.prints, fmt.Sprintf("%s %s %s, %d users, since %s", w.Organization, w.Store, w.Revision, w.Users, o.Since.UTC().Format(time.RFC3339)))
	return w, err
}

func (p *press) set(broken error, takes time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken, p.takes = broken, takes
}

// tried are the times of tries, after a moment.
func (p *press) tried() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.tries...)
}

func (p *press) publishes(o *agent.Options) { o.Publish = p }

// TestPublish: a snapshot is published when the first commit is in force, each
// hour, and soon after a run that changed rows, a minute apart; a look that
// changes nothing publishes nothing.
func TestPublish(t *testing.T) {
	inWorld(t, func(w *world) {
		p := &press{}
		id := w.repo.commit("mailops.yaml", organization("guards: {window: {per: 6h}}\n"))
		begin := time.Now()
		w.start(p.publishes)
		w.pass(time.Second)
		if len(p.prints) != 1 || p.prints[0] != "Acme mem: "+id+", 3 users, since 1999-12-31T18:00:00Z" {
			t.Fatalf("published %q", p.prints)
		}
		w.pass(59 * time.Minute)
		if n := len(p.tried()); n != 1 {
			t.Errorf("%d within the hour", n)
		}
		w.pass(8 * time.Minute) // a tenth of it is luck, and then a minute must pass
		if n := len(p.tried()); n != 2 {
			t.Errorf("%d after an hour", n)
		}
		before := time.Now()
		for i := range 30 { // in ten minutes
			w.repo.commit("bruno.yaml", fmt.Sprintf("kind: User\naddress: bruno@acme.example\nname: Bruno %d\n", i))
			w.pass(20 * time.Second)
		}
		w.pass(2 * time.Minute)
		tries := p.tried()
		for i := range tries {
			if i > 0 && tries[i].Sub(tries[i-1]) < time.Minute {
				t.Errorf("%s and %s are too near", tries[i-1].Sub(begin), tries[i].Sub(begin))
			}
		}
		if n := len(tries) - 2; n < 9 || n > 12 || tries[2].Sub(before) > 10*time.Second {
			t.Errorf("%d in the ten minutes, the first after %s", n, tries[2].Sub(before))
		}
		is := w.agent.Status().Publication
		if is == nil || is.Where != "the press" || is.At.Sub(tries[len(tries)-1]).Abs() > time.Second || is.Failed != 0 || is.Error != "" || is.Next.Before(time.Now()) {
			t.Errorf("status %+v", is)
		}
	})
}

// TestPublishFails: what keeps a snapshot from being published is told, and tried
// again ever less often; commits are applied all the same.
func TestPublishFails(t *testing.T) {
	inWorld(t, func(w *world) {
		p := &press{broken: errors.New("the press is out of ink")}
		w.repo.commit()
		w.start(p.publishes)
		w.pass(6 * time.Hour)
		if n := len(p.tried()); n < 20 || n > 60 {
			t.Errorf("%d tries in 6 hours", n)
		}
		id := w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nname: Bruno\n")
		w.pass(time.Second)
		w.inForce(id, "")
		s := w.agent.Status()
		if is := s.Publication; is == nil || is.Error != "the press is out of ink" || is.Failed < 20 || !is.At.IsZero() || s.Result != agent.ResultIdle && s.Result != agent.ResultApplied || s.Error != "" {
			t.Errorf("status %+v, %+v", is, s.Result)
		}
		p.set(nil, 0)
		w.pass(20 * time.Minute)
		if is := w.agent.Status().Publication; is == nil || is.Error != "" || is.Failed != 0 || is.At.IsZero() {
			t.Errorf("status after it was mended %+v", is)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if told := w.publications; len(told) < 21 || told[0].Failed != 1 || told[len(told)-1].Failed != 0 {
			t.Errorf("told %d times", len(told))
		}
	})
}

// TestPublishHangs: a press that does not answer holds no commit up, is given up on
// after five minutes, and the lease lives on.
func TestPublishHangs(t *testing.T) {
	inWorld(t, func(w *world) {
		p := &press{takes: time.Hour}
		w.repo.commit()
		w.start(p.publishes)
		for i := range 9 {
			id := w.repo.commit("bruno.yaml", fmt.Sprintf("kind: User\naddress: bruno@acme.example\nname: Bruno %d\n", i))
			w.pass(40 * time.Second)
			w.inForce(id, "")
		}
		if s := w.agent.Status(); s.Epoch != 1 || s.Publication.Failed != 1 || !strings.HasPrefix(s.Publication.Error, "it takes longer than 5m0s") {
			t.Errorf("status %+v", s.Publication)
		}
		w.stop() // and nobody waits for the hour
	})
}

// TestPublishAlone: of two agents the one that leads publishes; the other one does
// once it has taken over, at once.
func TestPublishAlone(t *testing.T) {
	inWorld(t, func(w *world) {
		one, two := &press{}, &press{}
		w.repo.commit()
		w.start(one.publishes)
		other := &world{T: w.T, repo: &repo{moved: make(chan struct{}, 1)}, store: w.store, wrap: w.wrap}
		other.repo.revisions = w.repo.revisions
		other.start(two.publishes, func(o *agent.Options) { o.Holder = "two" })
		w.pass(3 * time.Hour)
		if len(one.tried()) < 3 || len(two.tried()) != 0 || other.agent.Status().Publication != nil {
			t.Errorf("%d by who leads, %d by who stands by", len(one.tried()), len(two.tried()))
		}
		w.stop()
		before := len(one.tried())
		w.pass(time.Minute)
		if len(two.tried()) != 1 || len(one.tried()) != before {
			t.Errorf("after it took over: %d and %d", len(one.tried())-before, len(two.tried()))
		}
		other.stop()
	})
}

// TestPublishDisturbed: an apply that gets in between is no trouble: the snapshot
// is taken again, and nobody is told.
func TestPublishDisturbed(t *testing.T) {
	inWorld(t, func(w *world) {
		p := &press{broken: fmt.Errorf("take it again: %w", reconcile.ErrConflict)}
		w.repo.commit()
		w.start(p.publishes)
		w.pass(3 * time.Second)
		p.set(nil, 0)
		w.pass(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(p.tried()) < 2 || len(w.publications) != 1 || w.publications[0].Failed != 0 {
			t.Errorf("%d tries, told %+v", len(p.tried()), w.publications)
		}
	})
}

// TestPublishNothing: while nothing is in force there is nothing to publish.
func TestPublishNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		p := &press{}
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\nquotta: 1GiB\n")
		w.start(p.publishes)
		w.pass(3 * time.Hour)
		if n := len(p.tried()); n != 0 || w.agent.Status().Publication != nil {
			t.Errorf("%d tries", n)
		}
		w.repo.commit("bruno.yaml", "kind: User\naddress: bruno@acme.example\n")
		synctest.Wait()
		w.pass(time.Second)
		if n := len(p.tried()); n != 1 {
			t.Errorf("%d tries after it was mended", n)
		}
	})
}
