package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/agent"
	"mailops/schema"
	"mailops/schema/resolve"
	"mailops/schema/track"

	"mailops/reconcile/preview"
)

func organizationOf(d *schema.Declarations) (schema.Organization, schema.Problems) {
	return resolve.Organization(d)
}

func (a *app) driftCommand() *cobra.Command {
	var adopt bool
	cmd := verb("drift [flags]", "Show what the live store has that no commit made",
		"drift compares the live store with the declarations that are in force: those of the\nrevision that was applied last, or with --rev of another one; outside of git the files\nas they are. It shows what others changed, who and when where the store can tell, and\nwhat an agent does about it. It exits 2 when there is any. --adopt writes it into the\nYAML in place.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return a.drift(cmd.Context(), adopt) })
	cmd.Flags().BoolVar(&adopt, "adopt", false, "write what is live into the YAML, comments kept")
	a.atFlag(cmd)
	a.formats(cmd, "text", "json")
	return cmd
}

// A driftLine is one thing that drifted.
type driftLine struct {
	schema.Key
	Op     reconcile.Op            `json:"op"`     // what would take it back
	Does   string                  `json:"action"` // what an agent does about it: report, heal, adopt
	Fields []reconcile.FieldChange `json:"fields"`
	By     string                  `json:"by,omitempty"`
	At     *time.Time              `json:"at,omitempty"`
}

func (a *app) drift(ctx context.Context, adopt bool) error {
	if adopt && a.rev != "" {
		return usage("--adopt edits the files: leave --rev out")
	}
	if a.rev == "" && !adopt {
		if err := a.inForce(ctx); err != nil {
			return err
		}
	}
	_, w, err := a.want(ctx)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toRead, w.Organization)
	if err != nil {
		return err
	}
	want := reconcile.LeaveAlone(w.State, in.Live.State, w.Organization.Unmanaged)
	changes := reconcile.Diff(in.Live.State, want)
	notes, err := a.notes(ctx)
	if err != nil {
		return err
	}
	if adopt {
		return a.adopt(ctx, w, in.Live.State, changes, notes)
	}
	lines := driftLines(changes, w.Organization.Drift, notes)
	if a.format == "json" {
		err = a.printJSON(struct {
			Format string      `json:"format"`
			Drift  []driftLine `json:"drift"`
		}{"mailops.drift/v1", append([]driftLine{}, lines...)})
	} else {
		a.printDrift(lines)
	}
	if err == nil && len(lines) > 0 {
		err = errDrift
	}
	return err
}

// inForce makes --rev the commit that was applied last, where there is one that
// this repository has.
func (a *app) inForce(ctx context.Context) error {
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return err
	}
	defer s.Close()
	runs, err := s.Runs(ctx, 0)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r reconcile.Run) bool { return r.Whole && r.Undoes == 0 })
	if i < 0 || !isCommit(runs[i].Revision) {
		return nil
	}
	repo, _, err := a.clone(ctx)
	if err != nil {
		return nil // no repository: the files are what there is
	}
	defer repo.Close()
	if r, err := repo.Resolve(ctx, runs[i].Revision[len("git:"):]); err == nil {
		a.rev = r.Commit
	}
	return nil
}

func isCommit(revision string) bool { return len(revision) > 4 && revision[:4] == "git:" }

// notes are the last notes of who else wrote, by name.
func (a *app) notes(ctx context.Context) (map[string]reconcile.Note, error) {
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	out := make(map[string]reconcile.Note)
	w, ok := s.(reconcile.Witness)
	if !ok {
		return out, nil
	}
	all, err := w.Notes(ctx, 0)
	for _, n := range all {
		out[n.Name] = n
	}
	return out, err
}

// driftLines sorts changes by what is done about each part of them.
func driftLines(changes []reconcile.Change, policy schema.Drift, notes map[string]reconcile.Note) []driftLine {
	var out []driftLine
	for i := range changes {
		c := &changes[i]
		by := make(map[string]*driftLine)
		var order []string
		for _, f := range c.Fields {
			path := f.Path
			if c.Op != reconcile.OpUpdate {
				path = ""
			}
			does := policy.Of(c.Kind, path)
			if by[does] == nil {
				by[does] = &driftLine{Key: c.Key, Op: c.Op, Does: does}
				order = append(order, does)
			}
			by[does].Fields = append(by[does].Fields, f)
		}
		for _, does := range order {
			line := *by[does]
			if n, ok := notes[c.Name]; ok {
				line.By, line.At = n.By, &n.At
			}
			out = append(out, line)
		}
	}
	slices.SortStableFunc(out, func(a, b driftLine) int { return a.Key.Compare(b.Key) })
	return out
}

// driftWords say what happened, seen from those who did it.
var driftWords = map[reconcile.Op]string{reconcile.OpCreate: "was removed", reconcile.OpDelete: "was made", reconcile.OpUpdate: "was changed"}

func (a *app) printDrift(lines []driftLine) {
	if len(lines) == 0 {
		fmt.Fprintln(a.out, "No drift: the live store has what was applied.")
		return
	}
	for _, l := range lines {
		who := ""
		if l.By != "" {
			who += " by " + preview.Plain(l.By)
		}
		if l.At != nil {
			who += " at " + l.At.UTC().Format(time.DateTime+" UTC")
		}
		fmt.Fprintf(a.out, "%s %s%s  %s\n", l.Key, driftWords[l.Op], who, a.paint(a.out, dim, "("+l.Does+")"))
		for _, f := range l.Fields {
			if l.Op != reconcile.OpUpdate {
				break
			}
			want, live := preview.Sides(reconcile.FieldChange{Path: f.Path, Before: f.After, After: f.Before})
			fmt.Fprintf(a.out, "    %s  %s → %s\n", f.Path, want, live)
		}
	}
	fmt.Fprintf(a.out, "\n%s. mailops apply takes all of it back; mailops drift --adopt writes it into the YAML.\n", count(len(lines), "difference"))
}

// adopt writes what is live into the files.
func (a *app) adopt(ctx context.Context, w *resolve.Want, live schema.State, changes []reconcile.Change, notes map[string]reconcile.Note) error {
	if len(changes) == 0 {
		fmt.Fprintln(a.out, "No drift: nothing to adopt.")
		return nil
	}
	folder := &agent.Folder{Dir: a.dir}
	head, err := folder.Head(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	files, err := folder.FS(ctx, head)
	if err != nil {
		return err
	}
	tracker := &track.Tracker{Env: a.env}
	tracked, problems, err := tracker.Load(ctx, files, w.At)
	if err := errors.Join(err, problems.Err()); err != nil {
		return err
	}
	held := make([]reconcile.Held, len(changes))
	for i, c := range changes {
		held[i] = reconcile.Held{Change: c, Why: reconcile.HeldAdopt}
	}
	adoption, err := agent.Adopt(ctx, tracker, tracked, files, live, held, notes)
	if err != nil {
		return err
	}
	if _, err := folder.Propose(ctx, agent.Proposal{Base: head, Files: adoption.Files}); err != nil {
		return err
	}
	for _, h := range adoption.Took {
		fmt.Fprintf(a.out, "adopted  %s %s\n", h.Key, driftWords[h.Op])
	}
	for _, c := range changes {
		if why := adoption.Left[c.Key]; why != "" {
			fmt.Fprintf(a.out, "left     %s: %s\n", c.Key, preview.Plain(why))
		}
	}
	if len(adoption.Left) > 0 {
		return errDrift
	}
	return nil
}
