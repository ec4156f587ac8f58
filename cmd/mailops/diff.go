package main

import (
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load/edit"
)

// printDiffs shows each change as a unified difference of the resource's YAML
// before and after.
func (a *app) printDiffs(v planView) error {
	for i := range v.Changes {
		c := &v.Changes[i]
		before := v.live.Find(c.Key)
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
	_, err := fmt.Fprintf(a.out, "\n%s\n", summary(v.Plan))
	return err
}

// document is the YAML of a resource; empty when there is none.
func document(c *reconcile.Change, r schema.Resource) []byte {
	if r == nil {
		return nil
	}
	blank, err := schema.New(c.Key)
	if err != nil {
		return nil
	}
	return edit.Declaration(r, blank)
}
