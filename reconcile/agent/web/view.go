package web

import (
	"fmt"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
)

// most is how many entries of a list the page shows. The API has all of them.
const most = 50

// A list is what is shown of something long, and how much there is.
type list[T any] struct {
	Items []T
	Count int
}

// More is how many entries are not shown.
func (l list[T]) More() string { return number(l.Count - len(l.Items)) }

// Cut reports whether some are not shown.
func (l list[T]) Cut() bool { return l.Count > len(l.Items) }

// Total is how many there are.
func (l list[T]) Total() string { return number(l.Count) }

// listOf makes what is shown of the first entries.
func listOf[S, T any](all []S, show func(*S) T) list[T] {
	out := list[T]{Count: len(all)}
	for i := range all[:min(len(all), most)] {
		out.Items = append(out.Items, show(&all[i]))
	}
	return out
}

// A statusView is a Status in the words of the page.
type statusView struct {
	Banner   banner
	Commit   *commitView
	Newest   *newestView
	Problems list[problemView] // that time brought
	Findings list[findingView]
	Drift    list[heldView]
	Waiting  list[heldView]
	Pauses   list[pauseView]
	Window   windowView
	Budget   []budgetView
	Since    stamp // of the budget
	Plan     *planView
	Runs     runsView
	Coming   list[comingView]
	Unset    list[string]
	Numbers  []numberView
	Store    string
	At, Next stamp
	Leads    bool
	Form     form
}

// A commitView is the commit in force.
type commitView struct {
	Short, ID, Subject, Author string
	Committed, Applied         stamp
	Run                        int64
	Whole                      bool
}

// A newestView is a commit that is not in force, and why.
type newestView struct {
	commitView
	State    string
	Text     string
	Problems list[problemView]
	Findings list[findingView]
}

type problemView struct {
	Pos, Subject, Message, Rule, Hint string
}

type findingView struct {
	Rule, Severity, Text, Allow string
	Refuses                     bool
}

// A heldView is a change that is not carried out, and what is done about it.
type heldView struct {
	Name, Kind, Op string
	Fields         []fieldView
	MoreFields     int
	Why            string
	Until          stamp
	By             string
	On             stamp
}

type fieldView struct {
	Path, Before, After, Origin string
}

type pauseView struct {
	Scope, What, Reason, By string
	At, Until               stamp
}

type windowView struct {
	Open   bool
	Reason string
	Until  stamp
}

type budgetView struct {
	Name               string
	Left, Spent, Limit int
}

type planView struct {
	Short   string
	Store   string
	Summary string
	Effects list[effectView]
	Refused bool
}

type effectView struct{ Severity, Text string }

type comingView struct {
	At         stamp
	User, Text string
}

type numberView struct{ Name, Want, Live string }

// viewOf puts a status into words.
func viewOf(s *agent.Status, f form) statusView {
	c := clockOf(s.Timezone)
	v := statusView{
		Banner: bannerOf(s, c), Form: f, Store: cut(s.Store, valueText), At: c.exact(s.At), Next: c.exact(s.Next), Leads: s.Epoch > 0,
		Problems: listOf(s.Problems, showProblem), Findings: listOf(s.Findings, showFinding),
		Drift:   listOf(s.Drift, func(d *agent.Drifted) heldView { return showDrift(d, c) }),
		Waiting: listOf(s.Waiting, func(h *reconcile.Held) heldView { return showHeld(h, c) }),
		Pauses:  listOf(s.Pauses, func(p *reconcile.Pause) pauseView { return showPause(p, c) }),
		Coming: listOf(s.Coming, func(x *agent.Coming) comingView {
			return comingView{c.show(x.At), cut(string(x.User), valueText), cut(x.Text, longText)}
		}),
		Unset:   listOf(s.Unset, func(u *string) string { return cut(*u, valueText) }),
		Numbers: numbers(s),
	}
	if s.InForce != nil {
		v.Commit = showCommit(s.InForce.Revision, c)
		v.Commit.Applied, v.Commit.Run, v.Commit.Whole = c.show(s.InForce.Since), s.InForce.Run, s.InForce.Whole
		v.Window = windowView{s.Window.Open, cut(s.Window.Reason, valueText), c.show(s.Window.Until)}
		v.Since = c.show(s.Budget.Since)
		v.Budget = []budgetView{showBudget("deletes", s.Budget.Deletes), showBudget("lockouts", s.Budget.Lockouts)}
	}
	if s.Verdict != nil {
		v.Newest = showVerdict(s.Verdict, c)
	}
	if s.Plan != nil {
		v.Plan = showPlan(s.Plan)
	}
	return v
}

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
		Problems: listOf(v.Problems, showProblem), Findings: listOf(v.Findings, showFinding)}
}

func showProblem(p *schema.Problem) problemView {
	return problemView{cut(p.Pos.String(), valueText), cut(p.Subject(), valueText), cut(p.Message, longText), cut(p.Rule, valueText), cut(p.Hint, longText)}
}

func showFinding(f *reconcile.Finding) findingView {
	refuses := f.Severity == reconcile.Refuse && !f.Lifted
	return findingView{cut(f.Rule, valueText), string(f.Severity), cut(f.Text, longText), cut(f.Allow, valueText), refuses}
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
	v := heldView{Name: cut(h.Name, valueText), Kind: kindWords[h.Kind], Op: opWords[h.Op], Why: why, Until: c.show(h.Until)}
	if h.Op == reconcile.OpUpdate {
		v.Fields, v.MoreFields = showFields(h.Fields)
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

// untilOf reads when a pause ends: after a while, or at a time on the clocks of
// the organization.
func untilOf(length, at string, now time.Time, c clock) (time.Time, error) {
	if at = strings.TrimSpace(at); at != "" {
		t, err := time.ParseInLocation("2006-01-02T15:04", strings.Replace(at, " ", "T", 1), c.Location)
		if err != nil {
			return t, fmt.Errorf("%q is no time such as 2026-12-24 18:00", cut(at, 40))
		}
		return t.UTC(), nil
	}
	d, err := schema.ParseDuration(length)
	if err != nil || time.Duration(d) > longestPause {
		return time.Time{}, fmt.Errorf("%q is no length of time such as 4h, up to 30d", cut(length, 40))
	}
	return now.Add(time.Duration(d)).UTC().Truncate(time.Second), nil
}

const longestPause = 30 * 24 * time.Hour
