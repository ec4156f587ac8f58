package web

import (
	"mailops/reconcile"
	"mailops/reconcile/agent"
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
	Lift     string // the command that carries out what Findings refuse
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
	Snapshot *snapshotView // nil: none are published
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
	Lift     string // the command that carries it out all the same
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
	Drift          bool // somebody else made it
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

// A snapshotView is how the publishing of snapshots stands.
type snapshotView struct {
	Where, Error string
	At, Next     stamp
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
			return comingView{c.show(x.At), cut(string(x.User), nameText), cut(x.Text, longText)}
		}),
		Unset:   listOf(s.Unset, func(u *string) string { return cut(*u, valueText) }),
		Numbers: numbers(s),
	}
	if s.InForce != nil {
		v.Commit = showCommit(s.InForce.Revision, c)
		v.Lift = cut(Lift(s.InForce.ID, s.Findings), longText)
		v.Commit.Applied, v.Commit.Run, v.Commit.Whole = c.show(s.InForce.Since), s.InForce.Run, s.InForce.Whole
		v.Window = windowView{s.Window.Open, cut(s.Window.Reason, valueText), c.show(s.Window.Until)}
		v.Since = c.show(s.Budget.Since)
		v.Budget = []budgetView{showBudget("deletes", s.Budget.Deletes), showBudget("lockouts", s.Budget.Lockouts)}
	}
	if s.Verdict != nil {
		v.Newest = showVerdict(s.Verdict, c)
	}
	if p := s.Publication; p != nil {
		v.Snapshot = &snapshotView{cut(p.Where, valueText), cut(p.Error, longText), c.show(p.At), c.exact(p.Next)}
	}
	if s.Plan != nil {
		v.Plan = showPlan(s.Plan)
	}
	return v
}

// Odd reports whether an odd number of sections takes half of a wide screen:
// then one of them takes all of it.
func (v statusView) Odd() bool {
	odd := false
	for _, half := range []bool{v.Commit != nil, true, v.Drift.Count == 0, v.Waiting.Count == 0, true, v.Commit != nil, v.Plan != nil, true, v.Unset.Count > 0} {
		odd = odd != half
	}
	return odd
}
