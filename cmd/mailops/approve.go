package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/reconcile/sign"
	"mailops/reconcile/snapshot"
	"mailops/schema"
)

// errSignature says that a plan file is not signed by anybody who may.
var errSignature = errors.New("the plan file is not signed as --verify-key asks")

// errApproved says that a plan does something else than the approved one.
var errApproved = errors.New("the plan is not the one that was approved")

// signature is the name of the file with the signature of another.
func signature(file string) string { return file + ".sig" }

// signPlan signs a saved plan.
func signPlan(file, keyFile string) error {
	if file == "" {
		return usage("--sign-key signs a file: say --out FILE")
	}
	key, err := sign.ReadKey(keyFile)
	if err != nil {
		return usage("--sign-key: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("sign plan: %w", err)
	}
	sig, err := key.Sign(bytes.NewReader(text), sign.Plan)
	if err == nil {
		err = os.WriteFile(signature(file), sig, 0o600)
	}
	if err != nil {
		return fmt.Errorf("sign plan: %w", err)
	}
	return nil
}

// approval is what apply asks of a plan before it carries it out.
type approval struct{ plan, signers string }

func (f *approval) add(cmd *cobra.Command) {
	cmd.Flags().Var((*revisionFlag)(&f.plan), "approved-plan", "apply only if the plan does what that one did: the `ID` that a preview names, or approval of its JSON; with the --base of the preview also what it does later by itself, and which guards it loosens. It does not expire")
	cmd.Flags().StringVar(&f.signers, "verify-key", "", "carry out a plan file only if PLANFILE.sig is by a key in this `FILE`: a .pub file, or allowed_signers of ssh-keygen")
}

// same demands that a plan made now does what the approved one did.
func (f *approval) same(p *reconcile.Plan) error {
	if f.plan == "" || f.plan == p.Approval {
		return nil
	}
	return fmt.Errorf("%w: it is %s, and %s was approved; preview it and approve again (of a preview with --base, apply needs the same --base)", errApproved, p.Approval, f.plan)
}

// signed demands that a plan file is signed, where that is asked.
func (f *approval) signed(file string, now time.Time) error {
	if f.signers == "" {
		return nil
	}
	who, err := sign.ReadSigners(f.signers)
	if err != nil {
		return usage("--verify-key: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	sig, err := os.ReadFile(signature(file))
	if err == nil {
		_, err = who.Verify(bytes.NewReader(text), sig, sign.Plan, now)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSignature, err)
	}
	return nil
}

// liveFlags say where the live state comes from.
type liveFlags struct {
	file, signers, redactKey string
	maxAge                   time.Duration
}

func (f *liveFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "live", "", "plan against the snapshot in this `FILE` instead of the live store")
	cmd.Flags().DurationVar(&f.maxAge, "max-age", 24*time.Hour, "refuse a snapshot that is older; 0 takes any")
	cmd.Flags().StringVar(&f.signers, "verify-key", "", "take a snapshot only if it is signed by a key in this `FILE`: a .pub file, or allowed_signers of ssh-keygen")
	cmd.Flags().StringVar(&f.redactKey, "redact-key", "", "the key in this `FILE` that the snapshot was made with")
}

// liveInput reads what a plan needs to know of the live state: of the store, or of
// a snapshot. want and base are what is asked for, now and before. begun is a
// reading of the store that has begun; nil: none has.
func (a *app) liveInput(ctx context.Context, how access, flags planFlags, begun *reading, org schema.Organization, want, base schema.State, p *planned) (reconcile.Input, error) {
	f := flags.live
	switch {
	case begun != nil:
		return begun.input(org)
	case f.file == "":
		return a.input(ctx, how, org)
	}
	s, err := f.read(org.Name, a.now())
	if err != nil {
		return reconcile.Input{}, err
	}
	var key *snapshot.Key
	if f.redactKey != "" {
		if key, err = readRedactKey(f.redactKey); err != nil {
			return reconcile.Input{}, err
		}
	}
	in, err := a.asked()
	if err != nil {
		return in, err
	}
	var unseen int
	in.Runs, in.Recorded, in.Lacks, in.Store = s.Runs, s.Recorded, s.Lacks, s.Label()
	if in.Live, unseen, err = s.Against(want, base, key); err != nil {
		return in, fmt.Errorf("--live %s: %w", f.file, err)
	}
	p.snapshot = s.At
	fmt.Fprintf(a.err, "The live state is as it was %s ago, at %s.\n", s.Age(a.now()).Round(time.Minute), shown(s.At, org.Timezone))
	if unseen > 0 {
		fmt.Fprintf(a.err, "Whether %s changed, a snapshot without a key cannot tell.\n", count(unseen, "password"))
	}
	return in, nil
}

// read reads the snapshot.
func (f *liveFlags) read(organization string, now time.Time) (*snapshot.Snapshot, error) {
	d := snapshot.Demand{Organization: organization, Now: now, MaxAge: f.maxAge}
	if f.signers != "" {
		who, err := sign.ReadSigners(f.signers)
		if err != nil {
			return nil, usage("--verify-key: %w", err)
		}
		d.Signers = who
	}
	file, err := os.Open(f.file)
	if err != nil {
		return nil, fmt.Errorf("--live: %w: %w", errRepository, err)
	}
	defer file.Close()
	s, err := snapshot.Read(file, d)
	if err != nil {
		return nil, fmt.Errorf("--live %s: %w", f.file, err)
	}
	return s, nil
}
