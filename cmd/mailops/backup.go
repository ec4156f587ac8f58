package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/backup"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"

	"mailops/reconcile/preview"
)

// backupFlags are the flags of mailops backup.
type backupFlags struct {
	to, storage string
	message     string
	total       string
	allow       []string
}

func (a *app) backupCommand() *cobra.Command {
	var flags backupFlags
	cmd := verb("backup [flags] ADDRESS", "Back up the mail of a deactivated user",
		"backup copies a deactivated user's mail into an archive, or what the archive lacks\nof it; an interrupted backup goes on where it was. The rules backup-* and\n"+
			"latest-backup-saved say whose mail it may be. The mail server comes from the environment:\n\n"+
			"  MAILOPS_BACKUP_SERVER         pop3s://HOST:PORT or imaps://HOST:PORT; without\n                                TLS on this machine only\n"+
			"  MAILOPS_BACKUP_USER           a master user, who signs in as ADDRESS*USER (default:\n                                a grant in the store, for this backup alone)\n"+
			"  MAILOPS_BACKUP_PASSWORD_FILE  a file with its password that nobody else may read,\n                                or MAILOPS_BACKUP_PASSWORD the password itself\n"+
			"  MAILOPS_BACKUP_CA             a PEM file of certificates to trust (default: the system's)\n"+
			"  MAILOPS_BACKUP_DIR            where archives are (default .mailops/backups)",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return a.backup(cmd.Context(), args[0], flags)
		})
	cmd.Flags().StringVar(&flags.to, "to", "", "the folder `DIR` that archives are in (default $MAILOPS_BACKUP_DIR,\nelse .mailops/backups under the declarations)")
	cmd.Flags().StringVar(&flags.storage, "format", "", "how a new archive keeps messages, as `FORMAT`: "+strings.Join(backup.Storages, " | ")+"\n(default maildir)")
	cmd.Flags().StringVar(&flags.message, "max-message", "256MiB", "leave out messages that are larger than `SIZE`")
	cmd.Flags().StringVar(&flags.total, "max-total", "64GiB", "fetch no more than `SIZE` at once")
	cmd.Flags().StringSliceVar(&flags.allow, "allow", nil, "lift one rule for this backup: `RULE=ADDRESS`")
	cmd.AddCommand(a.backupVerifyCommand())
	return cmd
}

func (a *app) backupVerifyCommand() *cobra.Command {
	var to string
	cmd := verb("verify [flags] ADDRESS|DIR", "Read an archive again, message by message",
		"verify reads every message of an archive and compares its SHA-256 with what was\nfetched. What is damaged is fetched again by the next backup, if the server still\nhas it; a user whose archive is damaged counts as not backed up.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
			return a.backupVerify(cmd.Context(), args[0], to)
		})
	cmd.Flags().StringVar(&to, "to", "", "the folder `DIR` that archives are in (default $MAILOPS_BACKUP_DIR,\nelse .mailops/backups under the declarations)")
	return cmd
}

// backup takes or continues the backup of one user, by the rules.
func (a *app) backup(ctx context.Context, user string, flags backupFlags) error {
	o, err := a.backupOptions(user, flags)
	if err != nil {
		return err
	}
	decls, _, err := a.declarations(ctx) // problems elsewhere keep nobody's mail from being kept
	if err != nil {
		return err
	}
	org, _ := resolve.Organization(decls)
	in, err := a.input(ctx, toWrite, org)
	if err != nil {
		return err
	}
	if in.Allow, err = allowances(flags.allow); err != nil {
		return err
	}
	in.Organization = org
	if err := a.backupAllowed(in, o); err != nil {
		return err
	}
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		return err
	}
	defer s.Close()
	return a.takeBackup(ctx, s, o)
}

