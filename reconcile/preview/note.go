package preview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A Note is something to say at a line of the declarations.
type Note struct {
	Level Level
	Rule  string // of a rule, or of an effect
	Pos   schema.Pos
	Text  string
	Hint  string
}

// A Level says how loud a note is.
type Level string

// The levels, in the words of SARIF 2.1.0 §3.27.10.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

// ProblemNotes are the notes of mistakes in declarations, which lie in a folder of
// their repository.
func ProblemNotes(problems schema.Problems, folder string) []Note {
	out := make([]Note, len(problems))
	for i, p := range problems {
		text := p.Message
		switch {
		case p.Also.File != "":
			text = fmt.Sprintf("%s is declared twice: here, and at %s", p.Name, place(&schema.Origin{Pos: p.Also}, folder))
		case p.Name != "" && !strings.HasPrefix(text, p.Name+" "):
			text = p.Name + ": " + text
		}
		out[i] = Note{LevelError, p.Rule, p.Pos, Plain(text), Plain(p.Hint)}
	}
	return ordered(out)
}

// PlanNotes are the notes of what rules say of a plan, and of what it means to
// people, as far as that is a risk.
func PlanNotes(p *reconcile.Plan) []Note {
	var out []Note
	for _, f := range p.Findings {
		n := Note{LevelWarning, f.Rule, posOf(f.Origin), Plain(f.Text), ""}
		if f.Severity == reconcile.Info {
			n.Level = LevelNote
		}
		if f.Lifted {
			n.Text += " (lifted for this plan)"
		}
		if f.Severity == reconcile.Refuse && !f.Lifted {
			n.Level = LevelError
			if f.Allow != "" {
				n.Hint = "--allow " + f.Allow + " lifts this for one plan"
			}
		}
		out = append(out, n)
	}
	for _, e := range gather(p.Effects) {
		if e.Severity == reconcile.Info {
			continue
		}
		n := Note{LevelWarning, e.ID, posOf(e.Origin), Plain(e.Text), ""} // what is severe may be meant: an error would fail the check
		if e.files <= 1 {
			n.Hint = before(e.Origin)
		}
		out = append(out, n)
	}
	return ordered(append(out, laterNotes(p)...))
}

func posOf(o *schema.Origin) schema.Pos {
	if o == nil || o.Via == reconcile.ViaBefore || o.Via == "default" {
		return schema.Pos{}
	}
	return o.Pos
}

// before is the place of what is no longer declared: no line is left to show it
// at.
func before(o *schema.Origin) string {
	if o == nil || o.Via != reconcile.ViaBefore {
		return ""
	}
	return place(o, "")
}

// ordered puts the loudest first, and those of a level in the order of files.
func ordered(notes []Note) []Note {
	levels := []Level{LevelError, LevelWarning, LevelNote}
	slices.SortStableFunc(notes, func(a, b Note) int {
		return cmp.Or(slices.Index(levels, a.Level)-slices.Index(levels, b.Level),
			cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return notes
}

// said is a note with its hint, in one text.
func (n Note) said() string {
	if n.Hint == "" {
		return n.Text
	}
	return fmt.Sprintf("%s (%s)", n.Text, n.Hint)
}
