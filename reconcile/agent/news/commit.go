package news

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/forge"
	"mailops/reconcile/preview"
)

// A verdict is what a forge is told of a commit.
type verdict struct {
	commit string
	status forge.Status
	body   string
}

// marker begins our comment on a pull request.
const marker = "<!-- mailops/agent -->"

// verdictOf is what a look says of a commit; false when it says nothing, or the
// revision is none.
func verdictOf(r *agent.Report, s *agent.Status) (verdict, bool) {
	v := r.Verdict
	if v == nil {
		return verdict{}, false
	}
	commit, ok := strings.CutPrefix(v.Revision.ID, "git:")
	if !ok {
		return verdict{}, false
	}
	out := verdict{commit: commit}
	switch v.State {
	case agent.StateApplied, agent.StateWaiting:
		if r.Run == 0 {
			return verdict{}, false
		}
		out.status = forge.Status{State: forge.Success, Description: appliedTitle(r)}
		out.body = appliedComment(r, s)
	case agent.StateRewritten:
		out.status = forge.Status{State: forge.Errored, Description: title(v)}
		out.body = comment("Not followed", title(v), reasons(v))
	default:
		out.status = forge.Status{State: forge.Failure, Description: title(v)}
		out.body = comment("Not applied", title(v), reasons(v))
	}
	return out, true
}

func appliedComment(r *agent.Report, s *agent.Status) string {
	const most = 200 // changes that a comment lists
	lines := planLines(r.Plan)
	for i := range r.Plan.Changes[:min(most, len(r.Plan.Changes))] {
		if line := changeLine(&r.Plan.Changes[i], false); line != "" {
			lines = append(lines, line)
		}
	}
	if more := len(r.Plan.Changes) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more changes: mailops history %d lists them", more, r.Run))
	}
	for _, line := range Waiting(s.Waiting, s.Timezone) {
		lines = append(lines, "waits: "+line)
	}
	return comment("Applied", fmt.Sprintf("%s, as run %d", appliedTitle(r), r.Run), lines)
}

// comment is a heading, a sentence and lines, which are shown as they are.
func comment(heading, sentence string, lines []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### mailops: %s\n\n%s.\n", heading, preview.Escape(sentence))
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	for _, line := range lines {
		fmt.Fprintf(&b, "- %s\n", preview.Escape(line))
	}
	return b.String()
}

// How long what the forge did not take waits until it is told again.
const (
	firstPause = 30 * time.Second
	lastPause  = 15 * time.Minute
	farewell   = 5 * time.Second // for what is left when the agent ends
	mostKept   = 100             // commits
)

// post tells the forge, the newest word on each commit, until it has heard it.
func (d *Desk) post(ctx context.Context) {
	var waits []verdict
	pause := firstPause
	for ctx.Err() == nil {
		var again <-chan time.Time
		if len(waits) > 0 {
			again = time.After(pause)
		}
		select {
		case <-ctx.Done():
		case v := <-d.queue:
			waits, pause = with(waits, v), firstPause
			waits = d.tell(ctx, waits)
		case <-again:
			waits, pause = d.tell(ctx, waits), min(2*pause, lastPause)
		}
	}
	for len(d.queue) > 0 {
		waits = with(waits, <-d.queue)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if waits = d.tell(last, waits); len(waits) > 0 {
		d.Log.Warn("news: the forge was not told of all commits", "commits", len(waits))
	}
}

// with adds the newest word on a commit.
func with(waits []verdict, v verdict) []verdict {
	waits = slices.DeleteFunc(waits, func(w verdict) bool { return w.commit == v.commit })
	waits = append(waits, v)
	return waits[max(0, len(waits)-mostKept):]
}

// tell tells what waits, and returns what was not heard.
func (d *Desk) tell(ctx context.Context, waits []verdict) []verdict {
	var left []verdict
	for _, v := range waits {
		v.status.Context, v.status.URL = "mailops/agent", d.URL
		err := d.Forge.SetStatus(ctx, v.commit, v.status)
		if err == nil {
			err = d.Forge.Comment(ctx, v.commit, marker, v.body)
		}
		if err != nil {
			d.Log.Warn("news: the forge was not told of a commit; it is tried again", "commit", v.commit, "error", err)
			left = append(left, v)
		}
	}
	return left
}
