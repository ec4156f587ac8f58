package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
)

func (a *app) applyCommand() *cobra.Command {
	var flags planFlags
	var yes bool
	cmd := verb("apply [flags] [PLANFILE]", "Make the live store match",
		"apply makes a plan, shows it, asks, and carries it out whole or not at all.\n"+
			"With a PLANFILE of plan --out it carries out exactly that plan: rows that have\nchanged since are refused (exit 6), others do not matter.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.applyFile(cmd.Context(), args[0], flags)
			}
			p, err := a.plan(cmd.Context(), flags, toWrite)
			if err != nil {
				return err
			}
			return a.carryOut(cmd.Context(), p, flags, yes)
		})
	flags.add(a, cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// carryOut shows a plan, asks, and applies it.
func (a *app) carryOut(ctx context.Context, p *planned, flags planFlags, yes bool) error {
	if err := a.showPlan(p, flags); err != nil {
		return err
	}
	if refusals := p.Refusals(); len(refusals) > 0 {
		return &reconcile.RefusedError{Findings: refusals}
	}
	if len(p.Changes) == 0 {
		return nil
	}
	if !yes {
		if err := a.confirm("Apply this plan?"); err != nil {
			return err
		}
	}
	return a.apply(ctx, p.Plan, p.want.Secrets)
}

// confirm asks a person. Where there is none, nothing is done.
func (a *app) confirm(question string) error {
	if !terminal(a.in) {
		return usage("nobody can be asked here: say --yes, or apply a plan file")
	}
	fmt.Fprintf(a.out, "\n%s Only yes is yes: ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if answer := strings.TrimSpace(line); err != nil || answer != "yes" {
		return errors.New("not applied; nothing was changed")
	}
	return nil
}

// apply carries out a plan and reports it in the past tense.
func (a *app) apply(ctx context.Context, p *reconcile.Plan, secrets schema.Secrets) error {
	stop := a.progress(fmt.Sprintf("applying %d changes", len(p.Changes)))
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		stop()
		return err
	}
	defer s.Close()
	run, err := reconcile.Apply(ctx, s, p, secrets, cmp.Or(a.actor, a.env["USER"]), a.now().UTC())
	stop()
	if err != nil {
		return err
	}
	sum := p.Summary
	fmt.Fprintf(a.out, "\nApplied as run %d: %d created, %d updated, %d deleted.\n", run, sum.Create, sum.Update, sum.Delete)
	return nil
}

// applyFile carries out a saved plan. The guards judge its changes again, on
// the live store as it is now and the organization as it is declared now: a
// file cannot bring its own leave.
func (a *app) applyFile(ctx context.Context, file string, flags planFlags) error {
	if len(flags.only)+len(flags.exclude) > 0 || a.at != "" {
		return usage("a plan file is applied as it is: --only, --exclude and --at belong to plan")
	}
	p, err := readPlan(file)
	if err != nil {
		return err
	}
	_, w, err := a.want(ctx)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toWrite)
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
	in.Organization = w.Organization
	after, err := reconcile.Advance(in.Live.State, p.Changes)
	if err != nil {
		return err
	}
	p.Findings = reconcile.Findings(in, after, p.Changes)
	a.printPlan(planView{Plan: p, name: w.Organization.Name, timezone: w.Organization.Timezone, full: flags.full, live: in.Live.State})
	if len(p.Changes) == 0 {
		return nil
	}
	return a.apply(ctx, p, w.Secrets)
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
	p, err := reconcile.ParsePlan(data)
	if err != nil {
		return nil, usage("%s: %w", file, err)
	}
	return p, nil
}
