package preview

import (
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile"
)

// Times are what happens by itself in a while.
type Times struct {
	Title  string
	Events []Event
	More   string // what is not told, counted
}

// An Event is what happens at one time to one user, or to many of them alike.
type Event struct {
	When, Text, Place string
	Effects           []reconcile.Effect // what it means to people
}

// Times sorts what happens by itself by when that is.
func (v *View) Times() []Times {
	out := []Times{{Title: "On its own in the next 14 days"}, {Title: "On its own after the next 14 days"}, {Title: "No longer on its own"}}
	for _, one := range alikeLater(v.Later) {
		to := &out[0]
		switch l := one[0]; {
		case l.Cancelled:
			to = &out[2]
		case l.At.After(v.At.Add(Ahead)):
			to = &out[1]
		}
		to.Events = append(to.Events, v.event(one))
	}
	if v.LaterMore > 0 {
		out[1].More = "And " + many(v.LaterMore, "event", "events") + " after those."
	}
	return slices.DeleteFunc(out, func(t Times) bool { return len(t.Events) == 0 && t.More == "" })
}

// alikeLater puts together what happens at one time to several users alike.
func alikeLater(all []reconcile.Later) [][]reconcile.Later {
	index := make(map[string]int)
	var out [][]reconcile.Later
	for _, l := range all {
		key := fmt.Sprint(l.At.Unix(), l.Cancelled, " ", l.Reason)
		for _, f := range l.Fields {
			key += "\x00" + f.Path + "\x00" + string(f.Before) + "\x00" + string(f.After)
		}
		at, known := index[key]
		if !known {
			at = len(out)
			index[key] = at
			out = append(out, nil)
		}
		out[at] = append(out[at], l)
	}
	return out
}

func (v *View) event(alike []reconcile.Later) Event {
	first := alike[0]
	who := v.who(first.Key)
	if len(alike) > 1 {
		names := make([]string, len(alike))
		for i, l := range alike {
			names[i] = l.Name
		}
		words := kindWords[first.Kind]
		who = many(len(alike), words[0], words[1]) + " (" + firstOf(names) + ")"
	}
	out := Event{When: v.when(first.At), Text: Plain(fmt.Sprintf("%s: %s: %s", who, first.Reason, v.fieldsText(first.Fields))), Place: place(first.Origin, v.Folder)}
	var effects []reconcile.Effect
	for _, l := range alike {
		if place(l.Origin, v.Folder) != out.Place {
			out.Place = ""
		}
		for _, e := range l.Effects {
			e.Origin = nil // it is that of the event
			effects = append(effects, e)
		}
	}
	out.Effects = Gather(effects)
	return out
}

// fieldsText prints fields before and after in one line.
func (v *View) fieldsText(fields []reconcile.FieldChange) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		before, after := SidesIn(v.Location, f)
		parts[i] = f.Path + " " + before + " → " + after
	}
	return strings.Join(parts, ", ")
}

// nothingNow is the headline of what changes nothing at once.
func (v *View) nothingNow() string {
	if slices.ContainsFunc(v.Later, func(l reconcile.Later) bool { return !l.At.After(v.At.Add(Ahead)) }) {
		return "This changes nothing now." + v.byItself()
	}
	return "This changes nothing in the next 14 days." + v.byItself()
}

// loosens says how many guards are loosened: who reads that nothing changes must not
// stop there.
func (v *View) loosens() string {
	n := 0
	for _, f := range v.Findings {
		if f.Rule == "guard-loosened" {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return " It loosens what guards the changes after it, in " + many(n, "point", "points") + "."
}

// moves says how many addresses go to another store, with no change that shows it.
func (v *View) moves() string {
	n := 0
	for _, f := range v.Findings {
		if f.Rule == "store-moved" && f.Severity == reconcile.Warning {
			n += len(f.Keys)
		}
	}
	if n == 0 {
		return ""
	}
	return " It moves " + many(n, "address", "addresses") + " to another store, without the mail."
}

// byItself says how much changes by itself, and how much does not any more.
func (v *View) byItself() string {
	soon, far, off := 0, v.LaterMore, 0
	for _, l := range v.Later {
		switch {
		case l.Cancelled:
			off++
		case l.At.After(v.At.Add(Ahead)):
			far++
		default:
			soon++
		}
	}
	var parts []string
	if soon > 0 {
		parts = append(parts, many(soon, "thing", "things")+" in the next 14 days")
	}
	if far > 0 {
		parts = append(parts, many(far, "thing", "things")+" after them")
	}
	text := ""
	if len(parts) > 0 {
		text = " By itself it changes " + and(parts) + "."
	}
	if off > 0 {
		text += " It calls off " + many(off, "thing that was", "things that were") + " to come."
	}
	return text
}

// timeSections are the parts of a comment on what happens by itself.
func timeSections(all []Times) []section {
	var out []section
	for _, t := range all {
		s := section{heading: t.Title, one: "event", more: "events", folded: len(t.Events) > 10}
		for _, e := range t.Events {
			block := bullet(Escape(e.When+": "+cutWords(e.Text)), e.Place)
			for _, l := range e.Effects {
				block += "\n  - " + Escape(l.Text)
			}
			s.blocks = append(s.blocks, block)
		}
		if t.More != "" {
			s.blocks = append(s.blocks, t.More)
		}
		out = append(out, s)
	}
	return out
}

// laterNotes are the notes of what happens by itself later, as far as that is a
// risk: at the lines that say when.
func laterNotes(p *reconcile.Plan) []Note {
	var out []Note
	for _, l := range p.Later {
		for _, e := range Gather(l.Effects) {
			if e.Severity != reconcile.Info {
				text := fmt.Sprintf("at %s, by itself (%s): %s", l.At.Format("2006-01-02 15:04 MST"), l.Reason, e.Text)
				out = append(out, Note{LevelWarning, e.ID, posOf(l.Origin), Plain(text), ""})
			}
		}
	}
	return out
}
