package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate lays out how a verb is called, or all of them.
const usageTemplate = `Usage:
  {{if .HasParent}}{{.UseLine}}{{else}}mailops VERB [flags]{{end}}{{if .HasAvailableSubCommands}}

Verbs:{{range .Commands}}{{if or .IsAvailableCommand (eq .Name "help")}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every verb:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

mailops VERB --help tells more about a verb.{{end}}
`

const helpTemplate = "{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}\n\n{{end}}{{.UsageString}}"

func exitHelp() string {
	var b strings.Builder
	b.WriteString("\nExit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", e.code, e.meaning)
	}
	return b.String()
}

func (a *app) helpCommand() *cobra.Command {
	cmd := verb("help [VERB]", "Say how a verb is used", "help tells what verbs there are, or how one is used.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			about := cmd.Root()
			if len(args) == 1 {
				var err error
				if about, err = verbNamed(about, args[0]); err != nil {
					return err
				}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		})
	cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, c := range cmd.Root().Commands() {
			names = append(names, c.Name())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}

// verbNamed finds a verb, or one that was meant.
func verbNamed(root *cobra.Command, name string) (*cobra.Command, error) {
	for _, c := range root.Commands() {
		if c.Name() == name {
			return c, nil
		}
	}
	root.SuggestionsMinimumDistance = 2
	if meant := root.SuggestionsFor(name); len(meant) > 0 {
		return nil, usage("there is no verb %q; did you mean %s?", name, strings.Join(meant, " or "))
	}
	return nil, usage("there is no verb %q", name)
}

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	cmd := verb("completion bash | zsh | fish | powershell", "Print a script that completes verbs and flags in a shell",
		"completion prints a script that completes verbs, flags and rules. For bash:\n\n  mailops completion bash >/etc/bash_completion.d/mailops",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			switch root := cmd.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usage("completion %s: want one of %s", args[0], strings.Join(shells, ", "))
		})
	cmd.ValidArgs = shells
	return cmd
}
