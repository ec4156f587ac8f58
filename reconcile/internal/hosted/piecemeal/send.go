package piecemeal

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

// send carries out a round. An error is what ended it.
func (j *job) send(ctx context.Context) error {
	for _, s := range j.steps() {
		if s.failed != "" || s.want == nil && s.now == nil {
			continue
		}
		operations, err := j.service.Operations(s.now, s.want, j.handles)
		if err != nil {
			if !s.less { // what it leads to may come later in this round
				s.failed = err.Error()
			}
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
	answer := j.service.Do(ctx, o.Call, nil)
	j.journal = append(j.journal, marked(line, answer, j.now()))
	errMark := j.book.Mark(ctx, j.journal[len(j.journal)-1:])
	j.tell(j.service.Cost([]hosted.Call{o.Call}))
	if err := j.answered(ctx, t, o, answer); err != nil {
		return err
	}
	return errMark
}

// marked is a line of the journal after the answer.
func marked(line sqlstore.Operation, answer hosted.Answer, at time.Time) sqlstore.Operation {
	line.State, line.Text, line.At = sqlstore.Answered, strings.TrimSpace(string(answer.Outcome)+" "+answer.Text), at
	if answer.Outcome == hosted.Refused || answer.Outcome.Stops() {
		line.State = sqlstore.Failed // nothing was done
	}
	return line
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
