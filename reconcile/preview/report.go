package preview

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/schema"
)

// A View is a plan with what a preview shows beside it.
type View struct {
	*reconcile.Plan
	Organization string           // its name
	Location     *time.Location   // in which times are shown; nil is UTC
	Folder       string           // where the declarations lie in their repository
	Base         string           // what it is compared with, as people say it; "": all that is asked for
	BaseCommit   string           // the same as its commit; "" when nothing can be compared with it
	Before       schema.State     // live
	After        schema.State     // as the plan leaves it
	Failure      string           // why there is no preview at all
	Problems     schema.Problems  // what keeps it from being planned at all
	Drift        []reconcile.Held // what the live store has that no commit made, and the plan leaves alone
	Moved        []reconcile.Held // what a later commit of the base did, and the plan leaves alone
	Snapshot     time.Time        // when the live state was read that it is planned against; zero: now
	Full         bool             // show every field of what is created and deleted
}

// Ahead is how far a preview looks: design §5.
const Ahead = 14 * 24 * time.Hour

// The titles of what is no change of the plan.
const (
	DriftTitle = "Drift: what somebody changed by hand, and this leaves as it is"
	MovedTitle = "The base has moved on since: what it did, and this leaves as it is"
)

// A report is what every format of a preview says, in the order in which it says
// it.
type report struct {
	Title, Headline string
	Counts          []counts
	Refusals        []finding
	Notices         []finding
	Effects         []effects
	Groups          []Group
	Routes          []reconcile.RouteChange
	Drift, Moved    []Drifted
	Times           []Times
	Facts           []fact
}

// counts is a line of the summary.
type counts struct {
	Kind                   string
	Create, Update, Delete int
}

type finding struct {
	Rule, Text, Lift, Place string
}

// effects are those of one severity.
type effects struct {
	Severity reconcile.Severity
	Title    string
	Lines    []effect
}

type effect struct{ Text, Place string }

type fact struct{ Name, Text string }

// kindWords are the kinds as people call them: one, and many.
var kindWords = map[schema.Kind][2]string{
	schema.KindUser: {"person", "people"}, schema.KindAlias: {"alias", "aliases"},
	schema.KindList: {"list", "lists"}, schema.KindDomain: {"domain", "domains"},
}

// severities are the effects' titles, the worst first.
var severities = []effects{{Severity: reconcile.Severe, Title: "Severe"}, {Severity: reconcile.Warning, Title: "Worth a look"}, {Severity: reconcile.Info, Title: "For information"}}

func (v *View) report() report {
	r := report{Title: "mailops: " + cmp.Or(Plain(v.Organization), "preview"), Routes: v.Routes, Counts: v.counts()}
	if v.Failure != "" {
		r.Headline = "Refused. The preview could not be made: " + Plain(v.Failure)
		r.Facts = v.facts()
		return r
	}
	if len(v.Problems) > 0 {
		return v.wrong(r)
	}
	for _, f := range v.Findings {
		one := finding{f.Rule, Plain(f.Text), "", place(f.Origin, v.Folder)}
		if f.Lifted {
			one.Text += " (lifted for this plan)"
		}
		if f.Severity != reconcile.Refuse || f.Lifted {
			r.Notices = append(r.Notices, one)
			continue
		}
		if f.Allow != "" {
			one.Lift = "--allow " + f.Allow
		}
		r.Refusals = append(r.Refusals, one)
	}
	told := gather(v.Effects)
	for _, s := range severities {
		for _, e := range told {
			if e.Severity == s.Severity {
				s.Lines = append(s.Lines, effect{Plain(e.Text), e.where(v.Folder)})
			}
		}
		if len(s.Lines) > 0 {
			r.Effects = append(r.Effects, s)
		}
	}
	r.Groups, r.Drift, r.Moved, r.Times = v.Groups(), v.Drifted(), v.MovedOn(), v.Times()
	r.Headline, r.Facts = v.headline(&r), v.facts()
	return r
}

// wrong says what is wrong with declarations that cannot be planned.
func (v *View) wrong(r report) report {
	r.Facts = v.facts()
	r.Headline = "Refused. The declarations are wrong: " + many(len(v.Problems), "problem", "problems") + ". Nothing is planned."
	for _, n := range ProblemNotes(v.Problems, v.Folder) {
		r.Refusals = append(r.Refusals, finding{n.Rule, n.said(), "", place(&schema.Origin{Pos: n.Pos}, v.Folder)})
	}
	return r
}

