package folder

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is something that was told, and when, since the bubble began.
type told struct {
	At time.Duration
	Event
	Err string
}

// heard is something that happens, so long after the one before.
type heard struct {
	after time.Duration
	news
}

// settled plays what happens to settle with the usual options, in a bubble, and
// returns what is told. Nobody takes anything before away has passed.
func settled(t *testing.T, away time.Duration, happens []heard) []told {
	t.Helper()
	var out []told
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		in, from := make(chan news), make(chan news)
		ctx, stop := context.WithCancel(t.Context())
		go settle(ctx, Options{}.withDefaults(), in, from)
		go func() {
			for _, h := range happens {
				time.Sleep(h.after)
				in <- h.news
			}
			time.Sleep(time.Minute)
			stop()
		}()
		time.Sleep(away)
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case n := <-from:
				one := told{At: time.Since(began), Event: n.Event}
				if n.err != nil {
					one.Err = n.err.Error()
				}
				out = append(out, one)
			}
		}
	})
	return out
}

func every(d time.Duration, times int) []heard {
	return slices.Repeat([]heard{{after: d}}, times)
}

func TestSettle(t *testing.T) {
	const ms = time.Millisecond
	overflow, looking := Event{Overflow: true}, Event{Looking: true}
	for name, c := range map[string]struct {
		away    time.Duration
		happens []heard
		want    []told
	}{
		"nothing": {},
		"a change is told when it has been quiet": {
			happens: every(10*ms, 1),
			want:    []told{{At: 210 * ms}},
		},
		"a burst is one": {
			happens: every(ms, 100),
			want:    []told{{At: 300 * ms}},
		},
		"two saves are two": {
			happens: every(time.Second, 2),
			want:    []told{{At: 1200 * ms}, {At: 2400 * ms}},
		},
		"a storm is told while it goes on, ever more rarely": {
			happens: every(70*ms, 570),
			want:    []told{{At: 2070 * ms}, {At: 6100 * ms}, {At: 14160 * ms}, {At: 30210 * ms}, {At: 41900 * ms}},
		},
		"after a storm it begins anew": {
			happens: append(append(every(70*ms, 90), heard{after: 10 * time.Second}), every(70*ms, 40)...),
			want:    []told{{At: 2070 * ms}, {At: 6100 * ms}, {At: 7100 * ms}, {At: 18300 * ms}, {At: 19500 * ms}},
		},
		"a storm with lulls is told ever more rarely too": {
			happens: every(350*ms, 40),
			want:    []told{{At: 550 * ms}, {At: 4700 * ms}, {At: 12900 * ms}, {At: 15600 * ms}},
		},
		"the first of all does not wait": {
			happens: []heard{{news: news{urgent: true}}, {after: 10 * ms}},
			want:    []told{{}, {At: 210 * ms}},
		},
		"what happens while nobody listens is one": {
			away:    30 * time.Second,
			happens: every(time.Second, 20),
			want:    []told{{At: 30 * time.Second}},
		},
		"trouble does not wait, and what changed before it is not told after it": {
			happens: []heard{{}, {after: 10 * ms, news: news{err: errors.New("gone")}}, {after: time.Second}},
			want:    []told{{At: 10 * ms, Err: "gone"}, {At: 1210 * ms}},
		},
		"trouble that is over is told before that": {
			away:    time.Second,
			happens: []heard{{}, {news: news{err: errors.New("gone")}}, {after: 10 * ms}},
			want:    []told{{At: time.Second, Err: "gone"}, {At: time.Second}},
		},
		"the last trouble counts": {
			away: time.Second,
			happens: []heard{
				{news: news{err: errors.New("gone")}},
				{news: news{err: errors.New("not a folder")}},
			},
			want: []told{{At: time.Second, Err: "not a folder"}},
		},
		"an overflow is remembered": {
			happens: []heard{{news: news{Event: overflow}}, {after: 10 * ms}, {after: time.Second}},
			want:    []told{{At: 210 * ms, Event: overflow}, {At: 1410 * ms}},
		},
		"how changes are seen is as it was last": {
			happens: []heard{{}, {news: news{Event: looking}}, {after: time.Second, news: news{Event: looking}}, {}},
			want:    []told{{At: 200 * ms, Event: looking}, {At: 1400 * ms}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, settled(t, c.away, c.happens)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNothingIsLost holds the law: whatever happens, and however slow the reader
// is, something is told after each change, within the patience of a storm; and
// nothing is told that did not happen.
func TestNothingIsLost(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		happens := make([]heard, r.IntN(200))
		at := make([]time.Duration, len(happens))
		var now time.Duration
		for i := range happens {
			happens[i].after = time.Duration(r.Int64N(int64([]time.Duration{1, 150, 400, 5000}[r.IntN(4)]*time.Millisecond) + 1))
			now += happens[i].after
			at[i] = now
		}
		away := time.Duration(r.Int64N(int64(20 * time.Second)))
		got := settled(t, away, happens)
		if len(got) > len(happens) {
			t.Fatalf("seed %d: %d events of %d changes", seed, len(got), len(happens))
		}
		for _, change := range at {
			heard := slices.ContainsFunc(got, func(o told) bool {
				return o.At >= change && o.At <= max(away, change)+2*time.Second<<mostDoublings
			})
			if !heard {
				t.Fatalf("seed %d: a change at %s was not told; told: %v", seed, change, got)
			}
		}
	}
}
