package reconcile

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// Input is what a plan is made of.
type Input struct {
	Live         Live
	Want         schema.State
	WantDigest   string       // of all that is asked for; "" when it is that of Want, and not worked out yet
	Base         schema.State // what the commit in force asks for: what differs from it in nothing but live is drift; nil: not known
	ByHand       []Change     // what is asked for since Base, and somebody has made by hand already; see [ByHand]
	Organization schema.Organization
	Guarding     *schema.Organization // whose guards hold the plan, where not those of Organization: of the commit before
	At           time.Time            // the instant that the want was resolved at
	Revision     string               // of the declarations
	Store        string               // as the plan shall name it, without credentials
	Actor        schema.Address       // who asks; "" when that is not known
	Allow        []Allowance
	Only         []string            // patterns of KIND/NAME; none: all
	Exclude      []string            // patterns of KIND/NAME
	Runs         []Run               // the last run of the store, and those before it that the guards' window reaches; newest first
	Provenance   Provenance          // nil: changes carry no origins
	Former       Provenance          // of Base, for what is no longer declared; nil: nobody knows
	Notes        []Finding           // findings of the caller's own
	Recorded     []string            // the fields that the store only records; see [Recorder]
	Lacks        []Lack              // what the store cannot do; see [Limited]
	Sole         string              // how a route would name the store, when it is one
	Routes       []schema.StoreRoute // by which the live state was read, when it is in several stores
	Aside        []Aside             // what lies in one of several stores and is another one's

	Piecemeal bool      // the store carries out changes one by one; see [Piecemeal]
	Licences  []Licence // what the store says was paid for; see [Licensed]
}

// New makes the plan that turns live into want. It is a pure function of its
// input. An error says that Only or Exclude is no pattern.
func New(in Input) (*Plan, error) {
	want, unmet := Attainable(in.Want, in.Live.State, in.Organization.Unmanaged, in.Lacks)
	unmet = in.saidInVain(unmet)
	in.Notes = slices.Concat(in.Notes, Unfit(Told(unmet, in.Want, in.Organization)), in.lying(want), in.rerouted(want))
	want, err := Scope(want, in.Live.State, in.Only, in.Exclude)
	if err != nil {
		return nil, err
	}
	changes := Diff(in.Live.State, want)
	return in.plan(changes, want), nil
}

// Undo makes the plan that takes a run back. Rows whose fields are no longer as
// the run left them are a *ConflictError: what came after is not lost silently. What
// the store cannot take back stays, and is told.
func Undo(in Input, run Run) (*Plan, error) {
	var conflicts []Conflict
	for i := range run.Changes {
		if reason := moved(&run.Changes[i], in.Live.State.Find(run.Changes[i].Key)); reason != "" {
			conflicts = append(conflicts, Conflict{run.Changes[i].Key, reason})
		}
	}
	if len(conflicts) > 0 {
		return nil, &ConflictError{conflicts}
	}
	in.Provenance = nil // what is put back is what was live, and no declaration's
	changes := Invert(run.Changes, in.Live.State)
	after, err := Advance(in.Live.State, changes)
	if err != nil {
		return nil, fmt.Errorf("undo run %d: %w", run.ID, err)
	}
	after, unmet := Attainable(after, in.Live.State, nil, in.Lacks)
	if len(unmet) > 0 {
		changes = Diff(in.Live.State, after)
		in.Notes = slices.Concat(in.Notes, Unfit(Told(unmet, after, in.Organization)))
	}
	in.Notes = slices.Concat(in.Notes, newMailboxes(changes, in.Lacks))
	p := in.plan(changes, after)
	p.Undoes = run.ID
	p.Seal()
	return p, nil
}

// Reached reports whether a row is as the change leaves it.
func (c *Change) Reached(live schema.Resource) bool { return moved(c, live) == "" }

// moved says how a row differs from what a change left; "" when it does not. Of
// an update only the fields that it set count, of a create all: taking it back
// takes the whole row.
func moved(c *Change, live schema.Resource) string {
	switch {
	case c.Op == OpDelete && live != nil:
		return ReasonExists
	case c.Op != OpDelete && live == nil:
		return ReasonGone
	case c.Op == OpDelete:
		return ""
	}
	for _, field := range schema.Fields(c.Kind) {
		left := &FieldChange{}
		if f := c.Field(field.Path); f != nil {
			left = f
		} else if c.Op == OpUpdate {
			continue
		}
		if field.Get(live) != left.After {
			return ReasonSince + " (" + field.Path + ")"
		}
	}
	return ""
}

