package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mailops/schema"
)

func (a *app) validateCommand() *cobra.Command {
	cmd := verb("validate [flags]", "Check the declarations, offline",
		"validate finds every problem in the declarations: YAML, the law, references, rules\nand the organization's own policies. It asks no store and no network.",
		cobra.NoArgs, a.validate)
	a.formats(cmd, formatText, formatJSON, formatSARIF, formatGitHub, formatJUnit)
	a.atFlag(cmd)
	limits(cmd)
	return cmd
}

// atFlag adds what says which declarations are looked at, and when.
func (a *app) atFlag(cmd *cobra.Command) {
	cmd.Flags().Var((*revisionFlag)(&a.rev), "rev", "read this git `REVISION` instead of the files, such as main or HEAD~2")
	cmd.Flags().Var((*instantFlag)(&a.at), "at", "look at this `TIME` instead of now, such as 2026-12-24T18:00")
}

// validate prints the problems to stdout: they are what it was asked for.
func (a *app) validate(cmd *cobra.Command, _ []string) error {
	decls, w, err := a.want(cmd.Context())
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	switch a.format {
	case formatSARIF, formatGitHub, formatJUnit:
		return errors.Join(a.previewProblems(problems), said(err))
	case formatJSON:
		return errors.Join(a.problemsJSON(problems), said(err))
	}
	if err != nil {
		a.printProblems(a.out, problems)
		return said(err)
	}
	kinds := make(map[schema.Kind]int)
	for _, r := range w.State {
		kinds[r.Key().Kind]++
	}
	fmt.Fprintf(a.out, "All is right: %s, with %s, %s, %s and %s.\n", count(len(decls.All), "declaration"), count(kinds[schema.KindUser], "user"),
		count(kinds[schema.KindAlias], "alias"), count(kinds[schema.KindList], "list"), count(len(decls.Policies), "policy"))
	return nil
}

func (a *app) problemsJSON(problems schema.Problems) error {
	return a.printJSON(struct {
		Format   string          `json:"format"`
		Problems schema.Problems `json:"problems"`
	}{"mailops.problems/v1", append(schema.Problems{}, problems...)})
}

// said marks an error as told, and keeps its exit code.
func said(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errSaid, err)
}

func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// An instantFlag is the text of --at. An empty one, as of a variable that is not
// set, must not look like no flag.
type instantFlag string

// Set implements pflag.Value.
func (f *instantFlag) Set(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	*f = instantFlag(s)
	return nil
}

// A revisionFlag is the text of --rev and --base, which is not empty either.
type revisionFlag string

// Set implements pflag.Value.
func (f *revisionFlag) Set(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	*f = revisionFlag(s)
	return nil
}

// String implements pflag.Value.
func (f *revisionFlag) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *revisionFlag) Type() string { return "REVISION" }

// String implements pflag.Value.
func (f *instantFlag) String() string { return string(*f) }

// Type implements pflag.Value.
func (f *instantFlag) Type() string { return "TIME" }
