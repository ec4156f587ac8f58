package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/emailarray"
	"mailops/reconcile/zohomail"
)

// patience is how long a verb that changes nothing waits for a service that takes
// no more requests. An apply waits as long as it takes.
const patience = 2 * time.Minute

// hosted maps the scheme of a service's URL to what opens it as a store. What it
// remembers lies in a folder of .mailops, but where the URL names another.
var hosted = map[string]func(ctx context.Context, a *app, url string, how access) (liveStore, error){
	zohomail.Scheme: func(ctx context.Context, a *app, url string, how access) (liveStore, error) {
		o, err := zohomail.ParseURL(url)
		if err != nil {
			return nil, usage("--store %s: %w", zohomail.Scheme+"://", err)
		}
		if o.Credentials, err = zohomail.ReadCredentials(a.variable); err != nil {
			return nil, usageError{error: err}
		}
		o.State = cmp.Or(o.State, a.remembered("zohomail-"+o.Organization))
		if how == toRead {
			o.Patience = patience
		}
		return zohomail.Open(ctx, o, how == toRead)
	},
	emailarray.Scheme: func(ctx context.Context, a *app, url string, how access) (liveStore, error) {
		o, err := emailarray.ParseURL(url)
		if err != nil {
			return nil, usage("--store %s: %w", emailarray.Scheme+"://", err)
		}
		if o.Credentials, err = emailarray.ReadCredentials(a.variable); err != nil {
			return nil, usageError{error: err}
		}
		o.State = cmp.Or(o.State, a.remembered("emailarray-"+o.Credentials.Username))
		if how == toRead {
			o.Patience = patience
		}
		return emailarray.Open(ctx, o, how == toRead)
	},
}

// variable is one of the environment.
func (a *app) variable(name string) string { return a.env[name] }

// remembered is a folder for what is to be remembered of a service. It has people's
// names and a token in it: it is this user's alone, and in no repository.
func (a *app) remembered(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("/\\:", r) {
			return '-'
		}
		return r
	}, name)
	dir := filepath.Join(cmp.Or(a.home, a.dir), ".mailops")
	keepOut(dir)
	return filepath.Join(dir, name)
}

// consult asks a store that carries out changes one by one what a plan costs, and
// whether an apply was cut off.
func (a *app) consult(ctx context.Context, p *planned) error {
	if !p.in.Piecemeal {
		return nil
	}
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return err
	}
	defer s.Close()
	counted, ok := s.(reconcile.Piecemeal)
	if !ok {
		return nil
	}
	if p.cost, err = counted.Cost(p.in.Live.State, p.Changes); err != nil {
		return fmt.Errorf("count the requests: %w", err)
	}
	if p.Cost = nil; p.cost.Requests > 0 {
		p.Cost = &p.cost
	}
	p.Seal()
	p.cutOff, err = counted.CutOff(ctx)
	return err
}

// goOn carries out what is left of an apply that was cut off.
func (a *app) goOn(ctx context.Context) error {
	s, _, err := a.open(ctx, toWrite)
	if err != nil {
		return err
	}
	defer s.Close()
	begun, ok := s.(reconcile.Piecemeal)
	if !ok {
		return usage("--resume: this store carries out a plan whole or not at all; there is nothing to go on with")
	}
	cut, err := begun.CutOff(ctx)
	if err != nil {
		return err
	}
	if cut == nil {
		fmt.Fprintln(a.out, "No apply was cut off: there is nothing to go on with.")
		return nil
	}
	fmt.Fprintf(a.out, "Going on with the apply of %s: %s.\n", cut.At.UTC().Format(time.RFC3339), count(len(cut.Changes), "change"))
	line := a.progressLine("going on")
	run, err := begun.GoOn(ctx, line.tell)
	line.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Done, as run %d.\n", run)
	return nil
}

// printCost says what it takes to apply a plan where requests are counted.
func (a *app) printCost(v planView) {
	if v.cutOff != nil {
		fmt.Fprintf(a.out, "%s An apply was cut off (%s): mailops apply --resume goes on with it; another plan that is applied settles it first.\n",
			a.paint(a.out, yellow, "!"), count(len(v.cutOff.Changes), "change"))
	}
	if v.Cost != nil {
		fmt.Fprintf(a.out, "Applying takes about %s to the service, %s.\n", count(v.Cost.Requests, "request"), lengthOf(v.Cost.Length))
	}
}

// lengthOf is a length of time as one says it.
func lengthOf(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	if minutes := int((d + 30*time.Second) / time.Minute); minutes < 120 {
		return "about " + count(minutes, "minute")
	}
	return fmt.Sprintf("about %d hours", int((d+30*time.Minute)/time.Hour))
}

// complainPartly tells how far an apply came.
func (a *app) complainPartly(p *reconcile.PartialError) {
	fmt.Fprintf(a.err, "mailops: partly applied: %d done, %d failed, %d left", len(p.Done), len(p.Failed), len(p.Left))
	if p.Run > 0 {
		fmt.Fprintf(a.err, "; run %d has what was done", p.Run)
	}
	fmt.Fprintln(a.err)
	const most = 20
	for _, f := range p.Failed[:min(most, len(p.Failed))] {
		fmt.Fprintf(a.err, "  failed: %s: %s\n", f.Key, f.Reason)
	}
	if more := len(p.Failed) - most; more > 0 {
		fmt.Fprintf(a.err, "  and %d more failed\n", more)
	}
	if n := len(p.Sent); n > 0 && n < len(p.Left) {
		fmt.Fprintf(a.err, "  of what is left, %d were sent and not read back, and %d not sent\n", n, len(p.Left)-n)
	}
	for _, key := range p.Left[:min(most, len(p.Left))] {
		begun := ""
		if slices.Contains(p.Sent, key) {
			begun = " (sent, and not read back)"
		}
		fmt.Fprintf(a.err, "  left: %s%s\n", key, begun)
	}
	if more := len(p.Left) - most; more > 0 {
		fmt.Fprintf(a.err, "  and %d more left\n", more)
	}
	if p.Err != nil {
		ended := p.Err.Error()
		if errors.Is(p.Err, context.Canceled) {
			ended = "an interrupt"
		}
		fmt.Fprintf(a.err, "  ended by: %s\n", ended)
		fmt.Fprintln(a.err, "  hint: mailops apply --resume goes on where it was")
		return
	}
	fmt.Fprintln(a.err, "  hint: mailops plan shows what is left to do")
}
