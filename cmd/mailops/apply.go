package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

func (a *app) applyCommand() *cobra.Command {
	var flags planFlags
	var approve approval
	var yes, resume bool
	cmd := verb("apply [flags] [PLANFILE]", "Make the live store match",
		"apply makes a plan, shows it, asks, and carries it out whole or not at all.\n"+
			"A hosted service alone is changed request by request: what was done, what failed\nand what is left is told (exit 8), and --resume goes on where it was.\n"+
			"With a PLANFILE of plan --out it carries out exactly that plan: rows that have\nchanged since are refused (exit 6), others do not matter.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			if resume {
				if len(args) == 1 || cmd.Flags().NFlag() > 1 && cmd.Flags().Lookup("only").Changed {
					return usage("--resume goes on with the plan that was cut off, and takes no other")
				}
				return a.goOn(cmd.Context())
			}
			if len(args) == 1 {
				if approve.plan != "" || flags.base != "" {
					return usage("a plan file is applied as it is: --approved-plan and --base belong to a plan that is made now")
				}
				return a.applyFile(cmd.Context(), args[0], flags, approve)
			}
			p, err := a.plan(cmd.Context(), flags, toWrite)
			if err != nil {
				return err
			}
			if flags.base != "" {
				if err := a.review(cmd.Context(), p, flags.base); err != nil {
					return err
				}
			}
			if err := approve.same(p.Plan); err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), p, flags, yes)
		})
	flags.add(a, cmd)
	approve.add(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&resume, "resume", false, "go on with an apply that was cut off (hosted services)")
	a.formats(cmd, "text", "json")
	return cmd
}

// carryOut shows a plan, asks, and applies it.
func (a *app) carryOut(ctx context.Context, p *planned, flags planFlags, yes bool) error {
	if a.format == "json" {
		return a.carryOutJSON(ctx, p, yes)
	}
	if err := a.showPlan(p, flags); err != nil {
		return err
	}
	if err := a.told(); err != nil {
		return fmt.Errorf("%w; nothing was changed", err) // a plan that nobody can read is not applied
	}
	if len(p.Refusals()) == 0 && len(p.Changes) > 0 && !yes {
		if err := a.confirm(ctx, "Apply this plan?"); err != nil {
			return err
		}
	}
	run, due, err := a.apply(ctx, p)
	if err != nil || run == 0 {
		return err
	}
	if len(p.Changes) == 0 {
		fmt.Fprintf(a.out, "\nRecorded as run %d: the guards of this commit hold what comes after it.\n", run)
		return nil
	}
	sum := p.Summary
	fmt.Fprintf(a.out, "\nApplied as run %d: %d created, %d updated, %d deleted.\n", run, sum.Create, sum.Update, sum.Delete)
	if p.Undoes > 0 {
		fmt.Fprintln(a.out, "Revert the commit too, or the next apply brings the change back.")
	}
	a.takeQueued(ctx, p, due)
	return nil
}

// carryOutJSON prints one document, whatever comes of the plan: with the run,
// or without one when nothing was changed.
func (a *app) carryOutJSON(ctx context.Context, p *planned, yes bool) error {
	if !yes {
		return usage("--format json asks nobody: say --yes, or apply a plan file")
	}
	run, due, err := a.apply(ctx, p)
	err = errors.Join(err, a.printJSON(struct {
		Format string          `json:"format"`
		Run    int64           `json:"run,omitempty"`
		Plan   *reconcile.Plan `json:"plan"`
	}{"mailops.apply/v1", run, p.Plan}))
	a.takeQueued(ctx, p, due)
	return err
}

// confirm asks a person. Where there is none, nothing is done.
func (a *app) confirm(ctx context.Context, question string) error {
	if !terminal(a.in) {
		return usage("nobody can be asked here: say --yes, or apply a plan file")
	}
	fmt.Fprintf(a.err, "\n%s Only yes is yes: ", question)
	line, err := answer(ctx, func() (string, error) { return bufio.NewReader(a.in).ReadString('\n') })
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(a.err)
		return ctx.Err()
	case err != nil || strings.TrimSpace(line) != "yes":
		return errors.New("not applied; nothing was changed")
	}
	return nil
}

