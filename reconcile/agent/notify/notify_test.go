package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// An inbox is a channel in memory. It answers with its errors, one for each
// attempt, and then takes everything.
type inbox struct {
	mu       sync.Mutex
	answers  []error
	tries    []time.Time
	received []Event
}

func (i *inbox) Send(_ context.Context, e Event) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tries = append(i.tries, time.Now())
	if len(i.answers) > 0 {
		err := i.answers[0]
		i.answers = i.answers[1:]
		if err != nil {
			return err
		}
	}
	i.received = append(i.received, e)
	return nil
}

// got is what arrived, as "kind:key".
func (i *inbox) got() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []string
	for _, e := range i.received {
		out = append(out, string(e.Kind)+":"+e.Key)
	}
	return out
}

// A hanging channel takes a message and never answers.
type hanging struct{}

func (hanging) Send(ctx context.Context, _ Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// start runs a notifier in the bubble of a test until the returned function is
// called.
func start(t *testing.T, channels map[string]Channel, o Options) (*Notifier, func()) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n, err := New(channels, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	return n, func() { cancel(); <-done }
}

func TestToldOnce(t *testing.T) {
	const minute = time.Minute
	type told struct {
		after time.Duration // since the one before
		kind  Kind
		key   string
	}
	for _, c := range []struct {
		name string
		told []told
		want string
	}{
		{"equal news within the window", []told{{0, Failed, "store"}, {minute, Failed, "store"}, {minute, Failed, "store"}}, "failed:store"},
		{"the window begins when it was told", []told{{0, Failed, "s"}, {3 * minute, Failed, "s"}, {3 * minute, Failed, "s"}}, "failed:s failed:s"},
		{"the window has passed to the second", []told{{0, Drift, "s"}, {5*minute - 1, Drift, "s"}, {1, Drift, "s"}}, "drift:s drift:s"},
		{"other keys", []told{{0, Applied, "a"}, {0, Applied, "b"}, {0, Applied, "a"}}, "applied:a applied:b"},
		{"something else came between", []told{{0, Failed, "s"}, {0, Drift, "s"}, {0, Failed, "s"}}, "failed:s drift:s failed:s"},
		{"something else about another key", []told{{0, Failed, "s"}, {0, Drift, "x"}, {0, Failed, "s"}}, "failed:s drift:x"},
		{"recovered from nothing", []told{{0, Recovered, "s"}, {0, Applied, "s"}, {0, Recovered, "s"}}, "applied:s"},
		{"recovered from a failure", []told{{0, Failed, "s"}, {0, Recovered, "s"}, {0, Recovered, "s"}, {time.Hour, Recovered, "s"}}, "failed:s recovered:s"},
		{"recovered from a refusal", []told{{0, Refused, "s"}, {time.Hour, Recovered, "s"}}, "refused:s recovered:s"},
		{"recovered after the next was applied", []told{{0, Failed, "s"}, {0, Applied, "s"}, {0, Recovered, "s"}}, "failed:s applied:s recovered:s"},
		{"recovered from what was not told again", []told{{0, Failed, "s"}, {minute, Failed, "s"}, {0, Recovered, "s"}, {0, Failed, "s"}}, "failed:s recovered:s failed:s"},
		{"recovered of another key", []told{{0, Failed, "s"}, {0, Recovered, "x"}}, "failed:s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &inbox{}
				n, stop := start(t, map[string]Channel{"in": in}, Options{})
				for _, one := range c.told {
					<-time.After(one.after)
					n.Tell(Event{Kind: one.kind, Key: one.key})
				}
				stop()
				if got := strings.Join(in.got(), " "); got != c.want {
					t.Errorf("told %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestWithoutKeyTheRevisionCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		n, stop := start(t, map[string]Channel{"in": in}, Options{})
		for _, revision := range []string{"a1", "b2", "a1"} {
			n.Tell(Event{Kind: Applied, Revision: revision})
		}
		stop()
		if got := in.got(); !slices.Equal(got, []string{"applied:a1", "applied:b2"}) {
			t.Errorf("told %q", got)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := memory{window: time.Minute, keys: make(map[string]about)}
	now := time.Unix(0, 0)
	for i := range 3 * mostKeys {
		kind := []Kind{Applied, Failed}[i%2]
		m.isNews(&Event{Kind: kind, Key: fmt.Sprint(i)}, now.Add(time.Duration(i)*time.Second))
		if len(m.keys) > mostKeys {
			t.Fatalf("%d keys are remembered", len(m.keys))
		}
	}
	if !m.isNews(&Event{Kind: Recovered, Key: fmt.Sprint(3*mostKeys - 1)}, now) {
		t.Error("the newest trouble was forgotten")
	}
}

func TestRetry(t *testing.T) {
	away := &Failure{Text: "away"}
	ask := func(d time.Duration) error { return &Failure{Text: "later", After: d} }
	for _, c := range []struct {
		name    string
		answers []error
		waits   [][2]time.Duration // at least, at most, before each further attempt
		sent    bool
	}{
		{"at once", nil, nil, true},
		{"longer each time", []error{away, away, errors.New("any"), away}, [][2]time.Duration{
			{500 * time.Millisecond, time.Second}, {time.Second, 2 * time.Second}, {2 * time.Second, 4 * time.Second}, {4 * time.Second, 8 * time.Second}}, true},
		{"as long as asked", []error{ask(42 * time.Second), away}, [][2]time.Duration{{42 * time.Second, 42 * time.Second}, {time.Second, 2 * time.Second}}, true},
		{"not as long as asked", []error{ask(100 * time.Hour)}, [][2]time.Duration{{longestAsked, longestAsked}}, true},
		{"no use", []error{&Failure{Text: "no", Permanent: true}}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &inbox{answers: c.answers}
				n, stop := start(t, map[string]Channel{"in": in}, Options{})
				n.Tell(Event{Kind: Applied, Key: "a"})
				<-time.After(time.Hour)
				stop()
				if len(in.tries) != len(c.waits)+1 {
					t.Fatalf("%d attempts, want %d", len(in.tries), len(c.waits)+1)
				}
				for i, want := range c.waits {
					if waited := in.tries[i+1].Sub(in.tries[i]); waited < want[0] || waited > want[1] {
						t.Errorf("waited %v before attempt %d, want %v to %v", waited, i+2, want[0], want[1])
					}
				}
				want := Stats{Sent: 1}
				if !c.sent {
					want = Stats{Failed: 1}
				}
				if got := n.Stats()["in"]; got != want {
					t.Errorf("stats %+v, want %+v", got, want)
				}
			})
		})
	}
}

// TestGivesUp: an event that cannot be told for an hour is given up, and the
// next one says so.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var log strings.Builder
		down := make([]error, 1000)
		for i := range down {
			down[i] = errors.New("post https://hooks.example/T0/SECRET: no") // of a careless channel
		}
		in := &inbox{answers: down}
		n, stop := start(t, map[string]Channel{"in": in}, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		n.Tell(Event{Kind: Failed, Key: "a"})
		<-time.After(2 * time.Hour)
		in.mu.Lock()
		last := in.tries[len(in.tries)-1].Sub(began)
		if last > time.Hour || last < 50*time.Minute || len(in.tries) > 40 {
			t.Errorf("%d attempts, the last after %v", len(in.tries), last)
		}
		in.answers = nil
		in.mu.Unlock()
		n.Tell(Event{Kind: Recovered, Key: "a"})
		stop()
		if len(in.received) != 1 || in.received[0].Dropped != 1 {
			t.Errorf("received %+v", in.received)
		}
		if got := n.Stats()["in"]; got != (Stats{Sent: 1, Failed: 1}) {
			t.Errorf("stats %+v", got)
		}
		if !strings.Contains(log.String(), "channel=in") || strings.Contains(log.String(), "SECRET") {
			t.Errorf("log:\n%s", log.String())
		}
	})
}

// TestFullQueue: while a receiver is away, the newest messages are kept, and
// the first that arrives afterwards tells how many were lost before it.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{answers: []error{&Failure{Text: "away"}}}
		n, stop := start(t, map[string]Channel{"in": in}, Options{Queue: 3})
		n.Tell(Event{Kind: Applied, Key: "0"})
		synctest.Wait() // it was tried, and waits for the next attempt
		for i := 1; i <= 6; i++ {
			n.Tell(Event{Kind: Applied, Key: fmt.Sprint(i)})
		}
		if got := n.Stats()["in"]; got != (Stats{Dropped: 3, Waiting: 4}) {
			t.Errorf("stats %+v", got)
		}
		<-time.After(time.Minute)
		stop()
		if got := strings.Join(in.got(), " "); got != "applied:0 applied:4 applied:5 applied:6" {
			t.Errorf("told %s", got)
		}
		for i, want := range []int{0, 3, 0, 0} {
			if in.received[i].Dropped != want {
				t.Errorf("message %d says that %d were dropped, want %d", i, in.received[i].Dropped, want)
			}
		}
		if got := n.Stats()["in"]; got != (Stats{Sent: 4, Dropped: 3}) {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestOneHangs: nobody waits for a receiver that does not answer, neither the
// other channels nor the loop, and stopping takes no longer than promised.
func TestOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, began := &inbox{}, time.Now()
		n, stop := start(t, map[string]Channel{"in": in, "stuck": hanging{}}, Options{Farewell: 3 * time.Second})
		for i := range 500 {
			n.Tell(Event{Kind: Applied, Key: fmt.Sprint(i)})
			synctest.Wait()
		}
		if waited := time.Since(began); waited != 0 || len(in.got()) != 500 {
			t.Errorf("%d events were told after %v", len(in.got()), waited)
		}
		stop()
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("stopped after %v", waited)
		}
		if got := n.Stats()["stuck"]; got.Sent != 0 || got.Waiting != 0 || got.Failed+got.Dropped != 500 {
			t.Errorf("stats of the one that hangs: %+v", got)
		}
	})
}

