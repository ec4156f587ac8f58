package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
)

func (a *app) pauseCommand() *cobra.Command {
	var all bool
	var until, reason string
	cmd := verb("pause [flags] [ADDRESS|DOMAIN]", "Keep the agent from changing somebody, for a while",
		"pause keeps the agent from changing an address, a domain, or with --all anything,\nuntil a time, 30 days from now at most. It is kept in the store, with who asked and why,\nand ends by itself. Who applies by hand is not bound by it. Without anything it lists\nthe pauses.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !all && until+reason+a.actor == "" {
				return a.withPauses(cmd.Context(), toRead, a.showPauses)
			}
			scope, err := pauseScope(args, all)
			if err != nil {
				return err
			}
			p, err := a.newPause(cmd.Context(), scope, until, reason)
			if err != nil {
				return err
			}
			return a.withPauses(cmd.Context(), toWrite, func(ctx context.Context, s reconcile.Pauser) error {
				return a.pause(ctx, s, p)
			})
		})
	cmd.Flags().BoolVar(&all, "all", false, "pause everything")
	cmd.Flags().StringVar(&until, "until", "", "when it ends: a `TIME` such as 2026-12-24T18:00 on the organization's clocks, a date, which is the end\nof that day, or a while such as 4h or 7d")
	cmd.Flags().StringVar(&reason, "reason", "", "why, in a few `WORDS`")
	cmd.Flags().StringVar(&a.actor, "actor", "", "the `ADDRESS` of the administrator who asks (default: the user of this machine)")
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

// openThere opens a live store that is there: whoever asks how one stands, or
// changes what it remembers, has misspelt the name of one that is not, and must
// not be answered by an empty one, nor make it.
func (a *app) openThere(ctx context.Context, how access) (liveStore, string, error) {
	routes, err := a.routes(ctx)
	if err != nil {
		return nil, "", err
	}
	name, err := a.nameOf(routes)
	if err != nil {
		return nil, "", err
	}
	url := "sqlite:" + filepath.Join(a.dir, homeStore)
	if len(routes) == 0 {
		url = a.storeURL()
	}
	if scheme, path, _ := strings.Cut(url, ":"); scheme == "sqlite" {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, name, fmt.Errorf("%w: there is no %s; the first apply makes it", reconcile.ErrUnreachable, path)
		}
	}
	return a.openRouted(ctx, routes, how)
}

// withPauses opens the store, if it keeps pauses.
func (a *app) withPauses(ctx context.Context, how access, do func(context.Context, reconcile.Pauser) error) error {
	s, name, err := a.openThere(ctx, how)
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

// newPause is the pause that is asked for.
func (a *app) newPause(ctx context.Context, scope, until, reason string) (reconcile.Pause, error) {
	now := a.now().UTC().Truncate(time.Second)
	end, err := parseUntil(until, now, func() (string, error) { return a.zoneFor(ctx, "--until "+until) })
	if err != nil {
		return reconcile.Pause{}, err
	}
	p := reconcile.Pause{Scope: scope, Until: end.UTC(), Reason: reason, By: whoami(a.env), At: now}
	if a.actor != "" {
		actor, err := load.FoldAddress(a.actor)
		if err != nil {
			return p, usage("--actor %s: %w", a.actor, err)
		}
		p.By = string(actor)
	}
	if err := p.Check(now); err != nil {
		return p, usageError{err, false}
	}
	return p, nil
}

// whoami is the user of this machine.
func whoami(env map[string]string) string {
	if env["USER"] != "" {
		return env["USER"]
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

func (a *app) pause(ctx context.Context, s reconcile.Pauser, p reconcile.Pause) error {
	if p.Scope != reconcile.PauseAll {
		if err := a.known(ctx, s, "", p.Scope); err != nil {
			return err
		}
	}
	if a.actor != "" {
		if err := a.known(ctx, s, "--actor ", p.By); err != nil {
			return err
		}
	}
	if err := s.Pause(ctx, p); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "%s is paused until %s.\n", scopeText(p.Scope), p.Until.Format(time.DateTime+" UTC"))
	return nil
}

// known refuses a name that is neither live nor declared: a pause of it would hold
// nothing, and whoever misspelt it would think that it does.
func (a *app) known(ctx context.Context, s reconcile.Pauser, flag, name string) error {
	if w, ok := s.(reconcile.Witness); ok {
		rows, err := w.Look(ctx, []string{name})
		if err != nil || len(rows) > 0 {
			return err
		}
	}
	names, err := a.names(ctx, s)
	if err != nil || slices.Contains(names, name) {
		return err
	}
	what := "user, alias or list"
	if !strings.Contains(name, "@") {
		what = "domain"
	}
	meant := ""
	if near := nearest(name, names); near != "" {
		meant = "; did you mean " + near + "?"
	}
	return usage("%s%s: no such %s is live or declared%s", flag, name, what, meant)
}

// names are those of all that is live, and declared where there are declarations.
func (a *app) names(ctx context.Context, s reconcile.Pauser) ([]string, error) {
	var names []string
	if live, ok := s.(reconcile.Store); ok {
		for row, err := range live.Read(ctx) {
			if err != nil {
				return nil, fmt.Errorf("read live state: %w", err)
			}
			names = append(names, row.Key().Name)
		}
	}
	decls, _, err := a.declarations(ctx)
	if err != nil {
		return names, nil // pauses are made anywhere, also where no declarations are
	}
	for i := range decls.All {
		if key := decls.All[i].Key(); slices.Contains(schema.LiveKinds, key.Kind) {
			names = append(names, key.Name)
		}
	}
	return names, nil
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
