package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// settle plans and applies what there is to do now. A newest commit that a guard
// refuses leaves the one in force to be kept.
func (p *pass) settle(ctx context.Context) error {
	h := &p.hand
	if !p.stir {
		return nil
	}
	p.report.Looked = true
	if f := reconcile.Shrunk(h.live.State, aside(p.store), h.runs, cmpOr(h.newest, h.force).want.Organization.Guards); f != nil {
		p.report.Findings = []reconcile.Finding{*f}
		p.refuse([]reconcile.Finding{*f})
		h.seen = false // look at all of it again
		return nil
	}
	if h.newest != nil {
		o, err := p.plan(ctx, h.newest)
		if err != nil {
			return err
		}
		refusals := o.plan.Refusals()
		if len(refusals) == 0 {
			return p.carryOut(ctx, o)
		}
		h.plan = o.plan
		p.refuse(refusals)
	}
	if h.force == nil {
		return nil
	}
	o, err := p.plan(ctx, h.force)
	if err != nil {
		return err
	}
	if refusals := o.plan.Refusals(); len(refusals) > 0 {
		h.plan = o.plan
		p.report.Findings = append(p.report.Findings, refusals...)
		h.heldNow = o.held
		return nil
	}
	return p.carryOut(ctx, o)
}

// refuse keeps that the newest commit is refused, and by what.
func (p *pass) refuse(findings []reconcile.Finding) {
	if p.hand.newest != nil {
		p.judge(Verdict{Revision: p.hand.newest.Revision, State: StateRefused, Findings: findings})
	}
}

// An outcome is a plan for a commit, with what waits.
type outcome struct {
	*commit
	plan    *reconcile.Plan
	base    schema.State // what was asked for before, as far as it lies where it lay
	settled schema.State
	held    []reconcile.Held
	secrets schema.Secrets
	unmet   []reconcile.Unmet   // what the store cannot do
	alone   []reconcile.Finding // refusals that are about single resources, which wait
}

// lacks are what a store cannot do.
func lacks(s Store) []reconcile.Lack {
	if limited, ok := s.(reconcile.Limited); ok {
		return limited.Lacks()
	}
	return nil
}

// aside is what lies in one of several stores and is another one's.
func aside(s Store) []reconcile.Aside {
	if joined, ok := s.(reconcile.Joined); ok {
		return joined.Aside()
	}
	return nil
}

// plan plans for a commit. What a rule refuses of single resources holds those
// back, and nothing else.
func (p *pass) plan(ctx context.Context, c *commit) (outcome, error) {
	h, org := &p.hand, c.want.Organization
	now := time.Now()
	out := outcome{commit: c, base: h.base}
	if h.force != nil {
		out.base = reconcile.Staying(h.base, h.force.want.Organization.Stores, org.Stores)
	}
	terms := reconcile.Terms{At: now, Base: out.base, Drift: org.Drift, Pauses: h.pauses, Fought: h.fought(org.Drift.Fights, now), Refused: make(map[schema.Key]string)}
	if !h.window.Open {
		terms.Closed = &reconcile.Closed{Until: h.window.Until, Reason: h.window.Reason, Urgent: org.Changes.Urgent}
	}
	var want schema.State
	want, out.unmet = reconcile.Attainable(c.want.State, h.live.State, org.Unmanaged, lacks(p.store))
	for {
		out.settled, out.held = reconcile.Settle(want, h.live.State, terms)
		if err := p.planSettled(ctx, &out, now); err != nil {
			return out, err
		}
		single := alone(out.plan.Refusals(), terms.Refused)
		if len(single) == 0 {
			return out, nil
		}
		out.alone = append(out.alone, single...)
		for _, f := range single {
			for _, key := range f.Keys {
				terms.Refused[key] = f.Rule + ": " + f.Text
			}
		}
	}
}

// planSettled makes the plan to a settled want, with where its values come from.
func (p *pass) planSettled(ctx context.Context, out *outcome, now time.Time) error {
	h := &p.hand
	in := reconcile.Input{Live: h.live, Want: out.settled, WantDigest: out.want.Digest(), Base: out.base, Organization: out.want.Organization,
		At: now, Revision: out.ID, Store: p.Name, Runs: h.runs}
	if h.force != nil && h.force.ID != out.ID {
		in.Guarding = &h.force.want.Organization
	}
	if recorder, ok := p.store.(reconcile.Recorder); ok {
		in.Recorded = recorder.Recorded()
	}
	in.Lacks, in.Notes = lacks(p.store), reconcile.Unfit(reconcile.Told(out.unmet, out.want.State, out.want.Organization))
	in.Aside, in.Routes = aside(p.store), out.want.Organization.Stores
	changes := reconcile.Diff(h.live.State, out.settled)
	if len(changes) > 0 {
		keys := make([]schema.Key, len(changes))
		for i := range changes {
			keys[i] = changes[i].Key
		}
		details, err := h.tracker.Details(ctx, out.want, out.fs, keys)
		if err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		in.Provenance, out.secrets = details, details.Secrets
	}
	var err error
	out.plan, err = reconcile.New(in)
	h.tracker.Forget() // a large plan is carried out with its secrets alone in memory
	return err
}

