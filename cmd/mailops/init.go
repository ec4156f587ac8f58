package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"mailops/schema/load"
	"mailops/schema/load/edit"
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
	cmd.Flags().StringVar(&b.Name, "name", "", "the organization's `NAME` (default: the domain's first part)")
	cmd.Flags().StringVar(&b.Domain, "domain", "example.com", "the first mail `DOMAIN`")
	cmd.Flags().StringVar(&b.Timezone, "timezone", "UTC", "the organization's time `ZONE`")
	return cmd
}

func (a *app) init(dir string, b birth) error {
	postmaster, err := load.FoldAddress("postmaster@" + b.Domain)
	if err != nil {
		return usage("--domain %s: %w", b.Domain, err)
	}
	if _, err := time.LoadLocation(b.Timezone); err != nil || b.Timezone == "Local" {
		return usage("--timezone %s: want a name of the IANA database, such as Europe/Lisbon", b.Timezone)
	}
	b.Domain = postmaster.Domain()
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
		name := strings.TrimPrefix(file, "skeleton/")
		if strings.HasPrefix(name, ".github/") { // its own templates look like ours
			files[name] = text
			return nil
		}
		t, err := template.New(file).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return err
		}
		var out strings.Builder
		if err := t.Execute(&out, b); err != nil {
			return err
		}
		files[name], err = b.canonical(name, out.String())
		return err
	})
	if err != nil {
		return nil, err
	}
	files[".vscode/mailops.schema.json"], err = load.JSONSchema()
	return files, err
}

// canonical makes sure of declarations that they say what they are meant to,
// whatever was filled in, and writes them as fmt does.
func (b birth) canonical(file, text string) ([]byte, error) {
	if path.Ext(file) != ".yaml" {
		return []byte(text), nil
	}
	_, problems, err := load.Text(file, []byte(text))
	if err == nil && len(problems) > 0 {
		err = usage("--name %q: %s", b.Name, problems[0].Message)
	}
	if err != nil {
		return nil, err
	}
	return edit.Format(file, []byte(text))
}

// writeNew writes files below dir. When one of them is there already, nothing
// is written.
func writeNew(dir string, files map[string][]byte) error {
	names := slices.Sorted(maps.Keys(files))
	var there []string
	for _, name := range names {
		if file := filepath.Join(dir, filepath.FromSlash(name)); exists(file) {
			there = append(there, "\n  "+file)
		}
	}
	if len(there) > 0 {
		return fmt.Errorf("nothing was written, because nothing is overwritten; already there:%s", strings.Join(there, ""))
	}
	for _, name := range names {
		file, text := filepath.Join(dir, filepath.FromSlash(name)), files[name]
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

// exists reports whether there is anything of that name.
func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}
