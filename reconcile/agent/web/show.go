package web

import (
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

func showBudget(name string, s reconcile.Spending) budgetView {
	return budgetView{name, s.Left(), s.Spent, s.Limit}
}

func showCommit(r agent.Revision, c clock) *commitView {
	return &commitView{Short: short(r.ID), ID: cut(r.ID, valueText), Subject: cut(r.Subject, valueText), Author: cut(r.Author, valueText), Committed: c.show(r.At)}
}

// verdictWords say how the newest commit stands.
var verdictWords = map[agent.State]string{
	agent.StateInvalid: "wrong, not applied", agent.StateRefused: "refused by a guard, not applied",
	agent.StateRewritten: "the branch was rewritten, not followed", agent.StateWaiting: "in force; a part of it waits",
}

func showVerdict(v *agent.Verdict, c clock) *newestView {
	state, known := verdictWords[v.State]
	if !known {
		state = cut(string(v.State), valueText)
	}
	return &newestView{commitView: *showCommit(v.Revision, c), State: state, Text: cut(v.Text, longText),
		Problems: listOf(v.Problems, showProblem), Findings: listOf(v.Findings, showFinding), Lift: cut(Lift(v.Revision.ID, v.Findings), longText)}
}

// Lift is the command by which a person carries out what guards refuse, if it is
// meant so: the agent itself lifts nothing. It is "" when nothing is refused, or
// something that nobody can lift.
func Lift(revision string, findings []reconcile.Finding) string {
	command, any := "mailops apply", false
	if commit, ok := strings.CutPrefix(revision, "git:"); ok {
		command += " --rev " + commit
	}
	for _, f := range findings {
		if f.Severity != reconcile.Refuse || f.Lifted {
			continue
		}
		if f.Allow == "" {
			return ""
		}
		command, any = command+" --allow "+f.Allow, true
	}
	if !any {
		return ""
	}
	return command
}

func showProblem(p *schema.Problem) problemView {
	return problemView{cut(p.Pos.String(), valueText), cut(p.Subject(), valueText), cut(p.Message, longText), cut(p.Rule, valueText), cut(p.Hint, longText)}
}

func showFinding(f *reconcile.Finding) findingView {
	refuses := f.Severity == reconcile.Refuse && !f.Lifted
	return findingView{cut(f.Rule, valueText), severityWord(f.Severity), cut(f.Text, longText), cut(f.Allow, valueText), refuses}
}

// whyWords say what is done about a change that is not carried out.
var whyWords = map[reconcile.Why]string{
	reconcile.HeldReport:  "only told: the organization has this reported, not taken back",
	reconcile.HeldAdopt:   "proposed as a change of the declarations",
	reconcile.HeldFight:   "left alone: somebody keeps changing it back",
	reconcile.HeldPaused:  "paused",
	reconcile.HeldWindow:  "waits for the change window",
	reconcile.HeldRefused: "refused",
	reconcile.HeldWith:    "waits for another change",
}

func showHeld(h *reconcile.Held, c clock) heldView {
	why, known := whyWords[h.Why]
	if !known {
		why = cut(string(h.Why), valueText)
	}
	if h.Reason != "" {
		why += ": " + cut(h.Reason, longText)
	}
	v := heldView{Name: cut(h.Name, nameText), Kind: kindWords[h.Kind], Op: opWords[h.Op], Why: why, Until: c.show(h.Until)}
	v.Drift = drifted(h.Fields)
	if h.Op == reconcile.OpUpdate {
		v.Fields, v.MoreFields = showFields(h.Fields)
	}
	if v.Drift { // the sides are said to be live and declared, and it is live that has changed
		for i, f := range h.Fields[:len(v.Fields)] {
			if f.Path == "password" && f.Before != "" && f.After != "" {
				v.Fields[i].Before, v.Fields[i].After = v.Fields[i].After, v.Fields[i].Before
			}
		}
	}
	return v
}

func showDrift(d *agent.Drifted, c clock) heldView {
	v := showHeld(&d.Held, c)
	v.By, v.On = cut(d.By, valueText), c.show(d.On)
	return v
}

// fewFields is how many fields of one change are shown.
const fewFields = 8

func showFields(fields []reconcile.FieldChange) (shown []fieldView, more int) {
	for i := range fields[:min(len(fields), fewFields)] {
		f := &fields[i]
		before, after := sides(*f)
		shown = append(shown, fieldView{cut(f.Path, valueText), before, after, originText(f.Origin)})
	}
	return shown, len(fields) - len(shown)
}

// originText says which line set a value.
func originText(o *schema.Origin) string {
	switch {
	case o == nil:
		return ""
	case o.Via == "default": // of the law, which is in no file that a reader has
		return "default"
	case o.Via != "":
		return cut(fmt.Sprintf("%s:%d (%s)", o.File, o.Line, o.Via), valueText)
	}
	return cut(fmt.Sprintf("%s:%d", o.File, o.Line), valueText)
}

func showPause(p *reconcile.Pause, c clock) pauseView {
	what := cut(p.Scope, valueText)
	if p.Scope == reconcile.PauseAll {
		what = "everything"
	}
	return pauseView{p.Scope, what, cut(p.Reason, longText), cut(p.By, valueText), c.show(p.At), c.show(p.Until)}
}

func showPlan(p *reconcile.Plan) *planView {
	s := p.Summary
	v := &planView{Short: short(p.Revision), Store: cut(p.Store, valueText), Refused: len(p.Refusals()) > 0,
		Summary: fmt.Sprintf("%s to create, %s to update, %s to delete", number(s.Create), number(s.Update), number(s.Delete))}
	v.Effects = listOf(p.Effects, func(e *reconcile.Effect) effectView {
		return effectView{severityWord(e.Severity), cut(e.Text, longText)}
	})
	return v
}

func severityWord(s reconcile.Severity) string {
	switch s {
	case reconcile.Severe, reconcile.Warning, reconcile.Info, reconcile.Refuse:
		return string(s)
	}
	return "info"
}

func numbers(s *agent.Status) []numberView {
	return []numberView{
		{"users", number(s.Want.Users), number(s.Live.Users)},
		{"aliases", number(s.Want.Aliases), number(s.Live.Aliases)},
		{"lists", number(s.Want.Lists), number(s.Live.Lists)},
		{"domains", number(s.Want.Domains), number(s.Live.Domains)},
	}
}