// place is the line that an origin names, as their repository knows it, where the
// declarations lie in a folder; what nobody declared has none.
func place(o *schema.Origin, folder string) string {
	if o == nil || o.File == "" || o.Via == "default" {
		return ""
	}
	at := path.Join(folder, o.File)
	if o.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, o.Line)
	}
	if o.Via == reconcile.ViaBefore {
		at += " " + o.Via
	}
	return Plain(at)
}

// counts sums up by kind.
func (v *View) counts() []counts {
	var out []counts
	moved := v.renamed()
	for _, kind := range []schema.Kind{schema.KindUser, schema.KindAlias, schema.KindList, schema.KindDomain} {
		c := counts{Kind: kindWords[kind][1]}
		for i := range v.Changes {
			if v.Changes[i].Kind != kind {
				continue
			}
			switch v.Changes[i].Op {
			case reconcile.OpCreate:
				if v.Changes[i].From != "" && moved[string(v.Changes[i].From)] {
					c.Update++
					continue
				}
				c.Create++
			case reconcile.OpUpdate:
				c.Update++
			case reconcile.OpDelete:
				if !moved[v.Changes[i].Name] || kind != schema.KindUser {
					c.Delete++
				}
			}
		}
		if c.Create+c.Update+c.Delete > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Nothing says that a plan changes nothing, and whether that is because the store
// cannot do the rest.
func Nothing(p *reconcile.Plan) string {
	if slices.ContainsFunc(p.Findings, func(f reconcile.Finding) bool { return f.Rule == "cannot-set" }) {
		return "Nothing to do: the live store is as declared, as far as it can be."
	}
	return "Nothing to do: the live store is as declared."
}

// headline says in a sentence what a reviewer must know.
func (v *View) headline(r *report) string {
	if len(v.Changes) == 0 {
		switch {
		case len(v.Later) > 0:
			return v.nothingNow() + v.keeps() + v.loosens() + v.moves()
		case v.keeps()+v.loosens()+v.moves() != "":
			return "This changes nothing now." + v.keeps() + v.loosens() + v.moves()
		case v.Base != "":
			return "This changes nothing."
		}
		return Nothing(v.Plan)
	}
	if len(r.Refusals) > 0 {
		return "Refused. It would " + and(r.acts("add", "change", "delete")) + "."
	}
	return "This " + and(r.acts("adds", "changes", "deletes")) + "." + v.byItself() + v.keeps() + v.loosens() + v.moves()
}

// KeptByHand is how many things are asked for that somebody made by hand.
func (v *View) KeptByHand() int {
	n := 0
	for _, e := range v.Effects {
		if e.ID == reconcile.ByHandKept {
			n++
		}
	}
	return n
}

// keeps says that what somebody made by hand stays: who reads that nothing changes
// must not stop there.
func (v *View) keeps() string {
	if n := v.KeptByHand(); n > 0 {
		return " It asks for what somebody made by hand already, in " + many(n, "point", "points") + ": that is not taken back any more."
	}
	return ""
}

// acts says how many of each kind come, change and go.
func (r *report) acts(add, change, remove string) []string {
	var out []string
	for _, act := range []struct {
		verb string
		n    func(counts) int
	}{
		{add, func(c counts) int { return c.Create }}, {change, func(c counts) int { return c.Update }}, {remove, func(c counts) int { return c.Delete }},
	} {
		var parts []string
		for _, c := range r.Counts {
			for _, words := range kindWords {
				if n := act.n(c); words[1] == c.Kind && n > 0 {
					parts = append(parts, many(n, words[0], words[1]))
				}
			}
		}
		if len(parts) > 0 {
			out = append(out, act.verb+" "+and(parts))
		}
	}
	return out
}

func (v *View) facts() []fact {
	out := []fact{{"plan", v.Approval}, {"declarations", v.Revision}, {"compared with", v.Base}, {"live store", v.Store}}
	if !v.Snapshot.IsZero() {
		out = append(out, fact{"as it was at", v.when(v.Snapshot)})
	}
	if len(v.Unseen) > 0 {
		out = append(out, fact{"not observable in this store", strings.Join(v.Unseen, ", ")})
	}
	if len(v.Recorded) > 0 {
		out = append(out, fact{"recorded, not enforced by this store", strings.Join(v.Recorded, ", ")})
	}
	out = slices.DeleteFunc(out, func(f fact) bool { return f.Text == "" })
	for i := range out {
		out[i].Text = Plain(out[i].Text)
	}
	return out
}

func (v *View) when(t time.Time) string {
	at := cmp.Or(v.Location, time.UTC)
	return t.In(at).Format("2006-01-02 15:04 MST")
}
