package main

import (
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load/edit"
)

// printDiffs is printPlan with each change as a unified difference of the
// resource's YAML before and after.
func (a *app) printDiffs(v planView) error {
	a.printHead(v)
	fmt.Fprintln(a.out)
	for i := range v.Changes {
		c := &v.Changes[i]
		before := v.Before.Find(c.Key)
		after, err := c.Apply(before)
		if err != nil {
			return err
		}
		text := edit.UnifiedDiff(c.Key.String(), document(c, before), document(c, after))
		if text == "" { // a secret alone: documents do not show it
			text = fmt.Sprintf("# %s: the password changes\n", c.Key)
		}
		if _, err := fmt.Fprint(a.out, text); err != nil {
			return err
		}
	}
	a.printTail(v)
	return nil
}

// document is the YAML of a resource, with what is off said as well as what is
// on; empty when there is none.
func document(c *reconcile.Change, r schema.Resource) []byte {
	if r == nil {
		return nil
	}
	base, err := schema.New(c.Key)
	if err != nil {
		return nil
	}
	for _, f := range schema.Fields(c.Kind) {
		if f.Get(r) == "false" {
			_ = f.Set(base, "true") // what base has already would be left out
		}
	}
	return edit.Declaration(r, base)
}
