package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/reconcile/snapshot"
	"mailops/schema"
)

// An app is one run of the program: its streams, environment and clock, and
// the flags that every verb shares.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      map[string]string
	now      func() time.Time

	dir    string        // -C
	home   string        // where what is remembered of services lies; "": in dir
	store  string        // --store
	format string        // --format
	at     string        // --at
	rev    string        // --rev
	base   string        // --base of plan and apply
	commit *git.Revision // that --rev means, once it was read
	actor  string        // --actor
}

// environ turns the environment into a map.
func environ(pairs []string) map[string]string {
	out := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		out[name] = value
	}
	return out
}

// The exit codes. The table in exitCodes is what --help and the README show.
const (
	exitDone        = 0
	exitFailure     = 1
	exitChanges     = 2
	exitUsage       = 3
	exitInvalid     = 4
	exitRefused     = 5
	exitConflict    = 6
	exitUnreachable = 7
	exitPartial     = 8
)

var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "done, or nothing to do"},
	{exitFailure, "another failure"},
	{exitChanges, "the plan has changes (plan --detailed-exitcode), or there is drift (drift)"},
	{exitUsage, "wrong usage"},
	{exitInvalid, "invalid declarations"},
	{exitRefused, "refused by a guard or rule"},
	{exitConflict, "the plan is stale, or another apply got in between"},
	{exitUnreachable, "store or repository unreachable"},
	{exitPartial, "partly applied (stores without transactions only)"},
}

// A usageError is a command line that makes no sense; a misspelling is one of
// verbs, flags and arguments.
type usageError struct {
	error
	misspelling bool
}

// Unwrap returns what is wrong with the usage.
func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{error: fmt.Errorf(format, args...)} }

var (
	// errChanges says that a plan has changes, where that was asked.
	errChanges = errors.New("the plan has changes")
	// errSaid is a failure that has been told already.
	errSaid = errors.New("said already")
	// errDrift says that the live store has what no commit made.
	errDrift = errors.New("the live store has drifted")
	// errRepository says that the declarations cannot be read at all.
	errRepository = errors.New("repository unreachable")
)

// run carries out a command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.out = &output{w: a.out}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.told()
	}
	code := exitCode(err)
	if err != nil && !errors.Is(err, errSaid) && !errors.Is(err, errChanges) && !errors.Is(err, errDrift) {
		a.complain(err)
	}
	return code
}

// An output remembers that it could not be written: half an export on a full
// disk is no success.
type output struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// told returns what kept the output from being written; nil when all was.
func (a *app) told() error {
	if out, ok := a.out.(*output); ok && out.err != nil {
		return fmt.Errorf("write to standard output: %w", out.err)
	}
	return nil
}

// exitCode is the one place that gives errors their exit codes.
func exitCode(err error) int {
	var problems schema.Problems
	var wrong usageError
	var partial *reconcile.PartialError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &partial):
		return exitPartial
	case errors.Is(err, errChanges), errors.Is(err, errDrift):
		return exitChanges
	case errors.As(err, &wrong), errors.Is(err, snapshot.ErrForeign), errors.Is(err, snapshot.ErrFormat), errors.Is(err, snapshot.ErrKey):
		return exitUsage
	case errors.As(err, &problems):
		return exitInvalid
	case errors.Is(err, reconcile.ErrRefused), errors.Is(err, errSignature), errors.Is(err, snapshot.ErrForged):
		return exitRefused
	case errors.Is(err, reconcile.ErrConflict), errors.Is(err, errApproved), errors.Is(err, snapshot.ErrExpired), errors.Is(err, reconcile.ErrFenced), errors.Is(err, reconcile.ErrLed), errors.Is(err, reconcile.ErrBusy), errors.Is(err, reconcile.ErrNoSecret):
		return exitConflict
	case errors.Is(err, reconcile.ErrUnreachable), errors.Is(err, reconcile.ErrNewer), errors.Is(err, snapshot.ErrNewer), errors.Is(err, errRepository), errors.Is(err, git.ErrUnreachable), errors.Is(err, git.ErrAuth), errors.Is(err, git.ErrDamaged), errors.Is(err, errAgent):
		return exitUnreachable
	}
	return exitFailure
}