// alone are the refusals that are about single resources, and not known yet. The
// others are about the plan as a whole.
func alone(refusals []reconcile.Finding, known map[schema.Key]string) []reconcile.Finding {
	var out []reconcile.Finding
	for _, f := range refusals {
		if !reconcile.AboutWhole(f.Rule) && slices.ContainsFunc(f.Keys, func(k schema.Key) bool { return known[k] == "" }) {
			out = append(out, f)
		}
	}
	return out
}

// carryOut applies what was planned, and keeps what is known then.
func (p *pass) carryOut(ctx context.Context, o outcome) error {
	h := &p.hand
	whole := !slices.ContainsFunc(o.held, ownChange) && len(o.alone) == 0
	newer := h.force == nil || h.force.ID != o.ID
	p.report.Held, p.report.Alone = o.held, o.alone
	if len(o.plan.Changes) == 0 && !newer && whole == h.whole {
		h.heldNow = o.held
		return p.adopt(ctx, o)
	}
	at := time.Now().UTC()
	run, err := reconcile.Apply(ctx, p.store, o.plan, reconcile.Execution{At: at, Actor: actor, Secrets: o.secrets, Epoch: p.lease.Epoch(), Whole: whole})
	if err != nil {
		if errors.Is(err, reconcile.ErrConflict) || errors.Is(err, reconcile.ErrUnreachable) {
			h.seen = false
		}
		return err
	}
	p.report.Run, p.report.Plan, p.report.Revision = run, o.plan, o.Revision
	p.report.Newer, p.report.Whole = newer, whole
	h.noteHealed(o.plan.Changes, at)
	h.base = reconcile.Carried(h.base, o.want.State, h.live.State, o.held)
	h.live.State, h.heldNow, h.whole = o.settled, o.held, whole
	if len(o.plan.Changes) > 0 {
		h.plan = o.plan
	}
	if newer {
		h.force, h.newest = o.commit, nil
		h.since, h.run = at, run
	}
	if newer || h.verdict.Revision.ID == o.ID { // and not while another one is wrong or refused
		p.judge(Verdict{Revision: o.Revision, State: applied(whole)})
	}
	h.runs = append([]reconcile.Run{{ID: run, At: at, Actor: actor, Revision: o.ID, Plan: o.plan.ID, Summary: o.plan.Summary, Counts: o.plan.Counts, Whole: whole, LiveUsers: users(h.live.State)}}, h.runs...)
	return errors.Join(p.readBack(ctx, o.plan.Changes), p.adopt(ctx, o))
}

// adopt proposes the drift that is to be adopted, once.
func (p *pass) adopt(ctx context.Context, o outcome) error {
	h := &p.hand
	var held []reconcile.Held
	for _, one := range o.held {
		if one.Why == reconcile.HeldAdopt {
			held = append(held, one)
		}
	}
	if len(held) == 0 {
		h.adopted, h.proposal = "", Proposed{}
		return nil
	}
	if key := fmt.Sprint(o.ID, held); key == h.adopted {
		return nil
	} else {
		h.adopted = key
	}
	a, err := Adopt(ctx, h.tracker, o.want, o.fs, h.live.State, held, h.notes)
	if err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	h.proposal = Proposed{Left: a.Left, Took: len(a.Took)}
	if len(a.Files) == 0 {
		return nil
	}
	author, at := actor, time.Now()
	if n := h.notes[a.Took[0].Name]; n.By != "" {
		author = n.By
	}
	h.proposal.Where, err = p.Source.Propose(ctx, Proposal{Branch: p.Branch + "-" + a.digest(), Base: o.Revision, Files: a.Files, Message: a.Message, Author: author, At: at})
	if err != nil {
		h.adopted = "" // the next look tries again
		return fmt.Errorf("propose the drift: %w", err)
	}
	p.report.Proposed = h.proposal.Where
	return nil
}

// actor is who the ledger says applied.
const actor = "mailops agent"

func applied(whole bool) State {
	if whole {
		return StateApplied
	}
	return StateWaiting
}

// ownChange reports whether something waits that the commit itself asks for.
func ownChange(h reconcile.Held) bool {
	return slices.ContainsFunc(h.Fields, func(f reconcile.FieldChange) bool { return !f.Drift }) || len(h.Fields) == 0
}

// readBack reads again what was applied: what the store made of it, such as what
// users own, is known then.
func (p *pass) readBack(ctx context.Context, changes []reconcile.Change) error {
	const few = 200
	if len(changes) > few {
		p.hand.seen = false
		p.triggers.pull(CauseStore) // at once, and not when the next commit waits for it
		return nil
	}
	names := make([]string, 0, len(changes))
	for i := range changes {
		names = append(names, changes[i].Name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil
	}
	if err := p.hand.readNames(ctx, p.store, slices.Compact(names)); err != nil {
		p.hand.seen = false
		return fmt.Errorf("read back: %w", err)
	}
	return nil
}

func users(s schema.State) int {
	n := 0
	for range s.Users() {
		n++
	}
	return n
}
