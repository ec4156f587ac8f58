package piecemeal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// A job is an apply at work.
type job struct {
	*Store
	id       int64
	run      reconcile.Run // that it is to be
	targets  map[schema.Key]*target
	handles  Handles
	journal  []sqlstore.Operation
	book     *sqlite.Journal // where these are written
	of, done int             // requests
	resumed  bool            // what others did since is looked for
	progress func(reconcile.Progress)
}

// job begins with a view of what its changes touch.
func (s *Store) job(run reconcile.Run, v view) *job {
	run.Changes = slices.Clone(run.Changes)
	j := &job{Store: s, run: run, targets: make(map[schema.Key]*target), handles: v.handles}
	for i := range run.Changes {
		c := &run.Changes[i]
		is := v.state.Find(c.Key)
		j.targets[c.Key] = &target{change: c, before: is, now: is, seen: make(map[string]bool), free: make(map[string]bool), there: is != nil, gone: is == nil && c.Op == reconcile.OpDelete}
	}
	for _, l := range s.service.Lacks() {
		if l.Path != "" && (l.Cannot == reconcile.CannotSet || l.Cannot == reconcile.CannotHold) {
			for _, t := range j.targets {
				t.frees(l.Kind, l.Path)
			}
		}
	}
	cost, err := s.Cost(v.state, run.Changes)
	if err == nil {
		j.of = cost.Requests
	}
	return j
}

// wants works out what is to be there.
func (j *job) wants() error {
	for key, t := range j.targets {
		before := t.before
		if t.change.Op == reconcile.OpUpdate && before == nil {
			t.failed = reconcile.ReasonGone // since: a resumed one
			continue
		}
		if t.change.Op == reconcile.OpCreate {
			before = nil
		}
		want, err := t.change.Apply(before)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if want != nil {
			schema.Normalize(want)
		}
		t.want = want
	}
	return nil
}

// mostRounds is how often what is missing is worked out and sent: again for what
// was cut off and did not come to anything.
const mostRounds = 2

// carry sends what is missing and reads it back, and ends the job.
func (j *job) carry(ctx context.Context) (int64, error) {
	var stop error
	for range mostRounds {
		for _, t := range j.targets {
			t.unclear = false
		}
		sent := j.now()
		if stop = j.send(ctx); stop == nil {
			stop = j.confirm(ctx, sent)
		}
		if stop != nil || !j.again() {
			break
		}
	}
	return j.end(ctx, stop)
}

// again reports whether there is something that was cut off and did not come to
// anything.
func (j *job) again() bool {
	for _, t := range j.targets {
		if t.unclear && !t.reached() && t.failed == "" {
			return true
		}
	}
	return false
}

// steps is the order of a round: what takes access away first, and an address is
// freed before it is taken, and there before another leads to it.
func (j *job) steps() []step {
	var out []step
	for i := range j.run.Changes {
		t := j.targets[j.run.Changes[i].Key]
		if t.reached() || t.failed != "" {
			continue
		}
		if t.change.Op == reconcile.OpUpdate {
			out = append(out, step{t, phaseLess, true})
		}
		out = append(out, step{t, j.phase(t), false})
	}
	slices.SortStableFunc(out, func(a, b step) int {
		if a.phase != b.phase {
			return a.phase - b.phase
		}
		return a.change.Compare(b.change.Key)
	})
	return out
}

// A step is the operations of one target that are due at one time.
type step struct {
	*target
	phase int
	less  bool
}

// The phases of a round.
const (
	phaseDomains = iota // users need them
	phaseLess           // what takes access away
	phaseLead           // aliases and lists lead elsewhere, before what they led to goes
	phaseGone           // what goes, and frees its address
	phaseUsers          // who comes
	phaseMore           // the rest of what changes
	phaseComes          // aliases and lists that come
	phaseEmpty          // domains that are empty now
)

