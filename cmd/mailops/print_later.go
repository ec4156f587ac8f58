package main

import (
	"fmt"

	"mailops/reconcile/preview"
)

// printLater shows what happens by itself, with no commit: what a pull request
// brings about, and what it calls off.
func (a *app) printLater(v planView) {
	for _, t := range v.Times() {
		fmt.Fprintf(a.out, "\n%s\n", a.paint(a.out, bold, t.Title))
		for _, e := range t.Events {
			place := ""
			if e.Place != "" {
				place = "   " + a.paint(a.out, dim, e.Place)
			}
			fmt.Fprintf(a.out, "  %s  %s%s\n", e.When, e.Text, place)
			for _, one := range e.Effects {
				m := marks[one.Severity]
				fmt.Fprintf(a.out, "      %s %s\n", a.paint(a.out, m.colour, m.mark), preview.Plain(one.Text))
			}
		}
		if t.More != "" {
			fmt.Fprintf(a.out, "  %s\n", t.More)
		}
	}
}