// TestFromManyGoroutines: every event is told once, whoever tells it.
func TestFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		n, stop := start(t, map[string]Channel{"in": in}, Options{Queue: 1000})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 100 {
					n.Tell(Event{Kind: Applied, Key: fmt.Sprint(i)})
					n.Stats()
				}
			})
		}
		all.Wait()
		stop()
		if got := n.Stats()["in"]; got != (Stats{Sent: 100}) {
			t.Errorf("stats %+v", got)
		}
	})
}

// TestFarewell: what waits when the agent stops gets one attempt more.
func TestFarewell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		in := &inbox{answers: []error{&Failure{Text: "away", After: 10 * time.Minute}}}
		n, stop := start(t, map[string]Channel{"in": in}, Options{})
		n.Tell(Event{Kind: Failed, Key: "a"})
		synctest.Wait()
		n.Tell(Event{Kind: Failed, Key: "stopping"})
		stop()
		if got := strings.Join(in.got(), " "); got != "failed:a failed:stopping" || time.Since(began) != 0 {
			t.Errorf("told %q after %v", got, time.Since(began))
		}
	})
}

func TestOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, some, none := &inbox{}, &inbox{}, &inbox{}
		n, stop := start(t, map[string]Channel{"all": all, "some": some, "none": none},
			Options{Only: map[string][]Kind{"some": {Failed, Recovered}, "none": {}}})
		for _, kind := range []Kind{Applied, Failed, Drift, Recovered} {
			n.Tell(Event{Kind: kind, Key: "a"})
		}
		stop()
		if len(all.got()) != 4 || strings.Join(some.got(), " ") != "failed:a recovered:a" || len(none.got()) != 0 {
			t.Errorf("told %q, %q and %q", all.got(), some.got(), none.got())
		}
	})
}

