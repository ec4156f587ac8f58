package news

import (
	"context"
	"fmt"
	"html"
	"strings"

	"mailops/reconcile/agent"
	"mailops/reconcile/agent/forge"
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
	for _, h := range s.Waiting {
		lines = append(lines, fmt.Sprintf("waits: %s (%s) %s", h.Key, h.Why, h.Reason))
	}
	return comment("Applied", fmt.Sprintf("%s, as run %d", appliedTitle(r), r.Run), lines)
}

// comment is a heading, a sentence and lines, which are shown as they are.
func comment(heading, sentence string, lines []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### mailops: %s\n\n%s.\n", heading, escape(sentence))
	if len(lines) > 0 {
		b.WriteString("\n")
	}
	for _, line := range lines {
		fmt.Fprintf(&b, "- %s\n", escape(line))
	}
	return b.String()
}

// escape keeps a text from being read as Markdown, HTML or somebody's name.
func escape(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		switch {
		case strings.ContainsRune("\\`*_{}[]()#+-!|~", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '@':
			b.WriteString("@\u2060") // a word joiner: nobody is called
		case r == '&', r == '<', r == '>':
			b.WriteString(html.EscapeString(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// post tells the forge, one after the other.
func (d *Desk) post(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-d.queue:
			v.status.Context, v.status.URL = "mailops/agent", d.URL
			if err := d.Forge.SetStatus(ctx, v.commit, v.status); err != nil {
				d.Log.Warn("news: the status of a commit was not set", "error", err)
			}
			if err := d.Forge.Comment(ctx, v.commit, marker, v.body); err != nil {
				d.Log.Warn("news: the comment on a commit was not written", "error", err)
			}
		}
	}
}
