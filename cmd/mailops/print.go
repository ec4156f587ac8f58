package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/resolve"

	"mailops/reconcile/preview"
)

// A planView is a plan and what its text form needs beside it.
type planView struct {
	*reconcile.Plan
	name     string // of the organization
	timezone string // in which times are shown
	next     *resolve.Transition
	live     schema.State
	full     bool
	instant  bool   // the plan is for an instant that was asked for
	drift    int    // resources that somebody changed by hand, and the plan leaves alone
	moved    int    // resources that a later commit of the base has changed
	base     string // what it is compared with; "": all that is asked for
}

// zone is the time zone in which times are shown.
func (v *planView) zone() *time.Location { return zoneOf(v.timezone) }

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
		width := pathWidth(v.Changes, v.full)
		for i := range v.Changes {
			a.printChange(v, &v.Changes[i], width)
		}
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
		if v.base != "" {
			since = ", compared with " + v.base
		}
		fmt.Fprintf(w, "%s\n", a.paint(w, bold, fmt.Sprintf("Plan for %s on %s%s", v.name, v.Store, since)))
	}
	a.printEffects(v.Effects, len(v.Refusals()) > 0)
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
	if len(v.Recorded) > 0 {
		fmt.Fprintf(w, "Recorded, not enforced by this store: %s.\n", strings.Join(v.Recorded, ", "))
	}
	if v.drift > 0 {
		fmt.Fprintf(w, "Drift stays as it is: %s. mailops drift shows it.\n", count(v.drift, "resource"))
	}
	if v.moved > 0 {
		fmt.Fprintf(w, "The base has moved on since, and the live store with it: %s. This leaves that as it is.\n", count(v.moved, "resource"))
	}
	if v.instant {
		fmt.Fprintf(w, "This is what is wanted at %s.\n", shown(v.At, v.timezone))
	}
	if len(v.live) == 0 && v.Summary.Create > 0 {
		fmt.Fprintln(w, "The live store is empty.")
	}
	if v.next != nil {
		fmt.Fprintf(w, "Next change by itself: %s, %s: %s.\n", shown(v.next.At, v.timezone), v.next.User, v.next.Reason)
	}
}

func (v *planView) summary() string {
	if v.base != "" && len(v.Changes) == 0 {
		if len(v.Later) > 0 {
			return "Nothing to do now: what was asked for since " + v.base + " changes things later, by themselves."
		}
		return "Nothing to do: nothing was asked for since " + v.base + "."
	}
	return summary(v.Plan)
}

