package main

import (
	"fmt"
	"io"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/resolve"
)

// A planView is a preview and what its text form needs beside it.
type planView struct {
	cutOff *reconcile.Run // the apply before that did not end
	*preview.View
	timezone string              // in which times are shown
	next     *resolve.Transition // of a plan of all that is asked for
	instant  bool                // the plan is for an instant that was asked for
}

// The colours of the terminal, by meaning.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

// paint colours a text for a terminal; elsewhere, and where NO_COLOR is set
// (no-color.org), it leaves it alone.
func (a *app) paint(stream io.Writer, colour, text string) string {
	if a.env["NO_COLOR"] != "" || a.env["TERM"] == "dumb" || !terminal(stream) {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// printProblems shows every problem with its hint, and how many there are.
func (a *app) printProblems(w io.Writer, problems schema.Problems) {
	for _, p := range problems {
		fmt.Fprintln(w, a.paint(w, red, preview.Plain(p.String())))
		if p.Hint != "" {
			fmt.Fprintln(w, "  hint:", preview.Plain(p.Hint))
		}
	}
	fmt.Fprintf(w, "%s; `mailops explain RULE` tells what a rule is for\n", count(len(problems), "problem"))
}

// printPlan shows a plan to a person: what it means first, then every change
// grouped by resource, then what the rules say, and one line that sums it up.
func (a *app) printPlan(v planView) {
	a.printHead(v)
	if len(v.Changes) > 0 {
		fmt.Fprintf(a.out, "\n%s\n", a.paint(a.out, bold, "Changes"))
		a.printChanges(v)
	}
	a.printTail(v)
}

// printHead says what a plan is for, and what it means to people.
func (a *app) printHead(v planView) {
	w := a.out
	if v.Undoes > 0 {
		fmt.Fprintf(w, "%s\n", a.paint(w, bold, fmt.Sprintf("Plan to undo run %d on %s", v.Undoes, v.Store)))
	} else {
		since := ""
		if v.Base != "" {
			since = ", compared with " + v.Base
		}
		fmt.Fprintf(w, "%s\n", a.paint(w, bold, fmt.Sprintf("Plan for %s on %s%s", v.Organization, v.Store, since)))
	}
	a.printEffects(v, len(v.Refusals()) > 0)
}

// printTail says what the rules find, and sums a plan up.
func (a *app) printTail(v planView) {
	w := a.out
	a.printLater(v)
	if len(v.Findings) > 0 {
		fmt.Fprintf(w, "\n%s\n", a.paint(w, bold, "What the rules say"))
		a.printFindings(w, v.Findings)
	}
	fmt.Fprintf(w, "\n%s\n", a.paint(w, bold, v.summary()))
	a.printCost(v)
	if len(v.Unseen) > 0 {
		fmt.Fprintf(w, "Not observable in this store: %s. What others did to it is not known.\n", strings.Join(v.Unseen, ", "))
	}
	if len(v.Recorded) > 0 {
		fmt.Fprintf(w, "Recorded, not enforced by this store: %s.\n", strings.Join(v.Recorded, ", "))
	}
	if v.instant {
		fmt.Fprintf(w, "This is what is wanted at %s.\n", shown(v.At, v.timezone))
	}
	if len(v.Before) == 0 && v.Summary.Create > 0 {
		fmt.Fprintln(w, "The live store is empty.")
	}
	if v.next != nil {
		fmt.Fprintf(w, "Next change by itself: %s, %s: %s.\n", shown(v.next.At, v.timezone), v.next.User, v.next.Reason)
	}
	a.printBeside(v)
}

// printBeside says what a plan leaves as it is, where it is of a pull request.
func (a *app) printBeside(v planView) {
	if v.Base == "" {
		return
	}
	const most = 20 // lines of each
	list := func(title string, n int, line func(i int) string, rest string) {
		if n > 0 {
			fmt.Fprintf(a.out, "\n%s\n", a.paint(a.out, bold, title))
		}
		for i := range min(n, most) {
			fmt.Fprintln(a.out, " ", line(i))
		}
		if n > most {
			fmt.Fprintf(a.out, "  and %s more%s\n", preview.Number(n-most), rest)
		}
	}
	moved := v.MovedOn()
	list(preview.MovedTitle, len(moved), func(i int) string { return moved[i].Who + ": " + moved[i].What }, "")
	drift := v.Drifted()
	list(preview.DriftTitle, len(drift), func(i int) string { return drift[i].Who + ": " + drift[i].What }, ": mailops drift shows them")
}

func (v *planView) summary() string {
	if v.Base != "" && len(v.Changes) == 0 {
		if len(v.Later) > 0 {
			return "Nothing to do now: what was asked for since " + v.Base + " changes things later, by themselves."
		}
		if v.KeptByHand() > 0 {
			return "Nothing to do: what was asked for since " + v.Base + " is live already, since somebody made it by hand."
		}
		return "Nothing to do: what was asked for since " + v.Base + " changes nobody's mail now."
	}
	return summary(v.Plan)
}

func summary(p *reconcile.Plan) string {
	s := p.Summary
	if s.Total() == 0 && len(p.Refusals()) == 0 {
		return preview.Nothing(p)
	}
	line := fmt.Sprintf("%d to create, %d to update, %d to delete.", s.Create, s.Update, s.Delete)
	if n := len(p.Refusals()); n > 0 {
		line += fmt.Sprintf(" Refused by %s.", count(n, "finding"))
	}
	return line
}

var marks = map[reconcile.Severity]struct{ mark, colour string }{
	reconcile.Info:    {"·", dim},
	reconcile.Warning: {"!", yellow},
	reconcile.Severe:  {"‼", red},
	reconcile.Refuse:  {"✗", red},
}

// printEffects says what a plan means to people: to many alike in one line, unless
// all is asked for.
func (a *app) printEffects(v planView, refused bool) {
	effects := v.Effects
	if !v.Full {
		effects = preview.Gather(effects)
	}
	if len(effects) == 0 {
		return
	}
	title := "What it means"
	if refused {
		title = "What it would mean"
	}
	fmt.Fprintf(a.out, "\n%s\n", a.paint(a.out, bold, title))
	for _, e := range effects {
		m := marks[e.Severity]
		fmt.Fprintf(a.out, "  %s %s\n", a.paint(a.out, m.colour, m.mark), preview.Plain(e.Text))
	}
}

// printFindings shows findings and, for one that refuses, the exact flag that
// lifts it.
func (a *app) printFindings(w io.Writer, findings []reconcile.Finding) {
	for _, f := range findings {
		m, note := marks[f.Severity], ""
		switch {
		case f.Lifted:
			m, note = marks[reconcile.Warning], " (lifted)"
		case f.Severity == reconcile.Refuse && f.Allow != "":
			note = "\n      --allow " + f.Allow + " lifts this for one plan"
		case f.Severity == reconcile.Refuse:
			note = "\n      nothing lifts this: change the declarations, or leave the resource out with --exclude"
		}
		fmt.Fprintf(w, "  %s %s: %s%s\n", a.paint(w, m.colour, m.mark), f.Rule, preview.Plain(f.Text), note)
	}
}
