package storetest

import (
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// testPauses: pauses are kept as they were made, one in force of each scope,
// and stay to be seen when they have ended.
func testPauses(h *harness) {
	if h.pauser == nil {
		return // nobody's agent works on it
	}
	now := time.Date(2026, 3, 29, 1, 30, 0, 123456789, time.FixedZone("", 3600))
	whole := now.UTC().Truncate(time.Second)
	pause := func(scope string, from, until time.Duration) reconcile.Pause {
		p := reconcile.Pause{Scope: scope, Until: now.Add(until), Reason: `it's "broken"; --`, By: "bruno", At: now.Add(from)}
		if err := h.pauser.Pause(h.Context(), p); err != nil {
			h.Fatal(err)
		}
		p.Until, p.At = whole.Add(until), whole.Add(from)
		return p
	}
	one := pause(string(ana), 0, time.Hour)
	all := pause(reconcile.PauseAll, 0, 2*time.Hour)
	some := pause(domain, 0, 3*time.Hour)
	h.pauses(some, all, one)
	for _, wrong := range []reconcile.Pause{
		{Until: now.Add(time.Hour), Reason: "x", At: now},
		{Scope: domain, Until: now.Add(time.Hour), At: now},
		{Scope: domain, Until: now, Reason: "x", At: now},
		{Scope: domain, Until: now.Add(time.Hour), Reason: "nul \x00", At: now},
	} {
		if err := h.pauser.Pause(h.Context(), wrong); err == nil {
			h.Errorf("the store took %+v", wrong)
		}
	}
	h.pauses(some, all, one)
	// One of the same second takes its place, a later one ends it.
	one = pause(string(ana), 0, 4*time.Hour)
	h.pauses(some, all, one)
	again := pause(string(ana), 10*time.Minute, 5*time.Hour)
	one.Until = again.At
	h.pauses(some, all, one, again)
	h.resumes("nobody@acme.example", now.Add(time.Hour), 0)
	h.resumes(string(ana), now.Add(time.Hour), 1)
	h.resumes(string(ana), now.Add(time.Hour), 0)
	h.resumes(domain, now.Add(4*time.Hour), 0) // it has ended by itself
	again.Until = whole.Add(time.Hour)
	h.pauses(some, all, one, again)
	h.apply(nil, nil) // by hand, it binds nobody
	h.resumes("nobody", now.Add(90*24*time.Hour+2*time.Hour), 0)
	h.pauses(some)
	h.resumes("nobody", now.Add(91*24*time.Hour), 0)
	h.pauses()
}

func (h *harness) pauses(want ...reconcile.Pause) {
	h.Helper()
	got, err := h.pauser.Pauses(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("pauses (-want +got)\n%s", diff)
	}
}

func (h *harness) resumes(scope string, now time.Time, want int64) {
	h.Helper()
	if got, err := h.pauser.Resume(h.Context(), scope, now); err != nil || got != want {
		h.Errorf("resume %s: %d, %v; want %d", scope, got, err, want)
	}
}

// testSince: the runs of a window are found whatever the clock did, with what
// the guards counted of them.
func testSince(h *harness) {
	if h.ledger == nil {
		return
	}
	if runs, err := h.ledger.Since(h.Context(), at); err != nil || len(runs) > 0 {
		h.Fatalf("of an empty ledger: %d runs, error %v", len(runs), err)
	}
	offsets := []time.Duration{0, -time.Hour, 500 * time.Millisecond, -time.Nanosecond, time.Hour, time.Second, -25 * time.Hour}
	base := at.Truncate(time.Second)
	for i, offset := range offsets {
		b := batch(nil, nil)
		b.At, b.Counts = base.Add(offset), reconcile.Counts{Deletes: i, Lockouts: 2 * i, Updates: 3 * i}
		if _, err := h.s.Apply(h.Context(), b); err != nil {
			h.Fatal(err)
		}
	}
	runs := h.runs()
	if newest := runs[0].Counts; newest != (reconcile.Counts{Deletes: 6, Lockouts: 12, Updates: 18}) {
		h.Errorf("got counts %+v", newest)
	}
	for _, since := range append(offsets, 400*time.Millisecond, 600*time.Millisecond, 24*time.Hour, -48*time.Hour) {
		want := runs[:1:1]
		for _, r := range runs[1:] {
			if !r.At.Before(base.Add(since)) {
				want = append(want, r)
			}
		}
		got, err := h.ledger.Since(h.Context(), base.Add(since))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			h.Errorf("since %s: error %v (-want +got)\n%s", since, err, diff)
		}
	}
}

// testDrift: which fields were drift is remembered, with and without an origin.
func testDrift(h *harness) {
	if h.ledger == nil {
		return
	}
	h.become(h.small(), nil)
	u := named(ana, "Ana")
	u.Language, u.Timezone, u.Quota = "pt", "UTC", 7
	changes := h.diff(h.live(), with(h.small(), u))
	origin := &schema.Origin{Pos: schema.Pos{File: "users/ana.yaml", Line: 3, Column: 7}}
	for i := range changes[0].Fields {
		f := &changes[0].Fields[i]
		if f.Drift = i%2 == 0; i < 2 {
			f.Origin = origin
		}
	}
	if len(changes[0].Fields) != 4 && h.lacks == nil {
		h.Fatalf("the change has %d fields", len(changes[0].Fields))
	}
	run, err := h.ledger.Run(h.Context(), h.apply(changes, nil))
	if diff := cmp.Diff(changes, run.Changes); err != nil || diff != "" {
		h.Errorf("run: error %v (-want +got)\n%s", err, diff)
	}
}
