package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
)

func (a *app) schemaCommand() *cobra.Command {
	cmd := verb("schema [json | cue | plan]", "Print the law, or the schema of plans",
		"schema json prints a JSON Schema (draft 2020-12) of the declarations, for editors.\nschema cue prints the CUE law, for cue vet.\nschema plan prints the JSON Schema of what plan --format json prints.",
		cobra.MaximumNArgs(1), func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"json"}
			}
			return a.printSchema(args[0])
		})
	cmd.ValidArgs = []string{"json", "cue", "plan"}
	return cmd
}

func (a *app) printSchema(of string) error {
	text, err := preview.PlanSchema, error(nil)
	switch of {
	case "plan":
	case "json":
		text, err = load.JSONSchema()
	case "cue":
		return a.printLaw()
	default:
		return usage("schema %s: want json, cue or plan", of)
	}
	if err == nil {
		_, err = a.out.Write(text)
	}
	return err
}

// printLaw prints the files of the law one after another, as one CUE file.
func (a *app) printLaw() error {
	const head = "common.cue" // its comment is the package's
	files, err := fs.Glob(schema.Law, "*.cue")
	if err != nil {
		return err
	}
	files = append([]string{head}, slices.DeleteFunc(files, func(f string) bool { return f == head })...)
	for _, file := range files {
		text, err := schema.Law.ReadFile(file)
		if err != nil {
			return err
		}
		law := string(text)
		if file != head {
			_, law, _ = strings.Cut(law, "package schema\n")
		}
		if _, err := fmt.Fprint(a.out, law); err != nil {
			return err
		}
	}
	return nil
}
