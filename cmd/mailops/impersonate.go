package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"

	"mailops/reconcile/preview"
)

func (a *app) impersonateCommand() *cobra.Command {
	var g reconcile.Grant
	var last time.Duration
	var end, list bool
	cmd := verb("impersonate [flags] [ADDRESS|@DOMAIN]", "Let an administrator sign in as a user for a while",
		"impersonate prints a sign-in name and a password that hold for --for, and says so in\n"+
			"the store: who, as whom, until when and why. The user's own state, services, hours\n"+
			"and networks bind it, and mailops enforce ends its sessions with it. --end takes a\n"+
			"grant back early, --list shows all.",
		cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
			target := strings.Join(args, "")
			switch {
			case list && target != "", list && end, !list && !end && target == "":
				return usage("impersonate is used as: mailops impersonate ADDRESS --as NAME --reason TEXT, --end --as NAME, or --list")
			case !list && g.Name == "":
				return usage("--as NAME is missing: who signs in")
			case !list && !end && g.Reason == "":
				return usage("--reason TEXT is missing: it stays in the store with the grant")
			case !list && !reconcile.GrantName.MatchString(g.Name):
				return usage("--as %s: want lower-case letters, digits, dot, dash, underscore", g.Name)
			case last <= 0 || last > reconcile.LongestGrant:
				return usage("--for %s: want more than nothing, and %s at most", last, reconcile.LongestGrant)
			}
			g.At = a.now().UTC().Truncate(time.Second)
			g.Target, g.Until = target, g.At.Add(last)
			return a.impersonate(cmd.Context(), g, end, list)
		})
	cmd.Flags().StringVar(&g.Name, "as", "", "the `NAME` that signs in")
	cmd.Flags().StringVar(&g.Reason, "reason", "", "a `TEXT` that says why")
	cmd.Flags().DurationVar(&last, "for", time.Hour, "how `LONG` it holds")
	cmd.Flags().BoolVar(&end, "end", false, "take the grants of --as back")
	cmd.Flags().BoolVar(&list, "list", false, "show the grants")
	cmd.Flags().StringVar(&a.actor, "actor", "", "the `ADDRESS` of the administrator who grants")
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) impersonate(ctx context.Context, g reconcile.Grant, end, list bool) error {
	how := toWrite
	if list {
		how = toRead
	}
	s, name, err := a.open(ctx, how)
	if err != nil {
		return err
	}
	defer s.Close()
	grantor, ok := s.(reconcile.Grantor)
	switch {
	case !ok:
		return usage("%s keeps no grants", name)
	case list:
		grants, err := grantor.Grants(ctx)
		if err != nil {
			return err
		}
		return a.printGrants(grants)
	case end:
		dropped, err := grantor.Revoke(ctx, g.Name, g.Target, g.At)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s of %s taken back.\n", count(int(dropped), "grant"), g.Name)
		return nil
	}
	return a.grant(ctx, s, grantor, g)
}

// grant makes a password of 128 bits, which is shown once, and writes its hash.
func (a *app) grant(ctx context.Context, s reconcile.Store, grantor reconcile.Grantor, g reconcile.Grant) error {
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return err
	}
	if g.Target, err = a.grantTarget(live.State, g.Target); err != nil {
		return err
	}
	if g.By, err = a.grantor(live.State, g); err != nil {
		return err
	}
	password := rand.Text()
	if g.Hash, err = hashPassword(password); err != nil {
		return err
	}
	if err := grantor.Grant(ctx, g); err != nil {
		return err
	}
	login := g.Target + "*" + g.Name
	if strings.HasPrefix(g.Target, "@") {
		login = "USER" + login
	}
	if a.format == "json" {
		return a.printJSON(struct {
			Format   string          `json:"format"`
			Login    string          `json:"login"`
			Password string          `json:"password"`
			Grant    reconcile.Grant `json:"grant"`
		}{"mailops.grant/v1", login, password, g})
	}
	fmt.Fprintf(a.out, "Sign in as %s\nwith       %s\nuntil      %s\n", login, password, g.Until.Format(time.DateTime+" UTC"))
	return nil
}

// grantTarget checks that there is somebody to sign in as.
func (a *app) grantTarget(live schema.State, target string) (string, error) {
	if domain, ok := strings.CutPrefix(target, "@"); ok {
		if live.Find(schema.Key{Kind: schema.KindDomain, Name: domain}) == nil {
			return "", fmt.Errorf("there is no domain %s in the live store", domain)
		}
		return target, nil
	}
	address, err := load.FoldAddress(target)
	if err != nil {
		return "", usage("%s: %w", target, err)
	}
	user, ok := live.Find(keyOf(address)).(*schema.User)
	if !ok {
		return "", fmt.Errorf("there is no user %s in the live store", address)
	}
	if user.Status != schema.StatusActive {
		fmt.Fprintf(a.err, "mailops: %s is %s: as long as they are, nobody signs in as them\n", address, user.Status)
	}
	return string(address), nil
}

// grantor is who grants: an administrator that --actor names, or whoever may
// write the store. An administrator grants nobody the mailbox of a higher one.
func (a *app) grantor(live schema.State, g reconcile.Grant) (string, error) {
	if a.actor == "" {
		return a.env["USER"], nil
	}
	actor, err := load.FoldAddress(a.actor)
	if err != nil {
		return "", usage("--actor %s: %w", a.actor, err)
	}
	by, ok := live.Find(keyOf(actor)).(*schema.User)
	switch {
	case !ok || !by.IsAdmin() || by.Status != schema.StatusActive:
		return "", fmt.Errorf("%w: %s is no administrator", reconcile.ErrRefused, actor)
	case by.Role == schema.RoleSuperAdmin:
		return string(actor), nil
	}
	for u := range live.Users() {
		if u.Role == schema.RoleSuperAdmin && (string(u.Address) == g.Target || "@"+u.Address.Domain() == g.Target) {
			return "", fmt.Errorf("%w: %s is no superAdmin, and %s is one", reconcile.ErrRefused, actor, u.Address)
		}
	}
	return string(actor), nil
}

func (a *app) printGrants(grants []reconcile.Grant) error {
	if a.format == "json" {
		return a.printJSON(struct {
			Format string            `json:"format"`
			Grants []reconcile.Grant `json:"grants"`
		}{"mailops.grants/v1", append([]reconcile.Grant{}, grants...)})
	}
	if len(grants) == 0 {
		fmt.Fprintln(a.out, "No grants.")
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AS\tTARGET\tUNTIL\tBY\tREASON")
	for _, g := range grants {
		until := g.Until.Format(time.DateTime + " UTC")
		if !g.Until.After(a.now()) {
			until += " (ended)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.Name, g.Target, until, cmp.Or(g.By, "-"), preview.Plain(g.Reason))
	}
	return w.Flush()
}
