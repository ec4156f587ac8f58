package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"mailops/schema/load/edit"
)

func (a *app) fmtCommand() *cobra.Command {
	var check, diff bool
	cmd := verb("fmt [flags] [FILE...]", "Write declarations in their canonical form, comments kept",
		"fmt rewrites the YAML files named, or all of the repository, in canonical form:\nthe law's order of keys, two spaces, quotes where they are needed. Every comment\nstays. A file that cannot be formatted safely is left alone.",
		cobra.ArbitraryArgs, func(cmd *cobra.Command, args []string) error {
			return a.fmt(cmd.Context(), args, check, diff)
		})
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; exit 1 when a file is not in canonical form")
	cmd.Flags().BoolVar(&diff, "diff", false, "change nothing; show what would change")
	return cmd
}

func (a *app) fmt(ctx context.Context, files []string, check, diff bool) error {
	if len(files) == 0 {
		var err error
		if files, err = yamlFiles(ctx, a.dir); err != nil {
			return fmt.Errorf("%w: %w", errRepository, err)
		}
	}
	if err := a.declarationsOnly(files); err != nil {
		return err
	}
	changed := 0
	var errs []error
	for _, file := range files {
		before, after, err := formatted(file)
		switch {
		case err != nil:
			errs = append(errs, err)
			continue
		case bytes.Equal(before, after):
			continue
		}
		changed++
		if diff {
			text := edit.UnifiedDiff(strings.TrimPrefix(filepath.ToSlash(file), "/"), before, after)
			fmt.Fprint(a.out, secretLine.ReplaceAllString(text, "$1(hidden)"))
			continue
		}
		fmt.Fprintln(a.out, file)
		if !check {
			errs = append(errs, replace(file, after))
		}
	}
	if err := errors.Join(errs...); err != nil || changed == 0 || !check {
		return err
	}
	return fmt.Errorf("%s not in canonical form: run `mailops fmt`", count(changed, "file"))
}

// secretLine is a line that may hold a password or its hash: differences end up
// in the logs of CI.
var secretLine = regexp.MustCompile(`(?im)(\b(?:pass\w*|hash)["']?[ \t]*:[ \t]*)[^\s#].*$`)

// declarationsOnly refuses files that are no declarations of the repository: a
// text that is not YAML may well parse as YAML, and would lose its lines.
func (a *app) declarationsOnly(files []string) error {
	root, err := filepath.Abs(a.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		full, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, full)
		if err != nil || !filepath.IsLocal(inside) {
			return usage("fmt %s: lies outside of the declarations in %s", file, a.dir)
		}
		if ext := filepath.Ext(file); ext != ".yaml" && ext != ".yml" {
			return usage("fmt %s: is no YAML file", file)
		}
	}
	return nil
}

func formatted(file string) (before, after []byte, err error) {
	if before, err = os.ReadFile(file); err != nil {
		return nil, nil, err
	}
	after, err = edit.Format(file, before)
	return before, after, err
}

// yamlFiles lists the files that the declarations are read from.
func yamlFiles(ctx context.Context, dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case e.IsDir() && file != dir && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case e.Type().IsRegular() && !strings.HasPrefix(e.Name(), ".") && (path.Ext(file) == ".yaml" || path.Ext(file) == ".yml"):
			files = append(files, file)
		}
		return nil
	})
	return files, err
}

// replace writes a file anew beside the old one and renames it over it, so that
// nobody reads half of it. It keeps the old one's mode.
func replace(file string, text []byte) error {
	file, err := filepath.EvalSymlinks(file) // a link stays one
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".mailops-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return os.Rename(f.Name(), file)
}
