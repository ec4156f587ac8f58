package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// planFlags are the flags of plan, and of apply without a plan file.
type planFlags struct {
	only, exclude, allow []string
	base                 string
	full, diff           bool

	live liveFlags
}

func (f *planFlags) add(a *app, cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "plan these alone: `KIND/NAME`, with * and ?, such as 'User/*@acme.example'")
	cmd.Flags().StringSliceVar(&f.exclude, "exclude", nil, "leave these as they are: `KIND/NAME`, with * and ?")
	cmd.Flags().StringSliceVar(&f.allow, "allow", nil, "lift one guard for this plan: `GUARD=N`, such as deletes=7")
	cmd.Flags().BoolVar(&f.full, "full", false, "show every field of what is created and deleted")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "show changes as unified YAML differences")
	cmd.Flags().StringVar(&a.actor, "actor", "", "the `ADDRESS` of the administrator who asks")
	cmd.Flags().Var((*revisionFlag)(&f.base), "base", "only what was asked for since this git `REVISION`, such as main; what drifts is left out")
	a.atFlag(cmd)
}

func (a *app) planCommand() *cobra.Command {
	var flags planFlags
	var out, signKey string
	var detailed bool
	cmd := verb("plan [flags]", "Show what the declarations change in the live store",
		"plan compares the live store with the declarations and shows what apply would do,\nand what that means to people. It changes nothing.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			p, err := a.plan(cmd.Context(), flags, toRead)
			if err != nil {
				return a.unplanned(cmd.Context(), err, flags)
			}
			if err := a.review(cmd.Context(), p, flags.base); err != nil {
				return a.unplanned(cmd.Context(), err, flags)
			}
			if out != "" {
				if err := savePlan(out, p.Plan); err != nil {
					return err
				}
			}
			if signKey != "" {
				if err := signPlan(out, signKey); err != nil {
					return err
				}
			}
			if err := a.showPlan(p, flags); err != nil {
				return err
			}
			switch {
			case detailed && len(p.Refusals()) > 0:
				return said(reconcile.ErrRefused)
			case detailed && len(p.Changes) > 0:
				return errChanges
			}
			return nil
		})
	flags.add(a, cmd)
	cmd.Flags().StringVar(&out, "out", "", "save the plan to this `FILE`, for apply")
	cmd.Flags().StringVar(&signKey, "sign-key", "", "sign what --out saves, as FILE.sig, with the SSH key (ed25519) in this `FILE`")
	flags.live.add(cmd)
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when the plan has changes, and 5 when a guard or rule refuses it")
	a.formats(cmd, formatText, formatJSON, formatMarkdown, formatHTML, formatSARIF, formatGitHub)
	limits(cmd)
	return cmd
}

// A planned is a plan with what it was made from.
type planned struct {
	*reconcile.Plan
	in    reconcile.Input
	want  *resolve.Want
	whole bool // it is all that the declarations ask for now

	// Of --base: what it is compared with, what that asks for, and what drifts.
	base    string
	from    string        // its commit
	was     *resolve.Want // of the files against a revision
	request *request      // of two revisions
	drift   []reconcile.Held
	moved   []reconcile.Held // what main did since, that looks like drift from here

	cost   reconcile.Cost // of applying it, where requests are counted
	cutOff *reconcile.Run // the apply before that did not end

	snapshot time.Time // when the live state was read; zero: now
}