// answer waits for a person, and no longer than ctx: a signal ends it.
func answer(ctx context.Context, read func() (string, error)) (string, error) {
	type said struct {
		text string
		err  error
	}
	got := make(chan said, 1)
	go func() {
		text, err := read()
		got <- said{text, err}
	}()
	select {
	case s := <-got:
		return s.text, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// apply carries out a plan and returns the run; 0 when there is nothing to do.
// Backups that are due then are queued.
func (a *app) apply(ctx context.Context, p *planned) (int64, []schema.Address, error) {
	if len(p.Changes) == 0 && len(p.Refusals()) == 0 && !p.loosens() {
		return 0, nil, nil
	}
	line := a.progressLine(fmt.Sprintf("applying %s", count(len(p.Changes), "change")))
	defer line.end()
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		return 0, nil, err
	}
	defer s.Close()
	run, err := reconcile.Apply(ctx, s, p.Plan, reconcile.Execution{
		At: a.now().UTC(), Actor: cmp.Or(string(p.in.Actor), a.env["USER"]), Secrets: p.want.Secrets,
		Whole: p.whole, Progress: line.tell,
	})
	line.end()
	if err != nil {
		return run, nil, err
	}
	return run, a.queueBackups(ctx, s, p), nil
}

// applyFile carries out a saved plan. The guards judge its changes again, on
// the live store as it is now and the organization as it is declared now: a
// file cannot bring its own leave.
func (a *app) applyFile(ctx context.Context, file string, flags planFlags, approve approval) error {
	if len(flags.only)+len(flags.exclude) > 0 || a.at != "" {
		return usage("a plan file is applied as it is: --only, --exclude and --at belong to plan")
	}
	if err := approve.signed(file, a.now()); err != nil {
		return err
	}
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	_, w, err := a.want(ctx)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toWrite, w.Organization)
	if err != nil {
		return err
	}
	if p.Store != in.Store {
		return usage("the plan was made for the store %s, not %s", p.Store, in.Store)
	}
	if in.Allow, err = allowances(flags.allow); err != nil {
		return err
	}
	in.Allow = append(in.Allow, lifted(p)...)
	in.Organization, in.Guarding = w.Organization, a.guarding(ctx, in.Runs)
	if err := errors.Join(a.unused(ctx, p), a.descends(ctx, p)); err != nil {
		return err
	}
	if err := stale(p.Changes, in.Live.State); err != nil {
		return err
	}
	after, err := reconcile.Advance(in.Live.State, p.Changes)
	if err != nil {
		return err
	}
	p.Effects = append([]reconcile.Effect{}, reconcile.Effects(in, after, p.Changes)...)
	before := p.Refusals()
	p.Findings, p.Counts = reconcile.Findings(in, after, p.Changes)
	p.Findings = append(p.Findings, refusedBefore(before, p.Findings, in.Allow)...)
	return a.carryOut(ctx, &planned{Plan: p, in: in, want: w}, flags, true)
}

// refusedBefore are the refusals that a plan was saved with, and that nobody has lifted:
// the declarations may have loosened since what guarded it.
func refusedBefore(saved, now []reconcile.Finding, allow []reconcile.Allowance) []reconcile.Finding {
	return slices.DeleteFunc(slices.Clone(saved), func(f reconcile.Finding) bool {
		again := func(g reconcile.Finding) bool { return g.Rule == f.Rule && g.Text == f.Text }
		lifts := func(l reconcile.Allowance) bool { return l.Rule == f.Rule }
		return slices.ContainsFunc(now, again) || slices.ContainsFunc(allow, lifts)
	})
}

// unused refuses a plan that a run has carried out: what came after that run,
// such as its undoing, would be taken back unseen.
func (a *app) unused(ctx context.Context, p *reconcile.Plan) error {
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return err
	}
	defer s.Close()
	runs, err := s.Runs(ctx, 0)
	for _, r := range runs {
		if r.Plan == p.ID {
			return fmt.Errorf("this plan was applied already, as run %d: %w", r.ID, reconcile.ErrConflict)
		}
	}
	return err
}

// stale names the rows that have moved since a plan was made, before anybody
// reads what it would have done. The store asks again when it writes.
func stale(changes []reconcile.Change, live schema.State) error {
	var conflicts []reconcile.Conflict
	for _, c := range changes {
		reason := ""
		switch is := live.Find(c.Key); {
		case c.Op == reconcile.OpCreate && is != nil:
			reason = reconcile.ReasonExists
		case c.Op != reconcile.OpCreate && is == nil:
			reason = reconcile.ReasonGone
		case c.Op != reconcile.OpCreate && schema.Version(is) != c.Version:
			reason = reconcile.ReasonChanged
		}
		if reason != "" {
			conflicts = append(conflicts, reconcile.Conflict{Key: c.Key, Reason: reason})
		}
	}
	if len(conflicts) > 0 {
		return &reconcile.ConflictError{Conflicts: conflicts}
	}
	return nil
}

// lifted are the guards that were lifted when the plan was made.
func lifted(p *reconcile.Plan) []reconcile.Allowance {
	var out []reconcile.Allowance
	for _, f := range p.Findings {
		if rule, value, ok := strings.Cut(f.Allow, "="); ok && f.Lifted {
			out = append(out, reconcile.Allowance{Rule: rule, Value: value})
		}
	}
	return out
}

func readPlan(file string) (*reconcile.Plan, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("read plan: %w", err)
	}
	if err := preview.Shown(data); err != nil {
		return nil, usage("%s: %w", file, err)
	}
	if format := formatOf(data); strings.HasPrefix(format, planFormats) && format != reconcile.Format {
		return nil, usage("%s: this is a plan of another version of mailops (%s, and this one reads %s): plan again with this version, or apply it with that one", file, format, reconcile.Format)
	}
	p, err := reconcile.ParsePlan(data)
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	return p, nil
}

// planFormats begins the format of a plan of any version.
const planFormats = "mailops.plan/"

// formatOf is the format that a JSON text says it has.
func formatOf(data []byte) string {
	var says struct {
		Format string `json:"format"`
	}
	if json.Unmarshal(data, &says) != nil {
		return ""
	}
	return says.Format
}
