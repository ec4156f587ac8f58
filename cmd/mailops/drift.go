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
	if adopt && a.format != formatText {
		return usage("--adopt tells what it does as text: leave --format out")
	}
	f, err := a.inForce(ctx)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toRead, f.is.Organization)
	if err != nil {
		return err
	}
	changes := f.drifted(in)
	notes, err := a.notes(ctx)
	if err != nil {
		return err
	}
	if adopt {
		return a.adopt(ctx, f.is, in.Live.State, changes, notes)
	}
	lines := driftLines(changes, f.is.Organization.Drift, notes)
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

// What is in force: what the revision that was applied last asks for, and what the
// one did that was carried out whole. While a part of the first waits, live has
// some of either, and neither is drift.
type inForce struct{ is, whole *resolve.Want }

// inForce reads the revisions that the ledger names; with --rev that one, and
// where nothing was applied from git the files as they are.
func (a *app) inForce(ctx context.Context) (inForce, error) {
	is, whole := a.rev, a.rev
	if a.rev == "" {
		s, _, err := a.openThere(ctx, toRead)
		if err != nil {
			return inForce{}, err
		}
		defer s.Close()
		runs, err := s.Runs(ctx, 0)
		if err != nil {
			return inForce{}, err
		}
		now, last := reconcile.Standing(runs)
		if is, err = a.commitOf(ctx, now); err == nil {
			whole, err = a.commitOf(ctx, last)
		}
		if err != nil {
			return inForce{}, err
		}
		if is == "" {
			fmt.Fprintln(a.err, "mailops: what is in force is of no commit that is known: the files as they are stand for it")
		}
	}
	var out inForce
	var err error
	if out.is, err = a.wantAt(ctx, is); err != nil || whole == is {
		out.whole = out.is
		return out, err
	}
	if whole == "" { // nothing was ever carried out whole
		out.whole = &resolve.Want{}
		return out, nil
	}
	out.whole, err = a.wantAt(ctx, whole)
	return out, err
}

// wantAt is what a commit asks for; "" is the files as they are.
func (a *app) wantAt(ctx context.Context, commit string) (*resolve.Want, error) {
	at := *a
	at.rev, at.commit = commit, nil
	_, w, err := at.want(ctx)
	return w, err
}

// commitOf is the commit that a run was of; "" when it was of none, or this is no
// repository: the files are what there is.
func (a *app) commitOf(ctx context.Context, r *reconcile.Run) (string, error) {
	if r == nil || !isCommit(r.Revision) {
		return "", nil
	}
	repo, _, err := a.clone(ctx)
	if err != nil {
		return "", nil
	}
	defer repo.Close()
	commit, err := repo.Resolve(ctx, r.Revision[len("git:"):])
	if err != nil {
		return "", fmt.Errorf("%w: %s is in force, and this clone does not have it: fetch (git fetch --unshallow in a shallow clone), or name another with --rev: %w", errRepository, short(r.Revision), err)
	}
	return commit.Commit, nil
}

// drifted are the changes that would take back what no commit asks for.
func (f inForce) drifted(in reconcile.Input) []reconcile.Change {
	live := in.Live.State
	want, _ := reconcile.Attainable(f.is.State, live, f.is.Organization.Unmanaged, in.Lacks)
	var out []reconcile.Change
	for _, c := range reconcile.Diff(live, want) {
		if f.is != f.whole {
			reconcile.MarkDrift(&c, f.whole.State, want)
			waits := func(field reconcile.FieldChange) bool { return !field.Drift }
			if c.Fields = slices.DeleteFunc(c.Fields, waits); len(c.Fields) == 0 {
				continue
			}
		}
		out = append(out, c)
	}
	return out
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

// adopt writes what drifts into the files. What the files ask for otherwise than
// what is in force, somebody is editing: that is left.
func (a *app) adopt(ctx context.Context, force *resolve.Want, live schema.State, changes []reconcile.Change, notes map[string]reconcile.Note) error {
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
	tracked, problems, err := tracker.Load(ctx, files, force.At)
	if err := errors.Join(err, problems.Err()); err != nil {
		return err
	}
	var held []reconcile.Held
	edited := make(map[schema.Key]bool)
	for _, c := range changes {
		untouched, some := unedited(c, force.State, tracked.State)
		if edited[c.Key] = some; untouched != nil {
			held = append(held, reconcile.Held{Change: *untouched, Why: reconcile.HeldAdopt})
		}
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
	left := false
	for _, c := range changes {
		switch why := adoption.Left[c.Key]; {
		case why != "":
			fmt.Fprintf(a.out, "left     %s: %s\n", c.Key, preview.Plain(why))
		case edited[c.Key]:
			fmt.Fprintf(a.out, "left     %s: the files ask for something else than what is in force\n", c.Key)
		default:
			continue
		}
		left = true
	}
	if left {
		return errDrift
	}
	return nil
}

// unedited is the part of a change about which the files still say what is in
// force; nil is none. some says that they say something else about a part.
func unedited(c reconcile.Change, force, files schema.State) (out *reconcile.Change, some bool) {
	was, is := force.Find(c.Key), files.Find(c.Key)
	switch {
	case c.Op == reconcile.OpDelete: // others made it
		if is != nil {
			return nil, true
		}
		return &c, false
	case is == nil: // gone from the files: nothing is left to write
		return nil, c.Op == reconcile.OpUpdate
	case c.Op == reconcile.OpCreate: // others removed it
		if schema.Version(was) != schema.Version(is) {
			return nil, true
		}
		return &c, false
	}
	part := c
	part.Fields = nil
	for _, f := range c.Fields {
		field, ok := schema.FieldAt(c.Kind, f.Path)
		if ok && was != nil && field.Get(was) == field.Get(is) {
			part.Fields = append(part.Fields, f)
		} else {
			some = true
		}
	}
	if len(part.Fields) == 0 {
		return nil, some
	}
	return &part, some
}
