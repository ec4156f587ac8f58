package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/schema"
	"mailops/schema/track"
	"mailops/schema/window"
)

// A pass is one look: at the repository, the clock and the store.
type pass struct {
	*loop
	causes []Cause
	report Report
	stir   bool // something is not as it was when the last plan was made
}

// look makes the store as it should be, as far as that can be known. The error
// is what kept it from doing everything; what could be done was done.
func (p *pass) look(ctx context.Context) error {
	if err := p.place(ctx); err != nil {
		return err
	}
	if err := p.lead(ctx); err != nil {
		return err
	}
	head, sourceErr := p.head(ctx)
	if sourceErr == nil && p.Where != nil {
		moved, err := p.moved(ctx, head)
		if err == nil && moved {
			err = p.lead(ctx)
		}
		if err != nil {
			return err
		}
	}
	if p.hand.tracker == nil {
		p.hand.tracker = &track.Tracker{Env: p.Env}
	}
	p.report.Source = sourceErr
	if err := p.recover(ctx, sourceErr); err != nil {
		return errors.Join(sourceErr, err)
	}
	if err := p.passTime(ctx); err != nil {
		return errors.Join(sourceErr, err)
	}
	if sourceErr == nil {
		if err := p.consider(ctx, head); err != nil {
			sourceErr = err
			p.report.Source = err
		}
	}
	return errors.Join(sourceErr, p.settleAll(ctx), p.foresee(ctx))
}

// head is the newest revision. What was wrong with the repository is wrong until
// it was asked again.
func (p *pass) head(ctx context.Context) (Revision, error) {
	if asksSource(p.causes) {
		p.fetched = p.Source.Fetch(ctx)
	}
	if p.fetched != nil {
		return Revision{}, fmt.Errorf("fetch: %w", p.fetched)
	}
	return p.Source.Head(ctx)
}

// recover finds out from the ledger which revision is in force: the last one that
// was carried out whole. One that the repository does not have any more was
// rewritten away. After one that somebody applied from files, all that differs is
// the next commit's own.
func (p *pass) recover(ctx context.Context, sourceErr error) error {
	h := &p.hand
	if h.known {
		return nil
	}
	runs, err := p.store.Runs(ctx, 0)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r reconcile.Run) bool { return r.Whole && r.Undoes == 0 })
	if i < 0 {
		h.known = true
		return nil
	}
	r, err := p.Source.Find(ctx, runs[i].Revision)
	switch {
	case err != nil && sourceErr != nil:
		return nil // nobody knows yet
	case err != nil:
		h.known, h.lost = true, runs[i].Revision
		return nil
	}
	files, err := p.Source.FS(ctx, r)
	if err != nil {
		return err
	}
	// It was carried out as of the last run of it: what time has changed since is
	// still to be done.
	last := runs[slices.IndexFunc(runs, func(r reconcile.Run) bool { return r.Revision == runs[i].Revision })].At
	want, problems, err := h.tracker.Load(ctx, files, last.UTC().Truncate(time.Second))
	h.tracker.Forget() // what was carried out needs no details
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && len(problems) == 0 {
		h.force, h.base, h.whole = &commit{r, files, want}, want.State, true
		h.since, h.run = runs[i].At, runs[i].ID
	}
	h.known = true
	return nil
}

// passTime brings what is kept to now.
func (p *pass) passTime(ctx context.Context) error {
	now := time.Now().UTC().Truncate(time.Second)
	for _, c := range []*commit{p.hand.force, p.hand.newest} {
		if c == nil {
			continue
		}
		want, problems, err := p.hand.tracker.At(ctx, c.want, c.fs, now)
		switch {
		case err != nil:
			return fmt.Errorf("go on in time: %w", err)
		case len(problems) > 0:
			p.report.Problems = problems // a schedule leads to what a policy refuses: until it is mended, nothing changes
			continue
		}
		p.stir = p.stir || !sameState(want.State, c.want.State)
		c.want = want
	}
	return nil
}

// sameState reports whether two states share every resource.
func sameState(a, b schema.State) bool {
	return slices.EqualFunc(a, b, func(x, y schema.Resource) bool { return x == y })
}

// consider looks at the newest revision, unless it is known already.
func (p *pass) consider(ctx context.Context, head Revision) error {
	h := &p.hand
	switch {
	case h.force != nil && h.force.ID == head.ID:
		if h.newest = nil; h.verdict.Revision.ID != head.ID {
			h.verdict = Verdict{}
		}
		return nil
	case h.newest != nil && h.newest.ID == head.ID:
		return nil
	case h.verdict.Revision.ID == head.ID && h.verdict.State != StateRefused && !slices.Contains(p.causes, CauseHand):
		return nil // it is as wrong as it was
	}
	h.newest = nil
	p.stir = true
	if h.force == nil && strings.HasPrefix(h.lost, gitPrefix) && !p.AllowRewind {
		p.judge(Verdict{Revision: head, State: StateRewritten, Text: fmt.Sprintf("the commit in force, %s, is gone from the repository", short(h.lost))})
		return nil
	}
	if h.force != nil && !p.AllowRewind {
		text, err := p.Source.Rewritten(ctx, h.force.Revision, head)
		if err != nil {
			return err
		}
		if text != "" {
			p.judge(Verdict{Revision: head, State: StateRewritten, Text: text})
			return nil
		}
	}
	c, problems, err := p.load(ctx, head)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, git.ErrHostile):
		p.judge(Verdict{Revision: head, State: StateInvalid, Text: err.Error()})
		return nil
	case err != nil:
		return err
	case len(problems) > 0:
		p.judge(Verdict{Revision: head, State: StateInvalid, Problems: problems})
		return nil
	}
	h.newest = c
	return nil
}

