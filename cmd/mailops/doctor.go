package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
)

// A diagnosis is one thing that doctor looked at.
type diagnosis struct {
	Subject string `json:"subject"`
	OK      bool   `json:"ok"`
	Text    string `json:"text"`
	Mend    string `json:"mend,omitempty"`
}

func (a *app) doctorCommand() *cobra.Command {
	var mail mailServers
	cmd := verb("doctor [flags]", "Check declarations, store and clock, and say what to mend",
		"doctor looks at everything that mailops needs, changes nothing, and says what to\nmend. It exits 1 when something needs mending. With --mailserver it also looks at the\nDovecot and Postfix of this machine: whether they run with the settings in their files,\nand ask the store for everything that it holds. That takes root.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			found := a.diagnose(cmd.Context())
			if mail.look {
				found = append(found, a.diagnoseMail(cmd.Context(), mail)...)
			}
			if err := a.printDiagnoses(found); err != nil {
				return err
			}
			for _, d := range found {
				if !d.OK {
					return errSaid
				}
			}
			return nil
		})
	cmd.Flags().BoolVar(&mail.look, "mailserver", false, "look at this machine's Dovecot and Postfix as well")
	cmd.Flags().StringVar(&mail.at.Dovecot, "dovecot", "/etc/dovecot/dovecot.conf", "the `FILE` of Dovecot's settings")
	cmd.Flags().StringVar(&mail.at.Postfix, "postfix", "/etc/postfix", "the `DIR` of Postfix's settings")
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) diagnose(ctx context.Context) []diagnosis {
	found := a.diagnoseDeclarations(ctx)
	s, name, err := a.open(ctx, toRead)
	if err != nil {
		return append(found, diagnosis{"store", false, err.Error(), hintFor(err)})
	}
	defer s.Close()
	found = append(found, a.diagnoseStore(ctx, s, name)...)
	return append(found, a.diagnoseClock(ctx, s))
}

func (a *app) diagnoseDeclarations(ctx context.Context) []diagnosis {
	decls, w, err := a.want(ctx)
	var problems schema.Problems
	switch {
	case errors.As(err, &problems):
		return []diagnosis{{"declarations", false, count(len(problems), "problem"), "mailops validate"}}
	case err != nil:
		return []diagnosis{{"declarations", false, err.Error(), hintFor(err)}}
	}
	out := []diagnosis{{"declarations", true, fmt.Sprintf("%d are right", len(decls.All)), ""}}
	for _, u := range w.Unset {
		out = append(out, diagnosis{"environment", false, fmt.Sprintf("%s, the password of %s, is not set", u.Variable, u.Address), "set it where mailops runs"})
	}
	return out
}

// A selfChecker is a store that can say what is wrong with itself.
type selfChecker interface {
	// Check returns a sentence for each thing that is wrong, none when all is
	// well. An error says that looking itself was not possible.
	Check(ctx context.Context) ([]string, error)
}

func (a *app) diagnoseStore(ctx context.Context, s liveStore, name string) []diagnosis {
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return []diagnosis{{"store", false, err.Error(), hintFor(err)}}
	}
	out := []diagnosis{{"store", true, fmt.Sprintf("%s holds %d resources", name, len(live.State)), ""}}
	checker, ok := s.(selfChecker)
	if !ok {
		return out
	}
	wrong, err := checker.Check(ctx)
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, text := range wrong {
		out = append(out, diagnosis{"store", false, text, ""})
	}
	return out
}

// diagnoseClock compares the clock with what the ledger has seen: schedules and
// journeys end by it.
func (a *app) diagnoseClock(ctx context.Context, s reconcile.Ledger) diagnosis {
	now := a.now()
	runs, err := s.Runs(ctx, 1)
	switch {
	case err != nil:
		return diagnosis{"ledger", false, err.Error(), hintFor(err)}
	case len(runs) > 0 && runs[0].At.After(now.Add(time.Minute)):
		return diagnosis{"clock", false, fmt.Sprintf("it shows %s, and the last run was at %s", now.UTC().Format(time.DateTime), runs[0].At.UTC().Format(time.DateTime)), "set the clock"}
	case !zonesWork():
		return diagnosis{"clock", false, "time zones cannot be read", "install the package tzdata"}
	}
	return diagnosis{"clock", true, now.UTC().Format(time.DateTime) + " UTC", ""}
}

func zonesWork() bool {
	_, err := time.LoadLocation("Europe/Lisbon")
	return err == nil
}

func (a *app) printDiagnoses(found []diagnosis) error {
	if a.format == "json" {
		return a.printJSON(struct {
			Format    string      `json:"format"`
			Diagnoses []diagnosis `json:"diagnoses"`
		}{"mailops.doctor/v1", found})
	}
	for _, d := range found {
		mark := a.paint(a.out, green, "ok  ")
		if !d.OK {
			mark = a.paint(a.out, red, "mend")
		}
		fmt.Fprintf(a.out, "%s  %s  %s\n", mark, pad(d.Subject, 12), d.Text)
		if d.Mend != "" {
			fmt.Fprintf(a.out, "                    → %s\n", d.Mend)
		}
	}
	return nil
}