// backupAllowed holds a backup against the rules. What refuses it is shown.
func (a *app) backupAllowed(in reconcile.Input, o backup.Options) error {
	user, ok := in.Live.State.Find(keyOf(o.Address)).(*schema.User)
	if !ok {
		return fmt.Errorf("there is no user %s in the live store", o.Address)
	}
	findings := reconcile.BackupFindings(user, in.Live.Observed[o.Address], in.Live.State, in.Organization)
	if f, over := overIMAP(in, o); over {
		findings = append(findings, f)
	}
	lift(findings, in.Allow)
	a.printFindings(a.out, findings)
	refused := slices.DeleteFunc(findings, func(f reconcile.Finding) bool { return f.Lifted })
	if len(refused) > 0 {
		return &reconcile.RefusedError{Findings: refused}
	}
	return nil
}

// overIMAP is backup-pop-only for the server that the backup is taken from.
func overIMAP(in reconcile.Input, o backup.Options) (reconcile.Finding, bool) {
	return reconcile.Finding{
		Rule: "backup-pop-only", Severity: reconcile.Refuse, Allow: "backup-pop-only=" + string(o.Address), Keys: []schema.Key{keyOf(o.Address)},
		Text: fmt.Sprintf("the mail of %s would be backed up over IMAP from %s: only POP3 is allowed", o.Address, o.Server),
	}, o.Server.Protocol() == schema.ProtocolIMAP && in.Organization.Rules.BackupPOPOnly != "off"
}

// lift marks the findings that are allowed by name.
func lift(findings []reconcile.Finding, allow []reconcile.Allowance) {
	for i, f := range findings {
		findings[i].Lifted = slices.ContainsFunc(allow, func(w reconcile.Allowance) bool {
			return strings.EqualFold(w.Rule+"="+w.Value, f.Allow)
		})
	}
}

// takeBackup takes a backup and keeps its state in the live store.
func (a *app) takeBackup(ctx context.Context, s reconcile.Store, o backup.Options) error {
	if err := backup.Mark(ctx, s, o.Address, backup.StateRunning); err != nil {
		return err
	}
	end, err := a.grantBackup(ctx, s, &o)
	if err != nil {
		return err
	}
	defer end()
	done := a.progress("backing up " + string(o.Address))
	run, err := backup.Take(ctx, o)
	done()
	if errors.Is(err, backup.ErrRunning) {
		return fmt.Errorf("back up %s: %w", o.Address, err) // whose state it is
	}
	state := backup.StateCompleted
	if err != nil {
		state = backup.StateFailed
	}
	// Also when this run is interrupted, the state is told.
	marked := backup.Mark(context.WithoutCancel(ctx), s, o.Address, state)
	for _, odd := range run.Odd {
		fmt.Fprintf(a.err, "mailops: backup of %s: %s\n", o.Address, preview.Plain(odd))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("back up %s: %w", o.Address, err), marked)
	}
	fmt.Fprintf(a.err, "%s: %s in the mailbox, %s fetched (%s), %s new\n", o.Address, count(run.Listed, "message"), count(run.Fetched, "message"), count(int(run.Bytes), "byte"), count(run.Stored, "message"))
	fmt.Fprintf(a.out, "%s: backup completed in %s\n", o.Address, o.Dir)
	return marked
}

// backupGrant is who signs in for backups where no master user is set.
const backupGrant = "mailops-backup"

// grantBackup lets the backup sign in, where no master user is set: with a
// password of its own, as this user alone, on the listeners for backups, until
// what it returns is called.
func (a *app) grantBackup(ctx context.Context, s reconcile.Store, o *backup.Options) (end func(), err error) {
	grantor, ok := s.(reconcile.Grantor)
	if o.Server.User != "" || !ok {
		return func() {}, nil
	}
	now := a.now().UTC().Truncate(time.Second)
	g := reconcile.Grant{Name: backupGrant, Target: string(o.Address), Backup: true, Reason: "mailops backup", By: a.env["USER"], At: now, Until: now.Add(reconcile.LongestGrant)}
	o.Server.User, o.Server.Password = g.Name, rand.Text()
	if g.Hash, err = hashPassword(o.Server.Password); err != nil {
		return nil, err
	}
	if err := grantor.Grant(ctx, g); err != nil {
		return nil, err
	}
	return func() {
		if _, err := grantor.Revoke(context.WithoutCancel(ctx), g.Name, g.Target, a.now()); err != nil {
			fmt.Fprintf(a.err, "mailops: the grant of %s for %s ends by itself in %s: %v\n", g.Name, g.Target, reconcile.LongestGrant, err)
		}
	}, nil
}

