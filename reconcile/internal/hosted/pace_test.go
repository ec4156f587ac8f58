package hosted

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A clock moves when somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return ctx.Err()
}

func (c *clock) clock() Clock { return Clock{Now: c.now, Sleep: c.sleep} }

func newClock() *clock { return &clock{at: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)} }

// take sends one request, which arrives after early and is answered after late.
func take(t *testing.T, c *clock, p *Pace, early, late time.Duration) time.Time {
	t.Helper()
	slot, err := p.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	arrived := c.now().Add(early)
	_ = c.sleep(t.Context(), early+late)
	if err := p.Arrived(slot, true); err != nil {
		t.Fatal(err)
	}
	return arrived
}

// most is the largest number within any 60 seconds.
func most(at []time.Time) (most int) {
	for i := range at {
		n := 0
		for _, other := range at[i:] {
			if other.Sub(at[i]) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestPaceLaw: whoever shares a budget, in whatever order and however long requests
// take, no minute has more of them, and the time is used.
func TestPaceLaw(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		c, file := newClock(), filepath.Join(t.TempDir(), "pace")
		rate := 1 + r.IntN(30)
		var processes []*Pace
		for range 2 {
			processes = append(processes, &Pace{PerMinute: rate, Clock: c.clock(), State: State[Paced]{Path: file}})
		}
		begin := c.now()
		var arrived []time.Time
		for range 3 * rate {
			p := processes[r.IntN(2)]
			arrived = append(arrived, take(t, c, p, time.Duration(r.IntN(300))*time.Millisecond, time.Duration(r.IntN(300))*time.Millisecond))
		}
		if n := most(arrived); n > rate {
			t.Errorf("seed %d: %d requests in a minute, %d are allowed", seed, n, rate)
		}
		if d := c.now().Sub(begin); d > 2*(window+margin)+time.Duration(rate)*time.Second {
			t.Errorf("seed %d: %d requests at %d a minute took %s", seed, 3*rate, rate, d)
		}
	}
}

// TestPaceKilled: a request that nobody knows the end of counts until it can no
// longer arrive.
func TestPaceKilled(t *testing.T) {
	c, file := newClock(), filepath.Join(t.TempDir(), "pace")
	p := &Pace{PerMinute: 1, Clock: c.clock(), Cut: 30 * time.Second, State: State[Paced]{Path: file}}
	if _, err := p.Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	begin := c.now()
	next := &Pace{PerMinute: 1, Clock: c.clock(), Cut: 30 * time.Second, State: State[Paced]{Path: file}}
	take(t, c, next, 0, 0)
	if got := c.now().Sub(begin); got != 91*time.Second {
		t.Errorf("the next process waited %s", got)
	}
}

// TestPaceLength: what is foretold is what it takes.
func TestPaceLength(t *testing.T) {
	for _, rate := range []int{1, 7, 30} {
		for _, before := range []int{0, 3, 45} {
			for _, n := range []int{0, 1, 29, 30, 31, 100, 5000} {
				c := newClock()
				p := &Pace{PerMinute: rate, Clock: c.clock()}
				for range before {
					take(t, c, p, 0, 0)
				}
				told, err := p.Length(n)
				if err != nil {
					t.Fatal(err)
				}
				begin := c.now()
				for range n {
					take(t, c, p, 0, 0)
				}
				if got := c.now().Sub(begin); got != told {
					t.Errorf("%d a minute, %d sent, %d more: told %s, took %s", rate, before, n, told, got)
				}
			}
		}
	}
}

// TestPaceThrottled: a lock-out halves the rate, lasts longer each time, ends with
// an answer, and holds for the next process; what goes well mends the rate.
func TestPaceThrottled(t *testing.T) {
	c, file := newClock(), filepath.Join(t.TempDir(), "pace")
	open := func() *Pace {
		return &Pace{PerMinute: 20, Clock: c.clock(), State: State[Paced]{Path: file}}
	}
	p := open()
	wait := func(after time.Duration) time.Duration {
		t.Helper()
		until, err := p.Throttled(after)
		if err != nil {
			t.Fatal(err)
		}
		begin := c.now()
		p = open()
		if _, err := p.Take(t.Context()); err != nil || c.now().Before(until) {
			t.Fatalf("%v, before %s", err, until)
		}
		return c.now().Sub(begin)
	}
	for i, want := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour} {
		if got := wait(0); got != want+margin {
			t.Errorf("lock-out %d: waited %s", i+1, got)
		}
	}
	if got := wait(90 * time.Second); got != 91*time.Second {
		t.Errorf("told 90 s: waited %s", got)
	}
	take(t, c, p, 0, 0)
	if got := wait(0); got != 15*time.Minute+margin {
		t.Errorf("after an answer: waited %s", got)
	}
	if got := wait(100 * 365 * 24 * time.Hour); got != mostRun {
		t.Errorf("told a century: waited %s", got)
	}
	if d, err := open().Length(3); err != nil || d < window {
		t.Errorf("at one a minute, three take %s, %v", d, err)
	}
	_ = c.sleep(t.Context(), 19*mend)
	if d, err := open().Length(20); err != nil || d != 0 {
		t.Errorf("mended, twenty take %s, %v", d, err)
	}
}

// TestPacePatience: a wait that is too long is an error that says until when, and a
// wait that is broken off is the context's.
func TestPacePatience(t *testing.T) {
	c := newClock()
	p := &Pace{PerMinute: 1, Patience: 10 * time.Second, Clock: c.clock()}
	take(t, c, p, 0, 0)
	var wait *WaitError
	if _, err := p.Take(t.Context()); !errors.As(err, &wait) || !wait.Until.Equal(c.now().Add(61*time.Second)) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Patience = 0
	if _, err := p.Take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if fmt.Sprint(wait) != "the service takes no more requests before 2026-07-01T12:01:01Z" {
		t.Error(wait)
	}
}

// TestPaceTogether: requests at the same time are counted each.
func TestPaceTogether(t *testing.T) {
	c := newClock()
	p := &Pace{PerMinute: 10, Clock: c.clock(), State: State[Paced]{Path: filepath.Join(t.TempDir(), "pace")}}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := p.Take(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if d, err := p.Length(1); err != nil || d != time.Minute+window+margin { // none is known to have arrived
		t.Errorf("got %s, %v", d, err)
	}
}
