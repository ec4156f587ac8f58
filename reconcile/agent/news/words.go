package news

import (
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/reconcile/preview"
)

// title says in one line what is wrong with a commit.
func title(v *agent.Verdict) string {
	switch v.State {
	case agent.StateInvalid:
		return fmt.Sprintf("a commit is invalid, with %s; the one before it stays in force", count(len(v.Problems), "problem"))
	case agent.StateRewritten:
		return "the branch was rewritten and is not followed: " + v.Text
	}
	return "a commit is refused by " + rules(v.Findings) + "; the one before it stays in force"
}

func rules(findings []reconcile.Finding) string {
	var names []string
	for _, f := range findings {
		if len(names) == 0 || names[len(names)-1] != f.Rule {
			names = append(names, f.Rule)
		}
	}
	return strings.Join(names, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// reasons are the problems or findings of a commit, one a line.
func reasons(v *agent.Verdict) []string {
	var out []string
	for _, p := range v.Problems {
		line := p.String()
		if p.Hint != "" {
			line += " – " + p.Hint
		}
		out = append(out, line)
	}
	out = append(out, findingLines(v.Revision.ID, v.Findings)...)
	if v.Text != "" {
		out = append(out, v.Text)
	}
	if v.State == agent.StateRewritten {
		out = append(out, "push a commit that comes after the one in force, or start the agent once with --allow-rewind")
	}
	return out
}

// findingLines are what refuses a revision, and at the end the command by which
// a person carries it out all the same: the agent itself lifts nothing.
func findingLines(revision string, findings []reconcile.Finding) []string {
	var out []string
	command, refused, lifts := "mailops apply", 0, 0
	if commit, ok := strings.CutPrefix(revision, "git:"); ok {
		command += " --rev " + commit
	}
	for _, f := range findings {
		out = append(out, f.Rule+": "+f.Text)
		if f.Severity != reconcile.Refuse || f.Lifted {
			continue
		}
		refused++
		if f.Allow != "" {
			command, lifts = command+" --allow "+f.Allow, lifts+1
		}
	}
	switch {
	case refused == 0:
	case refused == lifts:
		out = append(out, "if it is meant so, a person applies it: "+command)
	default:
		out = append(out, "nothing lifts all of it: mend it and push again")
	}
	return out
}

func appliedTitle(r *agent.Report) string {
	s := r.Plan.Summary
	text := fmt.Sprintf("a commit is in force: %d created, %d updated, %d deleted", s.Create, s.Update, s.Delete)
	if !r.Whole {
		text += "; a part of it waits"
	}
	return text
}

// planLines are what a plan means to people, and what it changes.
func planLines(p *reconcile.Plan) []string {
	var out []string
	for _, e := range p.Effects {
		out = append(out, string(e.Severity)+": "+e.Text)
	}
	return out
}

// healedLines are the fields that a look took back.
func healedLines(r *agent.Report) []string {
	var out []string
	if r.Run == 0 {
		return nil
	}
	for i := range r.Plan.Changes {
		if line := changeLine(&r.Plan.Changes[i], true); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// changeLine is one change in a line: its drift, or all of it.
func changeLine(c *reconcile.Change, drift bool) string {
	var fields []string
	for _, f := range c.Fields {
		if f.Drift == drift {
			fields = append(fields, fieldText(f))
		}
	}
	bare := len(c.Fields) == 0 && !drift // such as a domain: it has nothing but its name
	switch {
	case len(fields) == 0 && !bare:
		return ""
	case c.Op != reconcile.OpUpdate:
		return fmt.Sprintf("%s %s", c.Op, c.Key)
	}
	return c.Key.String() + ": " + strings.Join(fields, ", ")
}

func fieldText(f reconcile.FieldChange) string {
	before, after := preview.Sides(f)
	return fmt.Sprintf("%s %s → %s", f.Path, before, after)
}

// driftLines are what drifts now and is not taken back.
func driftLines(s *agent.Status) []string {
	var out []string
	for i := range s.Drift {
		d := &s.Drift[i]
		change := d.Change // tells what a plan would do: what was done is the other way round
		change.Fields = slices.Clone(change.Fields)
		for j := range change.Fields {
			f := &change.Fields[j]
			f.Before, f.After = f.After, f.Before
		}
		switch d.Op {
		case reconcile.OpCreate:
			change.Op = reconcile.OpDelete
		case reconcile.OpDelete:
			change.Op = reconcile.OpCreate
		}
		line := changeLine(&change, true)
		if line == "" {
			line = fmt.Sprintf("%s %s", change.Op, d.Key)
		}
		if d.By != "" {
			line += ", by " + d.By
		}
		out = append(out, line+" ("+string(d.Why)+")")
	}
	return out
}
