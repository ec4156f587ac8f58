package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema/load"
)

func (a *app) routeCommand() *cobra.Command {
	cmd := verb("route ADDRESS", "Say where mail to an address ends up",
		"route follows mail to an address through aliases, lists, forwardings and\ncatch-alls: as it is live, and as it is wanted.",
		cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error { return a.route(cmd.Context(), args[0]) })
	a.atFlag(cmd)
	a.formats(cmd, "text", "json")
	return cmd
}

func (a *app) route(ctx context.Context, to string) error {
	address, err := load.FoldAddress(to)
	if err != nil {
		return usage("%s: %w", to, err)
	}
	_, w, err := a.want(ctx)
	if err != nil {
		return err
	}
	in, err := a.input(ctx, toRead, w.Organization)
	if err != nil {
		return err
	}
	live, want := reconcile.NewRouter(in.Live.State).Route(address), reconcile.NewRouter(w.State).Route(address)
	if a.format == "json" {
		return a.printJSON(struct {
			Format string        `json:"format"`
			Live   reconcile.Hop `json:"live"`
			Want   reconcile.Hop `json:"want"`
		}{"mailops.route/v1", live, want})
	}
	if fmt.Sprint(live) == fmt.Sprint(want) {
		fmt.Fprintln(a.out, "live and wanted:")
		a.printHop(want, 1)
		return nil
	}
	fmt.Fprintln(a.out, "live:")
	a.printHop(live, 1)
	fmt.Fprintln(a.out, "wanted:")
	a.printHop(want, 1)
	return nil
}

var hopWords = map[reconcile.HopKind]string{
	reconcile.Delivered: "mailbox", reconcile.Forwarded: "forwarded, no copy kept", reconcile.Refused: "refused: no mail is accepted",
	reconcile.ViaAlias: "alias", reconcile.ViaList: "list", reconcile.CatchAll: "unknown, taken by the catch-all",
	reconcile.Unknown: "refused: no such address", reconcile.Outside: "outside of the organization", reconcile.Circle: "goes in a circle",
}

func (a *app) printHop(h reconcile.Hop, depth int) {
	fmt.Fprintf(a.out, "%s%s  %s\n", strings.Repeat("  ", depth), h.Address, a.paint(a.out, dim, hopWords[h.Is]))
	for _, next := range h.Next {
		a.printHop(next, depth+1)
	}
}
