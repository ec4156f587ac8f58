package web

import (
	"fmt"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/agent"
)

// A tone is how much a sentence asks for attention.
type tone string

// The tones. Each is a word on the page too: colour alone tells nothing.
const (
	toneGood tone = "good"
	toneWait tone = "wait"
	toneBad  tone = "bad"
)

var toneWords = map[tone]string{toneGood: "All is well", toneWait: "Attention", toneBad: "Trouble"}

// A banner is how things stand, in one sentence.
type banner struct {
	Tone  tone
	Word  string
	Text  string
	Since stamp
	Then  string // what one can do
	More  string // what the machine said
}

// bannerOf says what is most important of a status: what hinders everything
// first, then what is refused, then what waits.
func bannerOf(s *agent.Status, c clock) banner {
	b := hindered(s, c)
	if b.Text == "" {
		b = refused(s, c)
	}
	if b.Text == "" {
		b = waits(s, c)
	}
	b.Word = toneWords[b.Tone]
	return b
}

func hindered(s *agent.Status, c clock) banner {
	switch {
	case s.At.IsZero():
		return banner{Tone: toneWait, Text: "The agent has just begun and has not looked yet.", Then: "The first look takes a few seconds; with many users, a minute."}
	case s.Result == agent.ResultStandby:
		return banner{Tone: toneWait, Text: "This agent stands by: another one leads the store.", Then: "Nothing is to be done. It takes over when the other one ends. What is said below is what it knew last.", More: cut(s.Error, longText)}
	case s.Result == agent.ResultFailed:
		return banner{Tone: toneBad, Text: cannot(s), Then: retries(s, c), More: cut(s.Error, longText)}
	}
	return banner{}
}

// cannot says what a look could not do.
func cannot(s *agent.Status) string {
	switch {
	case s.StoreError != "" && s.SourceError != "":
		return "The agent cannot read the repository, nor use the live store."
	case s.StoreError != "":
		return "The agent cannot use the live store."
	case s.SourceError != "":
		return "The agent cannot read the repository."
	}
	return "The last look could not do everything."
}

func retries(s *agent.Status, c clock) string {
	looks := "The last look failed"
	if s.Failed > 1 {
		looks = fmt.Sprintf("The last %d looks failed", s.Failed)
	}
	next := "; the agent goes on trying by itself."
	if !s.Next.IsZero() {
		next = fmt.Sprintf("; the next is at %s, by itself.", c.exact(s.Next).Person)
	}
	if s.InForce == nil {
		return looks + next + " Nothing is in force."
	}
	return fmt.Sprintf("%s%s Commit %s stays in force.", looks, next, short(s.InForce.ID))
}

func refused(s *agent.Status, c clock) banner {
	stays := "Nothing is in force until then."
	if s.InForce != nil {
		stays = fmt.Sprintf("Commit %s stays in force until then, and is kept.", short(s.InForce.ID))
	}
	if v := s.Verdict; v != nil {
		switch v.State {
		case agent.StateInvalid:
			return banner{Tone: toneBad, Text: "The newest commit is wrong and is not applied" + colon(problems(len(v.Problems)), v.Text), Since: c.show(v.Since), Then: "Mend what is listed below and push again. " + stays}
		case agent.StateRefused:
			return banner{Tone: toneBad, Text: "A guard refuses the newest commit.", Since: c.show(v.Since), Then: lifts(v) + stays}
		case agent.StateRewritten:
			return banner{Tone: toneBad, Text: "The branch was rewritten and is not followed.", Since: c.show(v.Since), More: cut(v.Text, longText), Then: "Push a commit that comes after the one in force, or start the agent once with --allow-rewind. " + stays}
		}
	}
	switch {
	case len(s.Findings) > 0:
		return banner{Tone: toneBad, Text: "A guard refuses to keep the commit in force.", Then: "Look at what changed in the live store. Nothing is changed until a person decides."}
	case len(s.Problems) > 0:
		return banner{Tone: toneBad, Text: "A schedule leads to what the rules refuse" + colon(problems(len(s.Problems)), ""), Then: "Mend what is listed below and push. Until then everything stays as it was before the schedule."}
	case s.InForce == nil:
		return banner{Tone: toneWait, Text: "Nothing is in force yet.", Then: "The first commit that is right comes into force by itself."}
	}
	return banner{}
}

// lifts says what a person can do about a commit that is refused.
func lifts(v *agent.Verdict) string {
	if Lift(v.Revision.ID, v.Findings) == "" {
		return "Nothing lifts all of it: mend it and push again, or revert it. "
	}
	return "If it is meant so, apply it by hand by the command below; if not, revert it. "
}

func colon(first, second string) string {
	switch {
	case first != "":
		return ": " + first + "."
	case second != "":
		return ": " + cut(second, valueText) + "."
	}
	return "."
}

func problems(n int) string {
	if n == 0 {
		return ""
	}
	return count(n, "problem")
}

// waits is about a commit in force.
func waits(s *agent.Status, c clock) banner {
	if all := pausedAll(s.Pauses); all != nil {
		return banner{Tone: toneWait, Text: "Everything is paused until " + c.show(all.Until).Person + ".", Since: c.show(all.At), Then: "The agent changes nothing until then. End the pause below to let it go on."}
	}
	switch {
	case len(s.Waiting) > 0 && !s.Window.Open:
		return banner{Tone: toneWait, Text: count(len(s.Waiting), "change") + " " + waitVerb(len(s.Waiting)) + " for the change window" + until(s.Window.Until, c) + ".", Then: "Nothing is to be done. What is urgent, such as locking somebody out, does not wait."}
	case len(s.Waiting) > 0:
		return banner{Tone: toneWait, Text: count(len(s.Waiting), "change") + " " + waitVerb(len(s.Waiting)) + ".", Then: "Why each waits is said below."}
	case len(s.Drift) > 0:
		return banner{Tone: toneWait, Text: count(len(s.Drift), "resource") + " in the live store " + differ(len(s.Drift)) + " from the commit in force.", Then: "Somebody else changed what is listed below. Declare it, or have it taken back."}
	case s.Publication != nil && s.Publication.Failed > 0:
		return banner{Tone: toneWait, Text: "The snapshot for previews could not be published.", Then: unpublished(s.Publication, c), More: cut(s.Publication.Error, longText)}
	}
	return banner{Tone: toneGood, Text: "In sync: the live store is as the commit in force declares it.", Since: c.show(s.InForce.Since)}
}

// unpublished says what it means that a snapshot could not be published.
func unpublished(p *agent.Publication, c clock) string {
	last := "No preview of a pull request knows what is live."
	if !p.At.IsZero() {
		last = "Previews of pull requests are against what was live on " + c.show(p.At).Person + "."
	}
	return last + " The agent goes on trying by itself, and commits are applied all the same."
}

func waitVerb(n int) string {
	if n == 1 {
		return "waits"
	}
	return "wait"
}

func differ(n int) string {
	if n == 1 {
		return "differs"
	}
	return "differ"
}

func until(t time.Time, c clock) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + c.show(t).Person
}

func pausedAll(pauses reconcile.Pauses) *reconcile.Pause {
	for i := range pauses {
		if pauses[i].Scope == reconcile.PauseAll {
			return &pauses[i]
		}
	}
	return nil
}
