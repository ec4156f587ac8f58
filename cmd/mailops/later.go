package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/resolve"
)

// forever is after all that anybody declares.
var forever = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

// foretell adds to a plan what happens by itself later: of a pull request, at any
// time, what would not happen without it, and what would have; of all that is asked
// for, in the time that previews look ahead.
func (a *app) foretell(ctx context.Context, p *planned) error {
	will, was, err := p.steps(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	for i := range was {
		was[i].Origin.Via = reconcile.ViaBefore
	}
	return p.Foretell(p.in, will, was)
}

// steps are what users become by themselves, and what they would without a pull
// request.
func (p *planned) steps(ctx context.Context) (will, was []reconcile.Step, err error) {
	switch {
	case p.request != nil && p.request.base != nil:
		return p.request.steps(ctx)
	case p.request != nil:
		r := p.request
		until := r.now.At.Add(preview.Ahead)
		now, err := r.tracker.Details(ctx, r.now, r.new, keysOfUsers(changing(r.now.Timed, until)))
		if err != nil {
			return nil, nil, err
		}
		return stepsOf(now, changing(r.now.Timed, until), until), nil, nil
	case p.want == nil:
		return nil, nil, nil
	case p.was == nil:
		until := p.want.At.Add(preview.Ahead)
		return stepsOf(p.want, changing(p.want.Timed, until), until), nil, nil
	}
	return stepsOf(p.want, changing(p.want.Timed, forever), forever), stepsOf(p.was, p.still(changing(p.was.Timed, forever)), forever), nil
}

// still are the users that are wanted: what somebody who is deleted would have
// become is no news.
func (p *planned) still(users []schema.Address) []schema.Address {
	return slices.DeleteFunc(users, func(u schema.Address) bool { return p.in.Want.Find(keyOf(u)) == nil })
}

// steps reads the users alone that are not the same in both: a user whose file and
// whose profiles nobody has touched does later what they would have done anyway.
func (r *request) steps(ctx context.Context) (will, was []reconcile.Step, err error) {
	differ := func(users []schema.Address) []schema.Address {
		return slices.DeleteFunc(users, func(u schema.Address) bool {
			now := r.now.State.Find(keyOf(u))
			return now == nil || now == r.base.State.Find(keyOf(u))
		})
	}
	ahead, before := differ(changing(r.now.Timed, forever)), differ(changing(r.base.Timed, forever))
	if len(ahead) > 0 {
		now, err := r.tracker.Details(ctx, r.now, r.new, keysOfUsers(ahead))
		if err != nil {
			return nil, nil, err
		}
		will = stepsOf(now, ahead, forever)
	}
	if len(before) > 0 {
		base, err := r.tracker.Details(ctx, r.base, r.old, keysOfUsers(before))
		if err != nil {
			return nil, nil, err
		}
		was = stepsOf(base, before, forever)
	}
	return will, was, nil
}

// changing are the users who change by themselves until a time, in order.
func changing(timed map[schema.Address]resolve.Transition, until time.Time) []schema.Address {
	var out []schema.Address
	for user, next := range timed {
		if !next.At.After(until) {
			out = append(out, user)
		}
	}
	slices.SortFunc(out, schema.Address.Compare)
	return out
}

func keysOfUsers(users []schema.Address) []schema.Key {
	out := make([]schema.Key, len(users))
	for i, u := range users {
		out[i] = keyOf(u)
	}
	return out
}

// stepsOf are what a want knows of the steps of users, as plans take them.
func stepsOf(w *resolve.Want, users []schema.Address, until time.Time) []reconcile.Step {
	var out []reconcile.Step
	for _, s := range w.Steps(users, until) {
		out = append(out, reconcile.Step{At: s.At, Reason: s.Reason, Origin: &schema.Origin{Pos: s.Pos}, Before: s.Before, After: s.After})
	}
	return out
}