// mostRoutes is how many addresses a plan says of where their mail ends up.
const mostRoutes = 200

// plan puts changes together with what they mean and what the rules say.
func (in Input) plan(changes []Change, after schema.State) *Plan {
	in.guarded()
	if in.WantDigest == "" {
		in.WantDigest = in.Want.Digest()
	}
	p := &Plan{Revision: in.Revision, Want: in.WantDigest, Store: in.Store, At: in.At.UTC().Round(0), Changes: changes}
	if p.Changes == nil {
		p.Changes = []Change{}
	}
	for i := range p.Changes {
		MarkDrift(&p.Changes[i], in.Base, in.Want)
		if in.Provenance != nil {
			p.Changes[i].trace(in.Provenance)
		}
	}
	p.Effects = append(append([]Effect{}, Effects(in, after, changes)...), in.kept(in.ByHand)...)
	sortEffects(p.Effects)
	p.Routes = Routes(in.Live.State, after, changes, mostRoutes)
	findings, counts := Findings(in, after, changes)
	p.Findings, p.Counts = append([]Finding{}, slices.Concat(in.Notes, in.unpaid(after), findings)...), counts
	attribute(p, in.Live.State, after, in.Provenance, in.Former)
	p.Recorded, p.Unseen = recorded(p.Changes, in.Recorded), unseen(in.Lacks)
	p.Seal()
	return p
}

// recorded picks, of the fields that a store only records, those that changes
// set. What a new resource has by default is not worth a word.
func recorded(changes []Change, fields []string) []string {
	set := make(map[string]bool)
	for i := range changes {
		for _, f := range changes[i].Fields {
			byDefault := changes[i].Op == OpCreate && (f.Origin == nil || f.Origin.Via == "default")
			set[f.Path] = set[f.Path] || changes[i].Op != OpDelete && !byDefault
		}
	}
	var out []string
	for _, path := range fields {
		if set[path] {
			out = append(out, path)
		}
	}
	return out
}

func (c *Change) trace(from Provenance) {
	for i := range c.Fields {
		if c.Op != OpDelete {
			c.Fields[i].Origin = from.Origin(c.Key, c.Fields[i].Path)
		}
	}
}

// LeaveAlone edits a want so that what mailops does not manage is as it is
// live: the fields that the organization names, and passwords that no
// declaration sets. It edits the want, and not the difference, so that no
// later step needs to know. A user that is not live yet gets what is declared;
// one that is renamed is live under the old address.
func LeaveAlone(want, live schema.State, leave []string) schema.State {
	var fields []schema.Field
	for _, f := range schema.Fields(schema.KindUser) {
		if unmanaged(f.Path, leave) {
			fields = append(fields, f)
		}
	}
	out := slices.Clone(want)
	cursor := live
	for i, r := range out {
		u, ok := r.(*schema.User)
		if !ok {
			continue
		}
		var is schema.Resource
		if is, cursor = cursor.Next(r); is == r {
			continue
		}
		if is == nil && renames(u, want, live) {
			is = live.Find(userKey(u.RenamedFrom))
		}
		if is != nil {
			out[i] = leaveAlone(u, is.(*schema.User), fields)
		}
	}
	return out
}

// unmanaged reports whether a field is one of those that mailops leaves alone, or
// below one.
func unmanaged(path string, leave []string) bool {
	return slices.ContainsFunc(leave, func(u string) bool { return u == path || strings.HasPrefix(path, u+".") })
}

func userKey(a schema.Address) schema.Key { return schema.Key{Kind: schema.KindUser, Name: string(a)} }

// renames reports whether a wanted user is a live one under a new address.
func renames(u *schema.User, want, live schema.State) bool {
	old := userKey(u.RenamedFrom)
	return u.RenamedFrom != "" && live.Find(u.Key()) == nil && live.Find(old) != nil && want.Find(old) == nil
}

