// Command panel stands for the page on which users set up their own mail
// add-on: it writes what a user owns into an embedded store, and nothing else.
// The demonstration and tests use it to do what only the user can.
//
//	panel .mailops/live.db carla.seixas@acme.example protocol=pop sharing=private
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "panel:", err)
		os.Exit(1)
	}
}

// run saves a user's configuration of the add-on. What is not named stays; the
// store refuses when the add-on is locked.
func run(ctx context.Context, args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("usage: panel DATABASE ADDRESS protocol=pop|imap sharing=private|recordLevel|complete")
	}
	s, err := sqlite.Open(ctx, args[0], sqlite.Options{})
	if err != nil {
		return err
	}
	defer s.Close()
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return err
	}
	user := schema.Address(args[1])
	owned := live.Observed[user]
	owned.AddOnSaved = true
	for _, setting := range args[2:] {
		switch name, value, _ := strings.Cut(setting, "="); name {
		case "protocol":
			owned.AddOnProtocol = value
		case "sharing":
			owned.AddOnSharing = value
		case "mailbox":
			owned.AddOnMailbox = value
		default:
			return fmt.Errorf("%s: a user sets protocol, sharing or mailbox", name)
		}
	}
	return s.SetObserved(ctx, user, owned)
}