func summary(p *reconcile.Plan) string {
	s := p.Summary
	if s.Total() == 0 {
		return "Nothing to do: the live store is as declared."
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

func (a *app) printEffects(effects []reconcile.Effect, refused bool) {
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

// pathWidth is how wide the column of field paths is: of updates, or in full.
func pathWidth(changes []reconcile.Change, full bool) int {
	width := 0
	for _, c := range changes {
		for _, f := range c.Fields {
			if full || c.Op == reconcile.OpUpdate {
				width = max(width, len(f.Path))
			}
		}
	}
	return width
}

var ops = map[reconcile.Op]struct{ mark, colour, past string }{
	reconcile.OpCreate: {"+", green, "created"},
	reconcile.OpUpdate: {"~", yellow, "updated"},
	reconcile.OpDelete: {"-", red, "deleted"},
}

func (a *app) printChange(v planView, c *reconcile.Change, width int) {
	op := ops[c.Op]
	fmt.Fprintf(a.out, "  %s %s\n", a.paint(a.out, op.colour, op.mark), preview.Plain(headline(v, c)))
	if c.Op != reconcile.OpUpdate && !v.full {
		return
	}
	values := make([]string, len(c.Fields))
	valueWidth := 0
	for i, f := range c.Fields {
		values[i] = sides(c.Op, f, v.zone())
		if n := utf8.RuneCountInString(values[i]); n <= narrow {
			valueWidth = max(valueWidth, n)
		}
	}
	for i, f := range c.Fields {
		line := fmt.Sprintf("      %s %s  %s%s", a.paint(a.out, op.colour, op.mark), pad(f.Path, width), pad(values[i], valueWidth), a.origin(f.Origin))
		fmt.Fprintln(a.out, strings.TrimRight(line, " "))
	}
}

// narrow is the width, in characters, up to which values stand in a column.
const narrow = 32

// sides prints what a field was and will be; only the one of them that there is
// when the resource comes or goes.
func sides(op reconcile.Op, f reconcile.FieldChange, zone *time.Location) string {
	before, after := preview.SidesIn(zone, f)
	switch {
	case op == reconcile.OpCreate:
		return after
	case op == reconcile.OpDelete:
		return before
	case utf8.RuneCountInString(before) > narrow:
		return before + "\n          → " + after
	}
	return before + " → " + after
}

// origin says which line set a value.
func (a *app) origin(o *schema.Origin) string {
	if o == nil {
		return ""
	}
	at := fmt.Sprintf("%s:%d", o.File, o.Line)
	if o.Via == "default" { // of the law, which is in no file that a reader has
		at = "(default)"
	} else if o.Via != "" {
		at += " (" + o.Via + ")"
	}
	return "   " + a.paint(a.out, dim, at)
}

// headline names the resource, and says of one that comes or goes what it is.
func headline(v planView, c *reconcile.Change) string {
	name := c.Name
	if u, ok := v.live.Find(c.Key).(*schema.User); ok && u.Name != "" {
		name += "  " + u.Name
	}
	if f := c.Field("name"); f != nil && f.After != "" && c.Op == reconcile.OpCreate {
		name += "  " + f.After.Text()
	}
	noun := map[schema.Kind]string{schema.KindDomain: "domain", schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}[c.Kind]
	switch c.Op {
	case reconcile.OpCreate:
		return fmt.Sprintf("%s: %s created%s", name, noun, digest(c))
	case reconcile.OpDelete:
		return fmt.Sprintf("%s: %s deleted", name, noun)
	}
	if c.Kind == schema.KindUser {
		return name
	}
	return name + "  " + noun
}

// digest says in a few words what a created resource is like.
func digest(c *reconcile.Change) string {
	var words []string
	add := func(path, format string) {
		if f := c.Field(path); f != nil {
			words = append(words, fmt.Sprintf(format, f.After.Text()))
		}
	}
	add("to", "to %s")
	add("posting", "posting by %s")
	if f := c.Field("members"); f != nil {
		words = append(words, count(len(f.After.Strings()), "member"))
	}
	if c.Kind == schema.KindUser {
		words = append(words, userWords(c)...)
	}
	add("catchAll", "catch-all to %s")
	if c.From != "" {
		words = append(words, "takes over the mailbox of "+string(c.From))
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, ", ") + ")"
}

// userWords are what an administrator asks first about a new user: what it
// costs, how they get in, and what is unusual.
func userWords(c *reconcile.Change) []string {
	after := func(path string) string {
		if f := c.Field(path); f != nil {
			return f.After.Text()
		}
		return ""
	}
	words := []string{after("accountType")}
	if q := after("quota"); q != schema.Unlimited.String() {
		words = append(words, q)
	}
	for _, unusual := range []struct{ path, usual string }{{"role", schema.RoleMember}, {"status", schema.StatusActive}} {
		if v := after(unusual.path); v != unusual.usual {
			words = append(words, v)
		}
	}
	for _, way := range []struct{ path, word string }{
		{"mailboxActions.imap", "IMAP"}, {"mailboxActions.pop", "POP"}, {"mailboxActions.activeSync", "ActiveSync"},
	} {
		if after(way.path) == "on" {
			words = append(words, way.word)
		}
	}
	if after("lock.mailAddOn") == schema.Locked {
		words = append(words, "mail add-on locked")
	}
	return words
}

// progress says on a terminal what takes longer than a second; the function
// that it returns takes the line back.
func (a *app) progress(doing string) (done func()) {
	if !terminal(a.err) {
		return func() {}
	}
	start := time.Now()
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(a.err, "\r\x1b[K%s … %ds", doing, int(time.Since(start).Seconds()))
			case <-stop:
				if time.Since(start) >= time.Second {
					fmt.Fprint(a.err, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return func() {
		select {
		case <-stop:
		default:
			close(stop)
			<-stopped
		}
	}
}
