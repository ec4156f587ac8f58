package main

import (
	"context"
	"fmt"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/resolve"
	"mailops/schema/track"
)

// review adds to the plan of a pull request what a reviewer should know and no
// change shows: which guards it loosens outside of the organization's settings, what
// of it comes to nothing, and what it does later; and parts the drift from what main
// did since.
func (a *app) review(ctx context.Context, p *planned, base string) error {
	if p.base == "" {
		return a.foretell(ctx, p)
	}
	findings, err := p.unseen(ctx)
	if err == nil && len(p.drift)+len(p.in.ByHand) > 0 {
		err = a.movedOn(ctx, p, base)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	p.Findings = append(p.Findings, findings...)
	if err := a.foretell(ctx, p); err != nil {
		return err
	}
	p.Cover()
	return nil
}

// unseen are the findings on what the declarations of both sides say.
func (p *planned) unseen(ctx context.Context) ([]reconcile.Finding, error) {
	was, is, err := p.sides(ctx, nil)
	if was == nil || err != nil {
		return nil, err
	}
	var out []reconcile.Finding
	key := schema.Key{Kind: schema.KindOrganization, Name: p.in.Organization.Name}
	for _, l := range resolve.Loosened(was, is) {
		origin := &schema.Origin{Pos: l.Pos}
		if l.Gone {
			origin.Via = reconcile.ViaBefore
		}
		out = append(out, reconcile.Loosening(key, l.Text, origin))
	}
	old, now := p.states()
	users := reconcile.Review(old, now, p.in.Organization, nil)
	if len(users) == 0 {
		return out, nil
	}
	var keys []schema.Key
	for _, f := range users {
		keys = append(keys, f.Keys[0]) // a finding is placed at the first that it is about
	}
	if _, is, err = p.sides(ctx, keys); err != nil {
		return nil, err
	}
	return append(out, reconcile.Review(old, now, p.in.Organization, is)...), nil
}

// sides are what is known of what both sides share, and of some users of the head;
// nil when there is nothing to compare with.
func (p *planned) sides(ctx context.Context, users []schema.Key) (was, is *resolve.Want, err error) {
	switch r := p.request; {
	case r == nil:
		return p.was, p.want, nil
	case r.base == nil:
		return nil, nil, nil
	default:
		if was, err = r.tracker.Details(ctx, r.base, r.old, nil); err == nil {
			is, err = r.tracker.Details(ctx, r.now, r.new, users)
		}
		return was, is, err
	}
}

// states are what both sides ask for.
func (p *planned) states() (was, is schema.State) {
	if r := p.request; r != nil {
		return r.base.State, r.now.State
	}
	return p.was.State, p.want.State
}

// movedOn parts the drift from what main has asked for since the pull request left
// it. Where main cannot be read, all of it stays drift.
func (a *app) movedOn(ctx context.Context, p *planned, base string) error {
	tip, org, err := a.tip(ctx, p, base)
	if err != nil || tip == nil {
		return err
	}
	live := p.in.Live.State
	want, _ := reconcile.Attainable(tip, live, org.Unmanaged, p.in.Lacks)
	p.drift, p.moved = reconcile.Moved(p.drift, live, want)
	p.Effects = slices.DeleteFunc(p.Effects, func(e reconcile.Effect) bool {
		is, asked := want.Find(e.Key), live.Find(e.Key)
		same := is == nil && asked == nil || is != nil && asked != nil && schema.Same(is, asked)
		return e.ID == reconcile.ByHandKept && same // main did it, and nobody's hand
	})
	p.Seal()
	return nil
}

// tip is what the base asks for now, where that is another commit than the one that
// the pull request left it at; nil when it is not, or is wrong.
func (a *app) tip(ctx context.Context, p *planned, base string) (schema.State, schema.Organization, error) {
	repo, inside, err := a.clone(ctx)
	if err != nil {
		return nil, schema.Organization{}, err
	}
	defer repo.Close()
	to, err := repo.Resolve(ctx, base)
	if err != nil {
		return nil, schema.Organization{}, err
	}
	r := p.request
	if r == nil {
		w, err := a.wantAt(ctx, to.Commit)
		if err != nil {
			return nil, schema.Organization{}, nil //nolint:nilerr // main is wrong, and that is no news about this
		}
		return w.State, w.Organization, nil
	}
	if to.Commit == r.from.Commit {
		return nil, schema.Organization{}, nil
	}
	changed, err := repo.Changed(ctx, r.from, to, inside)
	if err != nil {
		return nil, schema.Organization{}, err
	}
	files, err := repo.FS(to, inside)
	if err != nil {
		return nil, schema.Organization{}, err
	}
	w, problems, err := r.tracker.Next(ctx, r.base, track.Step{Old: r.old, New: files, Changed: slices.Clone(changed)}, r.base.At)
	if err != nil || len(problems) > 0 {
		return nil, schema.Organization{}, err
	}
	return w.State, w.Organization, nil
}