// complain tells an error: each line of it, with the program's name before the
// first. Problems and refusals are shown in full.
func (a *app) complain(err error) {
	var problems schema.Problems
	var refused *reconcile.RefusedError
	var conflict *reconcile.ConflictError
	var partial *reconcile.PartialError
	switch {
	case errors.As(err, &partial):
		a.complainPartly(partial)
	case errors.As(err, &problems):
		a.printProblems(a.err, problems)
	case errors.As(err, &refused):
		fmt.Fprintf(a.err, "mailops: %s; nothing was changed\n", refusal(refused.Findings))
	case errors.As(err, &conflict):
		fmt.Fprintln(a.err, "mailops: the live store has moved; nothing was changed")
		for _, c := range conflict.Conflicts {
			fmt.Fprintf(a.err, "  %s %s\n", c.Key, c.Reason)
		}
		fmt.Fprintln(a.err, "  hint: plan again: mailops plan shows what is live now")
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "mailops: interrupted")
	default:
		fmt.Fprintln(a.err, "mailops:", err)
		if hint := hintFor(err); hint != "" {
			fmt.Fprintln(a.err, "  hint:", hint)
		}
	}
}

// refusal names the rules that refuse a plan; the plan itself has told the rest.
func refusal(findings []reconcile.Finding) string {
	const most = 3
	var reasons []string
	for _, f := range findings[:min(most, len(findings))] {
		reason := f.Rule
		if f.Allow != "" {
			reason += " (--allow " + f.Allow + " lifts it for one plan)"
		}
		reasons = append(reasons, reason)
	}
	if more := len(findings) - most; more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", more))
	}
	return "refused by " + strings.Join(reasons, ", ")
}

// hintFor says what to do about an error that people meet.
func hintFor(err error) string {
	var wrong usageError
	switch {
	case errors.Is(err, reconcile.ErrBusy):
		return "wait until it is done, and try again"
	case errors.Is(err, reconcile.ErrNewer):
		return "install the version of mailops that wrote it, or a newer one"
	case errors.Is(err, reconcile.ErrNoSecret):
		return "plan again from the declarations that hold it"
	case errors.Is(err, errRepository) && errors.Is(err, fs.ErrNotExist):
		return "go to the folder of mailops.yaml, or name it with -C; `mailops init DIR` makes a new one"
	case errors.Is(err, git.ErrShallow):
		return "fetch all of it: git fetch --unshallow; in a workflow, check out with fetch-depth: 0"
	case errors.Is(err, git.ErrUnrelated):
		return "name the branch that the pull request is to be merged into"
	case errors.As(err, &wrong) && wrong.misspelling:
		return "mailops help lists the verbs; mailops VERB --help the flags of one"
	}
	return ""
}

// root is the command table.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "mailops",
		Short: "Keeps mail users the way a repository says they are",
		Long: "mailops keeps mail users the way a repository says they are: it checks YAML\n" +
			"declarations, plans what they change in the live store, and applies it.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetHelpTemplate(helpTemplate + exitHelp())
	root.SetUsageTemplate(usageTemplate)
	root.PersistentFlags().StringVarP(&a.dir, "dir", "C", ".", "the folder `DIR` of the declarations")
	root.PersistentFlags().StringVar(&a.store, "store", "", "the live store's `URL`, such as sqlite:PATH (default $MAILOPS_STORE,\nelse sqlite:.mailops/live.db under the declarations)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err, true} })
	root.AddCommand(a.initCommand(), a.validateCommand(), a.planCommand(), a.applyCommand(),
		a.importCommand(), a.exportCommand(), a.fmtCommand(), a.explainCommand(), a.routeCommand(),
		a.passwordCommand(), a.backupCommand(), a.snapshotCommand(), a.commentCommand(), a.historyCommand(), a.undoCommand(),
		a.agentCommand(), a.statusCommand(), a.driftCommand(), a.pauseCommand(), a.resumeCommand(),
		a.impersonateCommand(), a.enforceCommand(), a.postingCommand(), a.schemaCommand(), a.doctorCommand(), a.versionCommand())
	root.AddCommand(a.completionCommand())
	root.SetHelpCommand(a.helpCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			_, err := verbNamed(cmd, args[0])
			return err
		}
		return cmd.Help()
	}
	return root
}

// verb makes a command whose wrong arguments are usage errors.
func verb(use, short, long string, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usage("%s does not take %s; it is used as: mailops %s", cmd.Name(), count(len(given), "argument"), use)
			}
			return nil
		},
		RunE: run,
	}
}

// formats adds --format with the formats that a verb has; the first is the
// default.
func (a *app) formats(cmd *cobra.Command, names ...string) {
	format := cmd.Flags().String("format", names[0], "the `FORMAT` of the output: "+strings.Join(names, " | "))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if !slices.Contains(names, *format) {
			return usage("--format %s: want one of %s", *format, strings.Join(names, ", "))
		}
		a.format = *format
		return nil
	}
}

// terminal reports whether a stream is one that a person sits at.
func terminal(stream any) bool {
	if o, ok := stream.(*output); ok {
		stream = o.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
