package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile/sign"
	"mailops/reconcile/snapshot"
	"mailops/schema"
)

// snapshotFlags are the flags of snapshot.
type snapshotFlags struct{ out, signKey, redactKey string }

func (a *app) snapshotCommand() *cobra.Command {
	var flags snapshotFlags
	cmd := verb("snapshot [flags]", "Write what a plan needs of the live store, for previews without its credentials",
		"snapshot writes what a plan needs to know of the live store into one compressed file,\n"+
			"for those who preview a change and must not reach the store. It holds no password\n"+
			"hash and no secret, but it says who has which address and what they may do.\n\n"+
			"Without --redact-key nobody can tell from it whether a password changes. With it\n"+
			"names, and addresses and networks that are not the organization's, are keyed hashes\n"+
			"too; plans against it need the same key.\n\n"+
			"  mailops snapshot --out live.snapshot --sign-key agent_ed25519\n"+
			"  openssl rand -base64 32 >redact.key; chmod 600 redact.key\n"+
			"  mailops snapshot --out live.snapshot --redact-key redact.key\n\n"+
			"`gzip -dcq live.snapshot` shows all that is in it; what ssh-keygen -Y verify -n\n"+
			"mailops-snapshot@v1 checks is the file without the signature at its end.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return a.snapshot(cmd.Context(), flags) })
	cmd.Flags().StringVar(&flags.out, "out", "", "write to this `FILE`, which only its owner may read unless it was there and others might\n(default: standard output)")
	cmd.Flags().StringVar(&flags.signKey, "sign-key", "", "sign with the SSH key (ed25519, without a passphrase) in this `FILE`")
	cmd.Flags().StringVar(&flags.redactKey, "redact-key", "", "hide personal fields with the key in this `FILE`: 32 characters or more, by chance")
	return cmd
}

func (a *app) snapshot(ctx context.Context, flags snapshotFlags) error {
	if flags.out == "" && terminal(a.out) {
		return usage("a snapshot is not for reading: say --out FILE, or send it on")
	}
	options, err := flags.options()
	if err != nil {
		return err
	}
	org, err := a.organization(ctx)
	if err != nil {
		return err
	}
	options.At, options.Organization = a.now(), org.Name
	options.Since = options.At.Add(-time.Duration(org.Guards.Window.Per))
	written, err := a.takeSnapshot(ctx, flags.out, options)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.err, taken(written, options))
	return nil
}

// options reads the keys.
func (f *snapshotFlags) options() (o snapshot.Options, err error) {
	if f.signKey != "" {
		if o.Signer, err = sign.ReadKey(f.signKey); err != nil {
			return o, usage("--sign-key: %w", err)
		}
	}
	if f.redactKey != "" {
		o.Key, err = readRedactKey(f.redactKey)
	}
	return o, err
}

// readRedactKey reads the key that hides personal fields.
func readRedactKey(file string) (*snapshot.Key, error) {
	text, err := readSecret(file)
	if err != nil {
		return nil, usage("--redact-key: %w", err)
	}
	key, err := snapshot.NewKey([]byte(text))
	if err != nil {
		return nil, usage("--redact-key %s: %w", file, err)
	}
	return key, nil
}

// organization reads the organization alone: what is wrong elsewhere in the
// declarations does not matter to what is live.
func (a *app) organization(ctx context.Context) (schema.Organization, error) {
	decls, problems, err := a.declarations(ctx)
	if err != nil {
		return schema.Organization{}, err
	}
	org, more := organizationOf(decls)
	if org.Name == "" || len(more) > 0 {
		return org, append(problems, more...).Err()
	}
	return org, nil
}

// takeSnapshot writes the snapshot of the live store to a file, or to standard
// output.
func (a *app) takeSnapshot(ctx context.Context, file string, o snapshot.Options) (snapshot.Written, error) {
	defer a.progress("reading the live store")()
	s, name, err := a.open(ctx, toRead)
	if err != nil {
		return snapshot.Written{}, err
	}
	defer s.Close()
	o.Store = name
	if file == "" {
		return snapshot.Write(ctx, a.out, s, o)
	}
	out, err := snapshot.Create(file)
	if err != nil {
		return snapshot.Written{}, unfit("--out", file, err)
	}
	defer out.Discard()
	written, err := snapshot.Write(ctx, out, s, o)
	if err != nil {
		return written, err
	}
	return written, out.Keep()
}

// unfit is the error of a file that no snapshot can be written to, by its flag.
func unfit(flag, file string, err error) error {
	if errors.Is(err, snapshot.ErrTaken) || errors.Is(err, snapshot.ErrFolder) {
		return usage("%s %s: %w", flag, file, err)
	}
	return err
}

// taken says in a line what a snapshot holds, and what not.
func taken(w snapshot.Written, o snapshot.Options) string {
	inForce := "nothing"
	if w.Revision != "" {
		inForce = short(w.Revision)
	}
	hidden, by := "no password can be compared (--redact-key)", "not signed (--sign-key)"
	if o.Key != nil {
		hidden = "personal fields hidden with the key " + w.Key
	}
	if o.Signer != nil {
		by = "signed with " + o.Signer.Fingerprint()
	}
	return fmt.Sprintf("Snapshot of %s: %s and %s; in force: %s; %s; %s.", w.Store,
		count(w.Users, "user"), count(w.Rows-w.Users, "other resource"), inForce, hidden, by)
}