// load makes the want of a revision, from that of the one in force where there
// is one.
func (p *pass) load(ctx context.Context, head Revision) (*commit, schema.Problems, error) {
	files, err := p.Source.FS(ctx, head)
	if err != nil {
		return nil, nil, err
	}
	h, now := &p.hand, time.Now().UTC().Truncate(time.Second)
	var want *track.Want
	var problems schema.Problems
	if h.force == nil {
		want, problems, err = h.tracker.Load(ctx, files, now)
	} else {
		changed, cerr := p.Source.Changed(ctx, h.force.Revision, head)
		if cerr != nil {
			return nil, nil, cerr
		}
		want, problems, err = h.tracker.Next(ctx, h.force.want, track.Step{Old: h.force.fs, New: files, Changed: changed}, now)
	}
	if err != nil || len(problems) > 0 {
		return nil, problems, err
	}
	return &commit{head, files, want}, nil, nil
}

// judge keeps what is wrong with the newest revision, and since when.
func (p *pass) judge(v Verdict) {
	old := p.hand.verdict
	v.Since = time.Now().UTC()
	if old.Revision.ID == v.Revision.ID && old.State == v.State {
		v.Since = old.Since
	} else {
		p.report.Verdict = &v
	}
	p.hand.verdict = v
}

// settleAll makes the store as the newest right commit asks, or, where a guard
// refuses that, keeps it as the one in force does.
func (p *pass) settleAll(ctx context.Context) error {
	h := &p.hand
	if h.newest == nil && h.force == nil {
		return nil // there is nothing to go by
	}
	const most = 3 // tries against others who write at the same time
	for try := 1; ; try++ {
		if err := p.readLive(ctx, try > 1); err != nil {
			p.report.Store = err
			return err
		}
		err := p.settle(ctx)
		if !errors.Is(err, reconcile.ErrConflict) || try == most {
			return err
		}
		p.stir = true
	}
}

// readLive brings what is known of the store up to date.
func (p *pass) readLive(ctx context.Context, whole bool) error {
	h, now := &p.hand, time.Now()
	if whole || !h.seen || !now.Before(p.wholeAt) || slices.Contains(p.causes, CauseHand) || p.unsure() {
		var like schema.State
		if c := cmpOr(h.newest, h.force); c != nil {
			like = c.want.State
		}
		if h.seen {
			like = h.live.State
		}
		if err := h.readWhole(ctx, p.store, like); err != nil {
			return fmt.Errorf("read live state: %w", err)
		}
		p.wholeAt, p.stir = now.Add(jitter(p.Whole)), true
		if h.newest != nil {
			p.readFor = h.newest.ID
		}
		if err := p.store.ForgetNotes(ctx, now.Add(-notesKept)); err != nil {
			return fmt.Errorf("forget notes: %w", err)
		}
	} else {
		moved, err := h.readNoted(ctx, p.store)
		if err != nil {
			return fmt.Errorf("read live state: %w", err)
		}
		p.stir = p.stir || moved
	}
	return p.readLedger(ctx, now)
}

// unsure reports whether a commit comes to a store that does not tell who changed it,
// and has not been read since.
func (p *pass) unsure() bool {
	_, piecemeal := p.store.(reconcile.Piecemeal)
	return piecemeal && p.hand.newest != nil && p.hand.newest.ID != p.readFor
}

// notesKept is how long it is known who else wrote: as long as ended pauses.
const notesKept = 90 * 24 * time.Hour

// readLedger reads what the ledger says of pauses and budgets.
func (p *pass) readLedger(ctx context.Context, now time.Time) (err error) {
	h := &p.hand
	if h.pauses, err = p.store.Pauses(ctx); err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	org := cmpOr(h.newest, h.force).want.Organization
	since := now.Add(-max(time.Duration(org.Guards.Window.Per), time.Hour))
	if h.runs, err = p.store.Since(ctx, since); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	if !h.closed {
		for _, run := range h.runs {
			if now.Sub(run.At) >= time.Hour || run.Counts.Drift == 0 {
				continue
			}
			full, err := p.store.Run(ctx, run.ID)
			if err != nil {
				return fmt.Errorf("read ledger: %w", err)
			}
			h.noteHealed(full.Changes, run.At)
		}
		h.closed = true
	}
	h.window = window.At(org, now)
	terms := fmt.Sprint(h.pauses.InForce(now), h.window, h.fought(org.Drift.Fights, now), reconcile.Left(h.live.State, h.runs, org.Guards, now))
	p.stir = p.stir || terms != h.terms || p.failed > 0
	h.terms = terms
	return nil
}

func cmpOr(a, b *commit) *commit {
	if a != nil {
		return a
	}
	return b
}
