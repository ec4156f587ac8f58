package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema/resolve"
)

func (a *app) historyCommand() *cobra.Command {
	var limit int
	cmd := verb("history [flags] [RUN]", "Show past runs",
		"history lists past runs, newest first; history RUN shows what one changed.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			s, _, err := a.openThere(cmd.Context(), toRead)
			if err != nil {
				return err
			}
			defer s.Close()
			if len(args) == 1 {
				return a.showRun(cmd.Context(), s, args[0])
			}
			runs, err := s.Runs(cmd.Context(), limit)
			if err != nil {
				return err
			}
			return a.showRuns(runs)
		})
	cmd.Flags().IntVar(&limit, "limit", 20, "how many `RUNS`; 0 is all")
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) showRuns(runs []reconcile.Run) error {
	if a.format == "json" {
		return a.printJSON(struct {
			Format string          `json:"format"`
			Runs   []reconcile.Run `json:"runs"`
		}{"mailops.history/v1", append([]reconcile.Run{}, runs...)})
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.out, "No runs yet.")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tAT\tBY\tCREATED\tUPDATED\tDELETED\tUNDID\tREVISION")
	for _, r := range runs {
		undid := "-"
		if r.Undoes > 0 {
			undid = fmt.Sprintf("run %d", r.Undoes)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", r.ID, r.At.UTC().Format("2006-01-02 15:04:05 UTC"), cmp.Or(r.Actor, "-"), r.Summary.Create, r.Summary.Update, r.Summary.Delete, undid, short(r.Revision))
	}
	return w.Flush()
}

// short is a revision cut down to what tells it from others at a glance.
func short(revision string) string {
	kind, id, _ := strings.Cut(revision, ":")
	if id == "" {
		return cmp.Or(kind, "-")
	}
	return kind + ":" + id[:min(12, len(id))]
}

func (a *app) showRun(ctx context.Context, s liveStore, id string) error {
	run, err := runNamed(ctx, s, id)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.printJSON(struct {
			Format string `json:"format"`
			reconcile.Run
		}{"mailops.run/v1", run})
	}
	fmt.Fprintf(a.out, "Run %d, %s, by %s, revision %s, plan %s\n\n", run.ID, run.At.UTC().Format("2006-01-02 15:04:05 UTC"), cmp.Or(run.Actor, "-"), cmp.Or(run.Revision, "-"), run.Plan)
	width := pathWidth(run.Changes, false)
	for i := range run.Changes {
		a.printChange(planView{View: &preview.View{}}, &run.Changes[i], width)
	}
	return nil
}

func runNamed(ctx context.Context, s reconcile.Ledger, id string) (reconcile.Run, error) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return reconcile.Run{}, usage("RUN is a number of mailops history, not %q", id)
	}
	return s.Run(ctx, n)
}

func (a *app) undoCommand() *cobra.Command {
	var flags planFlags
	var yes, dry bool
	cmd := verb("undo [flags] RUN", "Take a past run back",
		"undo makes a plan that takes one run back, through the same guards, and applies it.\nWhat others changed since is left alone; rows of the run that moved are refused.\nRevert the commit too, or the next apply brings the change back.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			p, err := a.planUndo(cmd.Context(), args[0], flags)
			if err != nil {
				return err
			}
			if dry {
				return a.showPlan(p, flags)
			}
			return a.carryOut(cmd.Context(), p, flags, yes)
		})
	cmd.Flags().StringSliceVar(&flags.allow, "allow", nil, "lift one guard for this plan: `GUARD=N`, such as deletes=7")
	cmd.Flags().BoolVar(&flags.full, "full", false, "show every field of what is created and deleted")
	cmd.Flags().StringVar(&a.actor, "actor", "", "the `ADDRESS` of the administrator who asks")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dry, "plan", false, "show the plan alone")
	a.formats(cmd, "text", "json")
	return cmd
}

// planUndo makes the plan. The declarations are read for their guards.
func (a *app) planUndo(ctx context.Context, id string, flags planFlags) (*planned, error) {
	_, w, err := a.want(ctx)
	if err != nil {
		return nil, err
	}
	in, err := a.input(ctx, toRead, w.Organization)
	if err != nil {
		return nil, err
	}
	if in.Allow, err = allowances(flags.allow); err != nil {
		return nil, err
	}
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	run, err := runNamed(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if err := standing(ctx, s, run.ID); err != nil {
		return nil, err
	}
	in.Want, in.Organization, in.At, in.Revision = w.State, w.Organization, w.At.UTC(), run.Revision
	p, err := reconcile.Undo(in, run)
	if err != nil {
		return nil, err
	}
	out := &planned{Plan: p, in: in, want: &resolve.Want{Secrets: w.Secrets}}
	return out, a.consult(ctx, out)
}

// standing refuses a run that a later one took back, unless that one was taken
// back in turn.
func standing(ctx context.Context, s reconcile.Ledger, id int64) error {
	runs, err := s.Runs(ctx, 0)
	undone := make(map[int64]bool)
	for _, r := range runs { // the newest first
		if r.Undoes == id && !undone[r.ID] {
			return fmt.Errorf("run %d has taken run %d back already: %w", r.ID, id, reconcile.ErrConflict)
		}
		undone[r.Undoes] = undone[r.Undoes] || !undone[r.ID]
	}
	return err
}
