package preview

import (
	"fmt"
	"strings"

	"mailops/reconcile"
	"mailops/schema"
)

// A Drifted is a resource that the live store has otherwise than it is declared,
// and how.
type Drifted struct{ Who, What string }

// A telling is how that is told: of a field, from its path, what is live and what
// is declared; of a resource that is gone; of one that has come.
type telling struct{ field, gone, come string }

// Drifted is what the live store has that no commit made.
func (v *View) Drifted() []Drifted {
	return v.otherwise(v.Drift, telling{"%[1]s is %[2]s, and %[3]s is declared", "is gone from the live store", "is in the live store, and not declared"})
}

// MovedOn is what a later commit of the base did: live is as that asks.
func (v *View) MovedOn() []Drifted {
	return v.otherwise(v.Moved, telling{"%[1]s %[3]s → %[2]s", "deleted", "new"})
}

func (v *View) otherwise(held []reconcile.Held, t telling) []Drifted {
	var out []Drifted
	for i := range held {
		h := &held[i]
		var what []string
		for _, f := range h.Fields {
			live, declared := SidesIn(v.Location, f)
			what = append(what, fmt.Sprintf(t.field, f.Path, live, declared))
		}
		switch h.Op { // of what would take it back
		case reconcile.OpCreate:
			what = []string{t.gone}
		case reconcile.OpDelete:
			what = []string{t.come}
		}
		who := v.who(h.Key)
		if h.Kind != schema.KindUser {
			who += " (" + kindWords[h.Kind][0] + ")"
		}
		out = append(out, Drifted{who, strings.Join(what, "; ")})
	}
	return out
}

// besideSection is a part of a comment on what a plan leaves as it is.
func besideSection(title string, all []Drifted) section {
	out := section{heading: fmt.Sprintf("%s (%s)", title, Number(len(all))), one: "resource", more: "resources", folded: true}
	for _, d := range all {
		out.blocks = append(out.blocks, fmt.Sprintf("- %s: %s", Escape(d.Who), Escape(cutWords(d.What))))
	}
	return out
}
