package piecemeal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/schema"
)

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
		t.yields(m)
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
