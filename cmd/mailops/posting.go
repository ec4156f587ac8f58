package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"
)

func (a *app) postingCommand() *cobra.Command {
	return verb("posting [flags]", "Answer Postfix who may write to lists that only members may write to",
		"posting is a policy server for Postfix's spawn(8): it reads requests from stdin and\n"+
			"answers on stdout until stdin ends. It needs no more rights than a mail server has.\n"+
			"Postfix can look up a sender or a recipient, and never both; the pair is what\n"+
			"`posting: members` is about. What it cannot find out, it defers.",
		cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
			gate, err := a.openGate(cmd.Context())
			if err != nil {
				// Postfix would take silence for a fault of its own set-up. It is told
				// to ask later, and the administrator why.
				return errors.Join(err, answerPosting(a.in, a.out, func(map[string]string) string { return deferred }))
			}
			defer gate.Close()
			return answerPosting(a.in, a.out, func(request map[string]string) string { return posting(cmd.Context(), gate, request, a.err) })
		})
}

// What a policy server can answer (Postfix's SMTPD_POLICY_README, access(5)).
const (
	noOpinion = "DUNNO"
	deferred  = "DEFER_IF_PERMIT 4.3.0 It cannot be said now who may write to this list"
)

// longestRequest bounds one request: Postfix sends about thirty short lines.
const longestRequest = 64 << 10

// answerPosting reads requests, which are lines of name=value up to an empty
// one, and writes an action for each.
func answerPosting(in io.Reader, out io.Writer, decide func(map[string]string) string) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestRequest)
	request, size := make(map[string]string), 0
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), "=")
		if size += len(lines.Text()); size > longestRequest {
			return errors.New("read a request: it is too long")
		}
		if ok {
			request[name] = value
			continue
		}
		if _, err := fmt.Fprintf(out, "action=%s\n\n", decide(request)); err != nil {
			return err
		}
		clear(request)
		size = 0
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read a request: %w", err)
	}
	return nil
}

// posting decides one request. A sender who signed in is known by that name,
// too.
func posting(ctx context.Context, gate reconcile.Gate, request map[string]string, talk io.Writer) string {
	if request["request"] != "smtpd_access_policy" || request["recipient"] == "" {
		return deferred // nobody knows what was asked
	}
	recipient := folded(request["recipient"])
	closed := schema.Address("")
	for _, sender := range []string{request["sasl_username"], request["sender"]} {
		if sender == "" && request["sasl_username"] != "" {
			continue
		}
		list, err := gate.ClosedTo(ctx, folded(sender), withoutExtension(recipient))
		switch {
		case err != nil:
			fmt.Fprintln(talk, "mailops:", err)
			return deferred
		case list == "":
			return noOpinion
		}
		closed = list
	}
	if closed == "" {
		return noOpinion
	}
	return fmt.Sprintf("550 5.7.1 Only members may write to %s", closed)
}

// folded is an address in the one form that the store has; what is no address
// is nobody's.
func folded(address string) schema.Address {
	a, err := load.FoldAddress(address)
	if err != nil {
		return schema.Address(strings.ToLower(address))
	}
	return a
}

// withoutExtension takes what follows a plus from the local part, as Postfix
// does where recipient_delimiter is +.
func withoutExtension(a schema.Address) schema.Address {
	local, _, _ := strings.Cut(a.Local(), "+")
	if local == "" {
		return a
	}
	return schema.Address(local + "@" + a.Domain())
}
