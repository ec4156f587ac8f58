package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema/load"

	"mailops/reconcile/preview"
)

func (a *app) pauseCommand() *cobra.Command {
	var all bool
	var until, reason string
	cmd := verb("pause [flags] [ADDRESS|DOMAIN]", "Keep the agent from changing somebody, for a while",
		"pause keeps the agent from changing an address, a domain, or with --all anything,\nuntil a time. It is kept in the store, with who asked and why, and ends by itself.\nWho applies by hand is not bound by it. Without anything it lists the pauses.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !all {
				return a.withPauses(cmd.Context(), toRead, a.showPauses)
			}
			scope, err := pauseScope(args, all)
			if err != nil {
				return err
			}
			return a.withPauses(cmd.Context(), toWrite, func(ctx context.Context, s reconcile.Pauser) error {
				return a.pause(ctx, s, scope, until, reason)
			})
		})
	cmd.Flags().BoolVar(&all, "all", false, "pause everything")
	cmd.Flags().StringVar(&until, "until", "", "when it ends: a `TIME` such as 2026-12-24T18:00, or a while such as 4h")
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few `WORDS`")
	cmd.Flags().StringVar(&a.actor, "actor", "", "the `ADDRESS` of the administrator who asks")
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) resumeCommand() *cobra.Command {
	var all bool
	cmd := verb("resume [flags] [ADDRESS|DOMAIN]", "End a pause",
		"resume ends the pauses of an address or a domain, or with --all the one of\neverything. Others stay.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			scope, err := pauseScope(args, all)
			if err != nil {
				return err
			}
			return a.withPauses(cmd.Context(), toWrite, func(ctx context.Context, s reconcile.Pauser) error {
				n, err := s.Resume(ctx, scope, a.now().UTC())
				if err != nil {
					return err
				}
				if n == 0 {
					return fmt.Errorf("%s is not paused", scopeText(scope))
				}
				fmt.Fprintf(a.out, "%s goes on.\n", scopeText(scope))
				return nil
			})
		})
	cmd.Flags().BoolVar(&all, "all", false, "end the pause of everything")
	return cmd
}

// pauseScope is what a pause is about.
func pauseScope(args []string, all bool) (string, error) {
	switch {
	case all && len(args) > 0:
		return "", usage("--all is everything: leave %s out", args[0])
	case all:
		return reconcile.PauseAll, nil
	case len(args) == 0:
		return "", usage("what? an ADDRESS, a DOMAIN, or --all")
	case strings.Contains(args[0], "@"):
		address, err := load.FoldAddress(args[0])
		if err != nil {
			return "", usage("%s: %w", args[0], err)
		}
		return string(address), nil
	}
	domain, err := load.FoldDomain(args[0])
	if err != nil || !strings.Contains(domain, ".") {
		return "", usage("%s is neither an address nor a domain", args[0])
	}
	return domain, nil
}

func scopeText(scope string) string {
	if scope == reconcile.PauseAll {
		return "everything"
	}
	return scope
}

// withPauses opens the store, if it keeps pauses.
func (a *app) withPauses(ctx context.Context, how access, do func(context.Context, reconcile.Pauser) error) error {
	s, name, err := a.open(ctx, how)
	if err != nil {
		return err
	}
	defer s.Close()
	p, ok := s.(reconcile.Pauser)
	if !ok {
		return usage("%s keeps no pauses", name)
	}
	return do(ctx, p)
}

func (a *app) pause(ctx context.Context, s reconcile.Pauser, scope, until, reason string) error {
	now := a.now().UTC().Truncate(time.Second)
	end, err := parseUntil(until, now)
	if err != nil {
		return err
	}
	p := reconcile.Pause{Scope: scope, Until: end.UTC(), Reason: reason, By: cmp.Or(a.actor, a.env["USER"]), At: now}
	if err := p.Check(now); err != nil {
		return usageError{err, false}
	}
	if err := s.Pause(ctx, p); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s is paused until %s.\n", scopeText(scope), p.Until.Format(time.DateTime+" UTC"))
	return nil
}

// parseUntil reads when a pause ends.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, usage("--until TIME is needed: a pause that never ends is forgotten")
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	t, err := parseAt(text, "Local")
	if err != nil {
		return t, usage("--until %s: want a time such as 2026-12-24T18:00, or a while such as 4h", text)
	}
	return t, nil
}

func (a *app) showPauses(ctx context.Context, s reconcile.Pauser) error {
	all, err := s.Pauses(ctx)
	if err != nil {
		return err
	}
	pauses := reconcile.Pauses(all).InForce(a.now())
	if a.format == "json" {
		return a.printJSON(struct {
			Format string           `json:"format"`
			Pauses reconcile.Pauses `json:"pauses"`
		}{"mailops.pauses/v1", append(reconcile.Pauses{}, pauses...)})
	}
	if len(pauses) == 0 {
		fmt.Fprintln(a.out, "Nothing is paused.")
		return nil
	}
	return a.printPauses(pauses)
}

func (a *app) printPauses(pauses reconcile.Pauses) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PAUSED\tUNTIL\tBY\tREASON")
	for _, p := range pauses {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", scopeText(p.Scope), p.Until.UTC().Format(time.DateTime+" UTC"), cmp.Or(preview.Plain(p.By), "-"), preview.Plain(p.Reason))
	}
	return w.Flush()
}