func (j *job) phase(t *target) int {
	kind := t.change.Kind
	switch {
	case kind == schema.KindDomain && t.change.Op == reconcile.OpCreate:
		return phaseDomains
	case kind == schema.KindDomain && t.change.Op == reconcile.OpDelete:
		return phaseEmpty
	case t.change.Op == reconcile.OpDelete:
		return phaseGone
	case t.change.Op == reconcile.OpCreate && kind == schema.KindUser:
		return phaseUsers
	case t.change.Op == reconcile.OpCreate:
		return phaseComes
	case kind != schema.KindUser && !j.waitsFor(t):
		return phaseLead
	}
	return phaseMore
}

// waitsFor reports whether an alias or a list is to lead to what this job makes.
func (j *job) waitsFor(t *target) bool {
	if t.want == nil || t.change.Kind == schema.KindDomain {
		return false
	}
	return slices.ContainsFunc(schema.Targets(t.want), func(a schema.Address) bool {
		user := j.targets[schema.Key{Kind: schema.KindUser, Name: string(a)}]
		return user != nil && user.change.Op == reconcile.OpCreate
	})
}

// send carries out a round. An error is what ended it.
func (j *job) send(ctx context.Context) error {
	for _, s := range j.steps() {
		if s.failed != "" || s.want == nil && s.now == nil {
			continue
		}
		operations, err := j.service.Operations(s.now, s.want, j.handles)
		if err != nil {
			s.failed = err.Error()
			continue
		}
		for _, o := range operations {
			if s.change.Op == reconcile.OpUpdate && o.Less != s.less {
				continue // another phase's
			}
			if err := j.operate(ctx, s.target, o); err != nil {
				return err
			}
			if s.failed != "" && o.Creates {
				break
			}
		}
		if len(operations) == 0 && s.want == nil {
			delete(j.handles, s.change.Key)
		}
	}
	return nil
}

// operate carries out one operation: it is in the journal before it is sent, and
// what was answered after. An error is what keeps others from being sent.
func (j *job) operate(ctx context.Context, t *target, o Operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	call, err := json.Marshal(o.Call)
	if err != nil {
		return err
	}
	line := sqlstore.Operation{N: int64(len(j.journal)), Key: t.change.Key, Call: call, State: sqlstore.Sent, At: j.now()}
	if err := j.book.Write(ctx, line); err != nil {
		return err
	}
	t.begun = true
	answer := j.service.Do(ctx, o.Call)
	line.State, line.Text, line.At = sqlstore.Answered, strings.TrimSpace(string(answer.Outcome)+" "+answer.Text), j.now()
	if answer.Outcome == hosted.Refused || answer.Outcome.Stops() {
		line.State = sqlstore.Failed // nothing was done
	}
	j.journal = append(j.journal, line)
	errMark := j.book.Mark(ctx, j.journal[len(j.journal)-1:])
	j.tell(j.service.Cost([]hosted.Call{o.Call}))
	if err := j.answered(ctx, t, o, answer); err != nil {
		return err
	}
	return errMark
}

// answered goes by what became of an operation.
func (j *job) answered(ctx context.Context, t *target, o Operation, answer hosted.Answer) error {
	switch {
	case answer.Outcome.Stops() && ctx.Err() != nil:
		return ctx.Err()
	case answer.Outcome.Stops():
		return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, answer.Err(o.Call.Name))
	case o.Creates && j.ours(t.change.Key) && (answer.Outcome == hosted.Refused || answer.Outcome == hosted.Already):
		t.hopes = true // it may be there from the time before
		return j.created(ctx, t, hosted.Answer{})
	case answer.Outcome == hosted.Refused:
		t.failed = answer.Err(o.Call.Name).Error()
		return nil
	case answer.Outcome == hosted.Unknown:
		t.unclear, t.hopes = true, true
		return ctx.Err()
	case answer.Outcome == hosted.Already && o.Creates:
		t.failed = "it " + reconcile.ReasonExists // by somebody else, since it was looked for
		return nil
	}
	t.hopes = true
	switch {
	case t.want == nil:
		t.now = nil
		delete(j.handles, t.change.Key)
	case o.Creates:
		return j.created(ctx, t, answer)
	}
	return nil
}

