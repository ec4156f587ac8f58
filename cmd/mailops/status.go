package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"

	"mailops/reconcile/preview"
)

// A ledgerStatus is what status says: all of it from the store.
type ledgerStatus struct {
	Format string               `json:"format"`
	Store  string               `json:"store"`
	Users  int                  `json:"users"`
	Is     *reconcile.Run       `json:"inForce,omitempty"` // the newest run of a revision
	Whole  *reconcile.Run       `json:"whole,omitempty"`   // the newest that left nothing out; another one while a part waits
	Last   *reconcile.Run       `json:"lastRun,omitempty"`
	Pauses reconcile.Pauses     `json:"pauses"`
	Budget reconcile.BudgetLeft `json:"budget"`
	Notes  int                  `json:"notes"` // rows that others have written, of those still known
}

func (a *app) statusCommand() *cobra.Command {
	cmd := verb("status [flags]", "Show what is in force, what is paused, and what the guards still allow",
		"status reads the store's ledger: the revision in force and who brought it, the last\nrun, the pauses, and what is left of the budgets of `guards.window`. The agent's own\npage tells more about an agent that runs.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context()) })
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) status(ctx context.Context) error {
	decls, _, err := a.declarations(ctx)
	if err != nil {
		return err
	}
	org, _ := organizationOf(decls)
	s, name, err := a.openThere(ctx, toRead)
	if err != nil {
		return err
	}
	defer s.Close()
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return err
	}
	now := a.now()
	runs, err := s.Runs(ctx, 0)
	if err != nil {
		return err
	}
	out := ledgerStatus{Format: "mailops.ledger/v1", Store: name, Budget: reconcile.Left(live.State, runs, org.Guards, now), Pauses: reconcile.Pauses{}}
	for range live.State.Users() {
		out.Users++
	}
	if len(runs) > 0 {
		out.Last = &runs[0]
	}
	out.Is, out.Whole = reconcile.Standing(runs)
	if p, ok := s.(reconcile.Pauser); ok {
		all, err := p.Pauses(ctx)
		if err != nil {
			return err
		}
		out.Pauses = append(out.Pauses, reconcile.Pauses(all).InForce(now)...)
	}
	if w, ok := s.(reconcile.Witness); ok {
		notes, err := w.Notes(ctx, 0)
		if err != nil {
			return err
		}
		out.Notes = len(notes)
	}
	if a.format == "json" {
		return a.printJSON(out)
	}
	return a.printStanding(out, org)
}

func (a *app) printStanding(s ledgerStatus, org schema.Organization) error {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(a.out, "%s  %s\n", pad(what, 10), fmt.Sprintf(format, args...))
	}
	line("store", "%s, with %s", s.Store, count(s.Users, "user"))
	switch {
	case s.Is == nil:
		line("in force", "nothing yet")
	case s.Is == s.Whole:
		line("in force", "%s, since %s (run %d, by %s)", short(s.Is.Revision), shown(s.Is.At, org.Timezone), s.Is.ID, cmp.Or(preview.Plain(s.Is.Actor), "-"))
	default:
		line("in force", "%s, since %s (run %d, by %s); a part of it waits", short(s.Is.Revision), shown(s.Is.At, org.Timezone), s.Is.ID, cmp.Or(preview.Plain(s.Is.Actor), "-"))
	}
	if s.Last != nil && s.Last.Undoes != 0 {
		line("last run", "run %d at %s took run %d back", s.Last.ID, shown(s.Last.At, org.Timezone), s.Last.Undoes)
	}
	if org.Guards.Window.Per > 0 {
		line("budget", "%d of %d deletes and %d of %d lockouts left until older runs are %s old",
			s.Budget.Deletes.Left(), s.Budget.Deletes.Limit, s.Budget.Lockouts.Left(), s.Budget.Lockouts.Limit, time.Duration(org.Guards.Window.Per))
	}
	if s.Notes > 0 {
		line("others", "%s by others than mailops noted; mailops drift shows what differs", count(s.Notes, "change"))
	}
	if len(s.Pauses) == 0 {
		line("paused", "nothing")
		return nil
	}
	fmt.Fprintln(a.out)
	return a.printPauses(s.Pauses)
}