func TestNewRefuses(t *testing.T) {
	in := &inbox{}
	for want, c := range map[string]struct {
		channels map[string]Channel
		only     map[string][]Kind
	}{
		`there is no channel "chta" to choose events for`:  {map[string]Channel{"chat": in}, map[string][]Kind{"chta": {Failed}}},
		`channel "chat": there is no kind of event "fail"`: {map[string]Channel{"chat": in}, map[string][]Kind{"chat": {"fail"}}},
		`channel "chat" is nothing`:                        {map[string]Channel{"chat": nil}, nil},
	} {
		if _, err := New(c.channels, Options{Only: c.only}); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestTidy: what is told is complete, bounded and harmless, and stays so when
// the caller writes into its own slice.
func TestTidy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		n, stop := start(t, map[string]Channel{"in": in}, Options{})
		lines := slices.Repeat([]string{strings.Repeat("é", 2000)}, 250)
		lines[0] = "two\r\nlines \u202e and a turn\xff"
		n.Tell(Event{Kind: Applied, Revision: "c0ffee", Title: "a\nb", Store: "postgres://mailops:hunter2@db/mail", Lines: lines})
		lines[0] = "changed"
		stop()
		e := in.received[0]
		if e.Format != Format || e.ID == "" || !e.At.Equal(time.Now()) || e.Key != "c0ffee" || e.Title != "a b" {
			t.Errorf("event %+v", e)
		}
		if strings.Contains(e.Store, "hunter2") || !strings.Contains(e.Store, "db/mail") {
			t.Errorf("store %s", e.Store)
		}
		if e.Lines[0] != "two  lines   and a turn\uFFFD" || len(e.Lines) != 201 || e.Lines[200] != "and 50 more lines" || len([]rune(e.Lines[1])) != 1000 {
			t.Errorf("%d lines: %q … %q", len(e.Lines), e.Lines[0], e.Lines[len(e.Lines)-1])
		}
	})
}