// ours reports whether this job has sent something for a key before: what is there
// may then be what it made.
func (j *job) ours(key schema.Key) bool {
	earlier := j.journal[:max(len(j.journal)-1, 0)]
	return slices.ContainsFunc(earlier, func(o sqlstore.Operation) bool { return o.Key == key })
}

// created goes on with what was made.
func (j *job) created(ctx context.Context, t *target, answer hosted.Answer) error {
	t.now = j.service.Newcomer(t.want)
	handle := j.service.Handle(t.change.Key, answer)
	if handle == "" {
		found, err := j.find(ctx, t)
		if err != nil || !found {
			return err
		}
	} else {
		j.handles[t.change.Key] = handle
	}
	rest, err := j.service.Operations(t.now, t.want, j.handles)
	if err != nil {
		t.failed = err.Error()
		return nil
	}
	for _, o := range rest {
		if err := j.operate(ctx, t, o); err != nil {
			return err
		}
	}
	return nil
}

// find looks for what was made until it is shown, for as long as is waited. When it
// never is, the target is late.
func (j *job) find(ctx context.Context, t *target) (bool, error) {
	key := t.change.Key
	for pause, end := firstLook, j.now().Add(j.options.Late); ; pause *= 2 {
		begun := j.now()
		reading, err := j.service.Read(ctx, []schema.Key{key})
		if err != nil {
			return false, err
		}
		if is := reading.State.Find(key); is != nil {
			j.handles[key], t.now = reading.Handles[key], is
			return true, nil
		}
		if !begun.Before(end) {
			t.unclear = true
			return false, nil
		}
		if err := j.options.Clock.Wait(ctx, pause); err != nil {
			return false, err
		}
	}
}

// tell says how far the job is.
func (j *job) tell(requests int) {
	j.done += requests
	if j.progress == nil {
		return
	}
	p := reconcile.Progress{Done: j.done, Of: max(j.of, j.done)}
	p.Left, _ = j.service.Length(p.Of - p.Done) // what is not known is 0
	j.progress(p)
}

// lastSent is when the last operation of the journal was sent or answered.
func (j *job) lastSent() (at time.Time) {
	for _, o := range j.journal {
		if o.State != sqlstore.Failed && o.At.After(at) {
			at = o.At
		}
	}
	return at
}

// firstLook is how long after the last operation it is read back first. The pauses
// grow, since each look is requests.
const firstLook = 2 * time.Second

// confirm reads back what was sent, until all is seen or it has been waited for
// since the last was sent.
func (j *job) confirm(ctx context.Context, sent time.Time) error {
	if last := j.lastSent(); last.After(sent) {
		sent = last
	}
	end := sent.Add(j.options.Late)
	for pause := firstLook; ; pause *= 2 {
		keys, hope := j.open()
		if len(keys) == 0 {
			return nil
		}
		if hope && j.now().Before(end) {
			if err := j.options.Clock.Wait(ctx, pause); err != nil {
				return err
			}
		}
		begun := j.now() // a look can take minutes, and shows what was when it began
		if err := j.see(ctx, keys); err != nil {
			return err
		}
		if !hope || !begun.Before(end) {
			return nil
		}
	}
}

// open are the targets that are not seen, but for those that failed before anything
// was sent, and whether it is worth to wait for one of them.
func (j *job) open() (keys []schema.Key, hope bool) {
	for _, c := range j.run.Changes {
		if t := j.targets[c.Key]; !t.reached() && (t.begun || t.failed == "") {
			keys = append(keys, c.Key)
			hope = hope || t.hopes && j.awaits(t)
		}
	}
	return keys, hope
}

