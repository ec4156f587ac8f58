package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"mailops/schema/load"
)

// The files of a new repository, as templates.
//
//go:embed all:skeleton
var skeleton embed.FS

// A birth is what a new repository is made for.
type birth struct{ Name, Domain, Timezone string }

func (a *app) initCommand() *cobra.Command {
	var b birth
	cmd := verb("init [flags] [DIR]", "Make a new repository of declarations",
		"init makes a small repository that validates: an organization with one domain, a\nprofile, an administrator, a policy, a CI workflow and settings for editors.\nIt never overwrites a file.",
		cobra.MaximumNArgs(1), func(_ *cobra.Command, args []string) error {
			dir := a.dir
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(dir, b)
		})
	cmd.Flags().StringVar(&b.Name, "name", "", "the organization's name (default: the domain's first part)")
	cmd.Flags().StringVar(&b.Domain, "domain", "example.com", "the first mail domain")
	cmd.Flags().StringVar(&b.Timezone, "timezone", "UTC", "the organization's time zone")
	return cmd
}

func (a *app) init(dir string, b birth) error {
	if _, err := load.FoldAddress("postmaster@" + b.Domain); err != nil {
		return usage("--domain %s: %w", b.Domain, err)
	}
	if b.Name == "" {
		b.Name, _, _ = strings.Cut(b.Domain, ".")
	}
	files, err := b.files()
	if err != nil {
		return err
	}
	if err := writeNew(dir, files); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Made %s in %s. Next:\n  mailops -C %s validate\n  mailops -C %s plan\n", count(len(files), "file"), dir, dir, dir)
	return nil
}

// files fills in the skeleton.
func (b birth) files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	err := fs.WalkDir(skeleton, "skeleton", func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := skeleton.ReadFile(file)
		if err != nil {
			return err
		}
		t, err := template.New(file).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var out strings.Builder
		if err := t.Execute(&out, b); err != nil {
			return err
		}
		files[strings.TrimPrefix(file, "skeleton/")] = []byte(out.String())
		return nil
	})
	if err != nil {
		return nil, err
	}
	files[".vscode/mailops.schema.json"], err = load.JSONSchema()
	return files, err
}

// writeNew writes files below dir. When one of them is there already, nothing
// is written.
func writeNew(dir string, files map[string][]byte) error {
	var there []error
	for name := range files {
		if file := filepath.Join(dir, filepath.FromSlash(name)); exists(file) {
			there = append(there, fmt.Errorf("%s is there already, and nothing is overwritten", file))
		}
	}
	if len(there) > 0 {
		return errors.Join(there...)
	}
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return nil
}