// plan makes the plan from the declarations to the live store.
func (a *app) plan(ctx context.Context, flags planFlags, how access) (*planned, error) {
	a.base = flags.base
	if flags.base != "" && a.rev != "" {
		return a.planRequest(ctx, flags, how)
	}
	decls, w, err := a.want(ctx)
	if err != nil {
		return nil, err
	}
	out := &planned{want: w, whole: len(flags.only)+len(flags.exclude) == 0 && a.at == "" && flags.base == ""}
	var was schema.State
	if flags.base != "" {
		if err := a.since(ctx, flags.base, out); err != nil {
			return nil, err
		}
		if out.was != nil {
			was = out.was.State
		}
	}
	in, err := a.liveInput(ctx, how, flags, nil, w.Organization, w.State, was, out)
	if err != nil {
		return nil, err
	}
	if in.Allow, err = allowances(flags.allow); err != nil {
		return nil, err
	}
	in.Want, in.Organization, in.At, in.Revision = w.State, w.Organization, w.At.UTC(), a.revision(decls)
	in.Only, in.Exclude, in.Provenance, in.Notes = flags.only, flags.exclude, w, notes(w.Unset)
	if flags.base == "" {
		in.Guarding = a.guarding(ctx, in.Runs)
	}
	if out.was != nil {
		in.WantDigest, in.Former = in.Want.Digest(), out.was
		out.narrow(&in, was, out.was.Organization)
	}
	if err := matching(in); err != nil {
		return nil, err
	}
	if out.Plan, err = reconcile.New(in); err != nil {
		return nil, usageError{err, true}
	}
	out.in = in
	return out, a.consult(ctx, out)
}

// matching makes sure that every pattern names something: a misspelt one would
// leave out, or let through, what nobody meant.
func matching(in reconcile.Input) error {
	for _, pattern := range slices.Concat(in.Only, in.Exclude) {
		matched := false
		for _, s := range []schema.State{in.Live.State, in.Want} {
			outside, err := reconcile.Scope(nil, s, []string{pattern}, nil)
			if err != nil {
				return usage("--only, --exclude: %w", err)
			}
			matched = matched || len(outside) < len(s)
		}
		if !matched {
			return usage("--only, --exclude: nothing that is declared or live is called %s", pattern)
		}
	}
	return nil
}

// input reads what a plan needs to know of the live store, and of its ledger what
// the guards of the organization ask for.
func (a *app) input(ctx context.Context, how access, org schema.Organization) (reconcile.Input, error) {
	return a.readLive(ctx, how).input(org)
}

// asked is an input that knows who asks.
func (a *app) asked() (in reconcile.Input, err error) {
	if a.actor == "" {
		return in, nil
	}
	if in.Actor, err = load.FoldAddress(a.actor); err != nil {
		return in, usage("--actor %s: %w", a.actor, err)
	}
	return in, nil
}

func allowances(given []string) ([]reconcile.Allowance, error) {
	var out []reconcile.Allowance
	for _, s := range given {
		allow, err := reconcile.ParseAllowance(s)
		if err != nil {
			return nil, usageError{err, true}
		}
		out = append(out, allow)
	}
	return out, nil
}

// showPlan prints a plan in the format that was asked for.
func (a *app) showPlan(p *planned, flags planFlags) error {
	v := a.view(p, flags)
	if a.format != formatText {
		return a.write(v, preview.PlanNotes(p.Plan))
	}
	view := planView{View: v, cutOff: p.cutOff, instant: a.at != "", timezone: p.in.Organization.Timezone}
	if p.want != nil && p.base == "" {
		view.next = p.want.Next
	}
	if flags.diff {
		return a.printDiffs(view)
	}
	a.printPlan(view)
	return nil
}

// savePlan writes a plan for a later apply. It holds no secrets, but it says
// who works where: only its owner may read it. A pipe or a device is written to,
// and not replaced by a file.
func savePlan(file string, p *reconcile.Plan) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err == nil {
			err = errors.Join(writePlan(f, p), f.Close())
		}
		if err != nil {
			return fmt.Errorf("save plan: %w", err)
		}
		return nil
	}
	if old, err := os.ReadFile(file); err == nil && len(old) > 0 && !bytes.Contains(old[:min(len(old), 100)], []byte(reconcile.Format)) {
		return usage("--out %s: is there already, and is no plan", file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".mailops-*") // mode 0600
	if err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(writePlan(f, p), f.Close()); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	return nil
}

func writePlan(w io.Writer, p *reconcile.Plan) error {
	buffered := bufio.NewWriter(w)
	return errors.Join(p.Write(buffered), buffered.Flush())
}

// keyOf names a user.
func keyOf(address schema.Address) schema.Key {
	return schema.Key{Kind: schema.KindUser, Name: string(address)}
}
