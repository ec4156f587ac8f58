package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/load/edit"
)

func (a *app) importCommand() *cobra.Command {
	var name string
	cmd := verb("import [flags] [DIR]", "Write a live store as YAML",
		"import writes what a live store holds as a new repository in DIR (default: -C), as\na person would write it: what 60 % of the users share becomes the profile everyone,\nwhat a group has in common becomes a profile of its own where that spares words,\nand a user says what differs. It never overwrites a file. A plan right after it is\nempty. Passwords are left out: who has one keeps it. So is what the store does not\nshow; what could be set there unseen is listed as unmanaged.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			dir := a.dir
			if len(args) == 1 {
				dir = args[0]
			}
			return a.importTo(cmd.Context(), dir, name)
		})
	cmd.Flags().StringVar(&name, "name", "imported", "the organization's `NAME`")
	return cmd
}

func (a *app) importTo(ctx context.Context, dir, name string) error {
	if _, err := os.Stat(filepath.Join(a.dir, load.Root)); errors.Is(err, fs.ErrNotExist) {
		a.home = dir // what is remembered of a service will be looked for beside the files
	}
	in, err := a.input(ctx, toRead, schema.Organization{})
	if err != nil {
		return err
	}
	if len(in.Live.State) == 0 {
		return fmt.Errorf("import %s: the store is empty", in.Store)
	}
	in.Routes = a.routesFrom(in.Routes, dir)
	files, hidden, err := imported(in, name)
	if err != nil {
		return err
	}
	if err := writeNew(dir, files); err != nil {
		return err
	}
	if len(hidden) > 0 {
		fmt.Fprintf(a.err, "mailops: the files say nothing of what the store does not show: %s\n", strings.Join(hidden, ", "))
	}
	a.dir = dir
	if _, problems, err := a.declarations(ctx); err != nil || len(problems) > 0 {
		fmt.Fprintln(a.err, "mailops: the store holds what declarations cannot say; the files are written, and these need mending:")
		return errors.Join(err, problems.Err())
	}
	sum := reconcile.Summarize(reconcile.Diff(nil, in.Live.State))
	fmt.Fprintf(a.out, "Wrote %s for %s into %s. Next:\n  mailops -C %s validate\n  mailops -C %s plan\n", count(len(files), "file"), count(sum.Create, "resource"), dir, dir, dir)
	return nil
}

// routesFrom are routes as declarations in another folder would have them.
func (a *app) routesFrom(routes []schema.StoreRoute, dir string) []schema.StoreRoute {
	out := slices.Clone(routes)
	for i := range out {
		file, ok := strings.CutPrefix(out[i].Store, "sqlite:")
		if !ok || filepath.IsAbs(file) {
			continue
		}
		file = filepath.Join(a.dir, file)
		if from, err := filepath.Abs(dir); err == nil {
			if to, err := filepath.Abs(file); err == nil {
				if there, err := filepath.Rel(from, to); err == nil {
					file = filepath.ToSlash(there)
				}
			}
		}
		out[i].Store = "sqlite:" + file
	}
	return out
}

// imported is the repository that declares what is known of the live state, and
// the fields that it says nothing of, since the store does not show them. Those
// that the store could set all the same are left alone: to declare them would be
// to change what nobody has seen.
func imported(in reconcile.Input, name string) (files map[string][]byte, hidden []string, err error) {
	user, list, err := load.Defaults()
	if err != nil {
		return nil, nil, err
	}
	d := edit.Defaults{Organization: name, User: user, List: list, Stores: in.Routes}
	blank := map[schema.Kind]schema.Resource{schema.KindDomain: &schema.Domain{}, schema.KindUser: user, schema.KindList: list}
	known, lacks := reconcile.Known(in.Live.State, in.Lacks, blank)
	for _, l := range lacks {
		path := l.Path
		if l.Kind != schema.KindUser {
			path = string(l.Kind) + "." + path
		}
		if l.Store != "" {
			path += " (" + l.Store + ")"
		}
		hidden = append(hidden, path)
		if l.Cannot == reconcile.CannotObserve && !slices.Contains(d.Unmanaged, l.Path) {
			d.Unmanaged = append(d.Unmanaged, l.Path)
		}
	}
	return edit.Import(known, d), hidden, nil
}