func leaveAlone(want, live *schema.User, fields []schema.Field) *schema.User {
	out := want
	set := func(f schema.Field) {
		if f.Equal(out, live) {
			return
		}
		if out == want {
			out = schema.Clone(want).(*schema.User)
		}
		// A value that Get printed is one that Set reads.
		_ = f.Set(out, f.Get(live))
	}
	for _, f := range fields {
		set(f)
	}
	if want.Password == "" && live.Password != "" {
		f, _ := schema.FieldAt(schema.KindUser, "password")
		set(f)
	}
	return out
}

// Scope edits a want so that what is outside of the scope is as it is live.
// Patterns are KIND/NAME with * and ?, such as User/*@acme.example, KIND alone,
// or NAME alone. A rename is inside or outside as a whole.
func Scope(want, live schema.State, only, exclude Patterns) (schema.State, error) {
	if len(only) == 0 && len(exclude) == 0 {
		return want, nil
	}
	for _, pattern := range slices.Concat(only, exclude) {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	whole := renamed(want, live)
	inside := func(k schema.Key) bool {
		keys := append([]schema.Key{k}, whole[k]...)
		return (len(only) == 0 || slices.ContainsFunc(keys, only.match)) && !slices.ContainsFunc(keys, exclude.match)
	}
	var out schema.State
	for _, r := range want {
		if inside(r.Key()) {
			out = append(out, r)
		}
	}
	for _, r := range live {
		if !inside(r.Key()) {
			out = append(out, r)
		}
	}
	out.Sort()
	return out, nil
}

// renamed tells of the two addresses of a rename, and of the alias that it
// leaves, the other keys that belong to it.
func renamed(want, live schema.State) map[schema.Key][]schema.Key {
	out := make(map[schema.Key][]schema.Key)
	for u := range want.Users() {
		if !renames(u, want, live) {
			continue
		}
		old := userKey(u.RenamedFrom)
		alias := schema.Key{Kind: schema.KindAlias, Name: old.Name}
		out[u.Key()] = append(out[u.Key()], old)
		out[old] = append(out[old], u.Key())
		out[alias] = append(out[alias], u.Key(), old)
	}
	return out
}

// Patterns are those of --only and --exclude.
type Patterns []string

// match reports whether a pattern names the resource. A * goes over any slash,
// which local parts may hold.
func (patterns Patterns) match(k schema.Key) bool {
	slash := func(s string) string { return strings.ReplaceAll(s, "/", "\x00") }
	for _, pattern := range patterns {
		for _, name := range []string{k.String(), k.Name, string(k.Kind)} {
			if ok, _ := path.Match(slash(pattern), slash(name)); ok {
				return true
			}
		}
	}
	return false
}

// A RefusedError says which findings refuse a plan. It wraps ErrRefused.
type RefusedError struct{ Findings []Finding }

// Error names every finding and the flag that lifts it.
func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.Rule + ": " + f.Text
		if f.Allow != "" {
			lines[i] += "; --allow " + f.Allow + " lifts it for this plan"
		}
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

// An Execution is how a plan is carried out.
type Execution struct {
	At      time.Time
	Actor   string         // who asked
	Secrets schema.Secrets // the hashes that the plan sets; see [Batch]
	Epoch   int64          // of an agent; see [Batch]
	Whole   bool           // the plan is all that its revision asks for; see [Run]

	Progress func(Progress) // see [Batch]
}

// Apply carries a plan out and returns the id of the run. A plan that a finding
// refuses is a *RefusedError, and nothing is asked of the store; other errors
// are those of [Store.Apply].
func Apply(ctx context.Context, s Store, p *Plan, x Execution) (int64, error) {
	if refusals := p.Refusals(); len(refusals) > 0 {
		return 0, &RefusedError{refusals}
	}
	run := Run{At: x.At, Actor: x.Actor, Revision: p.Revision, Plan: p.ID, Undoes: p.Undoes, Summary: p.Summary, Counts: p.Counts, Whole: x.Whole, Changes: p.Changes}
	return s.Apply(ctx, Batch{Run: run, Secrets: x.Secrets, Epoch: x.Epoch, Progress: x.Progress})
}
