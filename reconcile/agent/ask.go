package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/resolve"
	"mailops/schema/track"
)

// ErrUnknown says that nothing declared or live has a name.
var ErrUnknown = errors.New("nothing has that name")

// ErrNotYet says that the agent has not looked at store and repository yet.
var ErrNotYet = errors.New("the agent has not looked yet")

// A view is what the loop leaves for those who ask about more than the status.
// Nothing in it is changed any more.
type view struct {
	store Store
	force *commit
	live  reconcile.Live
	held  []reconcile.Held
	// pauses are as of the last look.
	pauses reconcile.Pauses
}

// desk is where questions are answered, beside the loop.
type desk struct {
	mu      sync.Mutex
	view    view
	asking  sync.Mutex // a tracker belongs to one at a time
	tracker *track.Tracker
}

func (d *desk) leave(v view) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.view = v
}

func (d *desk) look() (view, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.view.store == nil {
		return view{}, ErrNotYet
	}
	return d.view, nil
}

// A Person is all that is known of one name: a user, an alias, a list or a
// domain.
type Person struct {
	schema.Key
	Title    string // what people call it
	Fields   []PersonField
	Observed schema.Observed
	History  []reconcile.Run // newest first, each with the changes of this name alone
	Pause    *reconcile.Pause
	Held     []reconcile.Held
	Coming   []Coming
}

// A PersonField is one field, as it is wanted and live, and where the want comes
// from: the layer that counts is the last.
type PersonField struct {
	Path       string
	Want, Live schema.Value
	Chain      []resolve.Layer
}

// Find lists what is declared or live and has a text in its address or name, at
// most so many.
func (a *Agent) Find(_ context.Context, text string, most int) ([]schema.Key, error) {
	v, err := a.desk.look()
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(text)
	var out []schema.Key
	for _, s := range v.states() {
		for _, r := range s {
			key := r.Key()
			if len(out) >= most {
				break
			}
			if strings.Contains(key.Name, text) || strings.Contains(strings.ToLower(titleOf(r)), text) {
				out = append(out, key)
			}
		}
	}
	slices.SortFunc(out, schema.Key.Compare)
	return slices.Compact(out), nil
}

func (v view) states() []schema.State {
	if v.force == nil {
		return []schema.State{v.live.State}
	}
	return []schema.State{v.force.want.State, v.live.State}
}

func titleOf(r schema.Resource) string {
	if u, ok := r.(*schema.User); ok {
		return u.Name
	}
	return ""
}

// Person tells all of one name. The error wraps ErrUnknown when there is none.
func (a *Agent) Person(ctx context.Context, name string) (Person, error) {
	v, err := a.desk.look()
	if err != nil {
		return Person{}, err
	}
	want, live := v.named(name)
	if want == nil && live == nil {
		return Person{}, fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	is := want
	if is == nil {
		is = live
	}
	now := time.Now()
	p := Person{Key: is.Key(), Title: titleOf(is), Observed: v.live.Observed[is.Key().Address()], Pause: v.pauses.Of(is.Key(), now)}
	if err := a.fields(ctx, v, &p, want, live); err != nil {
		return Person{}, err
	}
	for _, h := range v.held {
		if h.Name == p.Name {
			p.Held = append(p.Held, h)
		}
	}
	if v.force != nil {
		if t, ok := v.force.want.Timed[p.Address()]; ok {
			p.Coming = append(p.Coming, Coming{t.At, t.User, t.Reason})
		}
	}
	const runs = 50
	p.History, err = v.store.History(ctx, p.Name, runs)
	return p, err
}

// named finds what is wanted and what is live under a name.
func (v view) named(name string) (want, live schema.Resource) {
	for _, kind := range schema.LiveKinds {
		key := schema.Key{Kind: kind, Name: name}
		if v.force != nil && want == nil {
			want = v.force.want.State.Find(key)
		}
		if live == nil {
			live = v.live.State.Find(key)
		}
	}
	return want, live
}

// fields fills in the fields of a person, and where they come from.
func (a *Agent) fields(ctx context.Context, v view, p *Person, want, live schema.Resource) error {
	var details *resolve.Want
	if want != nil {
		a.desk.asking.Lock()
		defer a.desk.asking.Unlock()
		if a.desk.tracker == nil {
			a.desk.tracker = &track.Tracker{Env: a.Env}
		}
		var err error
		if details, err = a.desk.tracker.Details(ctx, v.force.want, v.force.fs, []schema.Key{want.Key()}); err != nil {
			return err
		}
	}
	for _, f := range schema.Fields(p.Kind) {
		field := PersonField{Path: f.Path}
		if want != nil && want.Key().Kind == p.Kind {
			field.Want, field.Chain = f.Get(want), details.Explain(want.Key(), f.Path)
		}
		if live != nil && live.Key().Kind == p.Kind {
			field.Live = f.Get(live)
		}
		p.Fields = append(p.Fields, field)
	}
	return nil
}

// Pause writes a pause into the ledger, and looks.
func (a *Agent) Pause(ctx context.Context, p reconcile.Pause) error {
	v, err := a.desk.look()
	if err != nil {
		return err
	}
	if err := p.Check(time.Now()); err != nil {
		return err
	}
	if err := v.store.Pause(ctx, p); err != nil {
		return err
	}
	a.Trigger(CauseHand)
	return nil
}

// Resume ends the pauses of a scope, and looks. It returns how many there were.
func (a *Agent) Resume(ctx context.Context, scope, by string) (int64, error) {
	v, err := a.desk.look()
	if err != nil {
		return 0, err
	}
	n, err := v.store.Resume(ctx, scope, time.Now())
	if err != nil || n == 0 {
		return 0, err
	}
	a.Log.Info("agent: resumed", "scope", scope, "by", by)
	a.Trigger(CauseHand)
	return n, nil
}

// Runs are the newest of the ledger.
func (a *Agent) Runs(ctx context.Context, limit int) ([]reconcile.Run, error) {
	v, err := a.desk.look()
	if err != nil {
		return nil, err
	}
	return v.store.Runs(ctx, limit)
}

// RunOf is one run of the ledger.
func (a *Agent) RunOf(ctx context.Context, id int64) (reconcile.Run, error) {
	v, err := a.desk.look()
	if err != nil {
		return reconcile.Run{}, err
	}
	return v.store.Run(ctx, id)
}
