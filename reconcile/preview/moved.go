package preview

import (
	"fmt"
	"strings"

	"mailops/reconcile"
)

// MovedOn is what a later commit of the base did: live is as that asks.
func (v *View) MovedOn() []Drifted {
	var out []Drifted
	for i := range v.Moved {
		h := &v.Moved[i]
		var what []string
		for _, f := range h.Fields {
			before, after := SidesIn(v.Location, f)
			what = append(what, fmt.Sprintf("%s %s → %s", f.Path, after, before))
		}
		switch h.Op {
		case reconcile.OpCreate:
			what = []string{"deleted"}
		case reconcile.OpDelete:
			what = []string{"new"}
		}
		out = append(out, Drifted{v.who(h.Key), strings.Join(what, "; ")})
	}
	return out
}

// movedSection is the part of a comment on it.
func movedSection(moved []Drifted) section {
	out := section{heading: fmt.Sprintf(MovedTitle+" (%s)", Number(len(moved))), one: "resource", more: "resources", folded: true}
	for _, m := range moved {
		out.blocks = append(out.blocks, fmt.Sprintf("- %s: %s", Escape(m.Who), Escape(cutWords(m.What))))
	}
	return out
}