// awaits reports whether something that is missing of a target was sent: the rest
// will not come by itself.
func (j *job) awaits(t *target) bool {
	if t.now == nil && t.want == nil {
		return true // it was deleted, and is still shown
	}
	missing, err := j.service.Operations(t.now, t.want, j.handles)
	if err != nil || len(missing) == 0 {
		return true // who knows
	}
	return slices.ContainsFunc(missing, func(o Operation) bool {
		call, err := json.Marshal(o.Call)
		return err != nil || slices.ContainsFunc(j.journal, func(sent sqlstore.Operation) bool {
			return sent.Key == t.change.Key && sent.State != sqlstore.Failed && bytes.Equal(sent.Call, call)
		})
	})
}

// see reads targets.
func (j *job) see(ctx context.Context, keys []schema.Key) error {
	reading, err := j.service.Read(ctx, keys)
	if err != nil {
		return fmt.Errorf("read changes back: %w", err)
	}
	m := &merging{Reading: &reading, service: j.service, groups: j.service.Together()}
	unseen := hidden(j.service.Lacks(), reading.Cut)
	for _, key := range keys {
		t, is := j.targets[key], reading.State.Find(key)
		if is == nil && unseen[key.Kind] {
			t.believe()
			continue
		}
		if h := reading.Handles[key]; h != "" {
			j.handles[key] = h
		}
		t.see(m, is)
		switch {
		case j.resumed:
			j.meddled(t, m, is)
		case is != nil && t.failed != "" && !t.hopes && t.change.Op == reconcile.OpCreate:
			t.failed = "it " + reconcile.ReasonExists // in whatever words the service says so
		}
	}
	j.tell(j.service.Requests(keys, reading.State))
	return nil
}

// believe takes what the service does not show to be as it is wanted, once it was
// sent, or there was nothing to send.
func (t *target) believe() {
	if t.failed != "" || t.unclear {
		return
	}
	if t.want == nil {
		t.gone, t.now = true, nil
		return
	}
	t.there, t.now = true, t.want
	for _, f := range t.change.Fields {
		t.seen[f.Path] = true
	}
}

// end records what was done, and says what was not.
func (j *job) end(ctx context.Context, stop error) (int64, error) {
	ctx = context.WithoutCancel(ctx) // what was done is recorded, whoever waits
	defer j.book.Close()
	if err := j.verified(ctx); err != nil {
		return 0, errors.Join(stop, err)
	}
	var before, after schema.State
	for _, t := range j.targets {
		if t.before != nil {
			before = append(before, t.before)
		}
		if r := t.result(); r != nil {
			after = append(after, r)
		}
	}
	before.Sort()
	after.Sort()
	done := j.run
	done.Changes = reconcile.Diff(before, after)
	for i := range done.Changes {
		j.targets[done.Changes[i].Key].attribute(&done.Changes[i])
	}
	known := j.now()
	if stop != nil && len(j.journal) > 0 {
		known = time.Time{} // to go on with
	}
	done.Whole = j.run.Whole && len(done.Changes) == len(j.run.Changes) && stop == nil
	var batch *reconcile.Batch
	if len(done.Changes) > 0 || len(j.run.Changes) == 0 {
		batch = &reconcile.Batch{Run: done}
	}
	run, err := j.mirror.End(ctx, j.id, batch, known)
	if err != nil {
		return 0, errors.Join(stop, err)
	}
	return run, j.partial(run, stop)
}

// verified marks in the journal what was read back, and what was not.
func (j *job) verified(ctx context.Context) error {
	var lines []sqlstore.Operation
	for _, o := range j.journal {
		t := j.targets[o.Key]
		if o.State == sqlstore.Failed || t == nil {
			continue
		}
		if t.reached() {
			o.State, o.At = sqlstore.Verified, j.now()
			lines = append(lines, o)
		}
	}
	return j.book.Mark(ctx, lines)
}