// backupVerify reads an archive again. An archive that is named by its user
// decides what the live store says of it.
func (a *app) backupVerify(ctx context.Context, what, to string) error {
	address, notAddress := load.FoldAddress(what)
	dir, named := what, false
	if info, err := os.Stat(what); notAddress == nil && (err != nil || !info.IsDir()) {
		dir, named = a.backupDir(to, address), true
	}
	done := a.progress("reading " + dir)
	v, err := backup.Verify(ctx, dir)
	done()
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for _, d := range v.Damaged {
		fmt.Fprintf(a.out, "  %s, message %d: %v\n", d.Message.File, d.Message.ID, d.Err)
	}
	if v.Strays > 0 {
		fmt.Fprintf(a.err, "mailops: %s holds %s that the manifest does not name\n", dir, count(v.Strays, "message"))
	}
	fmt.Fprintf(a.out, "%s: %s, %d damaged; the backup is %s\n", v.Address, count(v.Messages, "message"), len(v.Damaged), v.State)
	switch {
	case len(v.Damaged) > 0:
		err := fmt.Errorf("%s is damaged: mailops backup %s fetches again what it can", dir, v.Address)
		if named {
			err = errors.Join(err, a.markDamaged(ctx, address))
		}
		return err
	case v.State != backup.StateCompleted:
		return fmt.Errorf("%s is not complete: mailops backup %s goes on", dir, v.Address)
	}
	return nil
}

// markDamaged takes back that a user is backed up, so that nobody is deleted
// whose mail is not kept.
func (a *app) markDamaged(ctx context.Context, address schema.Address) error {
	in, err := a.input(ctx, toRead, schema.Organization{})
	if err != nil || in.Live.Observed[address].Backup != backup.StateCompleted {
		return err
	}
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		return err
	}
	defer s.Close()
	return backup.Mark(ctx, s, address, backup.StateFailed)
}

// queueBackups marks the backups that a plan has made due. The plan is applied:
// what goes wrong here is told, and does not undo it.
func (a *app) queueBackups(ctx context.Context, s reconcile.Store, p *planned) []schema.Address {
	due := reconcile.BackupsDue(p.in.Live.State, p.Changes)
	for _, address := range due {
		if err := backup.Mark(context.WithoutCancel(ctx), s, address, backup.StateQueued); err != nil {
			fmt.Fprintln(a.err, "mailops:", err)
		}
	}
	return due
}

// takeQueued takes the backups that an apply has queued, where a mail server is
// set; else it says how they are taken. The apply has worked either way.
func (a *app) takeQueued(ctx context.Context, p *planned, due []schema.Address) {
	if a.env["MAILOPS_BACKUP_SERVER"] == "" {
		for _, address := range due {
			fmt.Fprintf(a.err, "The backup of %s is queued: set MAILOPS_BACKUP_SERVER, and run mailops backup %s\n", address, address)
		}
		return
	}
	for _, address := range due {
		if err := a.takeOne(ctx, p, address); err != nil {
			a.complain(err)
			fmt.Fprintf(a.err, "mailops: THE MAIL OF %s IS NOT BACKED UP; the plan is applied. mailops backup %s goes on where it was\n", address, address)
		}
	}
}

// takeOne takes one queued backup. The plan's own rules have let the user
// through; what is left is where the mail comes from.
func (a *app) takeOne(ctx context.Context, p *planned, address schema.Address) error {
	o, err := a.backupOptions(string(address), backupFlags{})
	if err != nil {
		return err
	}
	if f, over := overIMAP(p.in, o); over {
		findings := []reconcile.Finding{f}
		if lift(findings, p.in.Allow); !findings[0].Lifted {
			return fmt.Errorf("%s: %s", f.Rule, f.Text)
		}
	}
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		return err
	}
	defer s.Close()
	quiet := *a
	quiet.out = a.err // standard output is the apply's
	return quiet.takeBackup(ctx, s, o)
}
