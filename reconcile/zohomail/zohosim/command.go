package zohosim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"mailops/reconcile/simhttp"
)

const manual = `mailops-zohosim simulates the part of Zoho Mail's administration API that mailops uses,
so that one can try it without an account. It was built from documentation and was never
compared with the service: what works here may still fail there.

usage: mailops-zohosim [-port N] [-users N | -state FILE] [-licences N] [-seed N] [-quirk QUIRK]...

The organization has so many sample people (10), or what a file has, as GET /_sim/state shows
it. It serves 127.0.0.1 alone, prints where it is and what to sign in with, writes requests to
stderr without secrets, and ends on SIGTERM. Quirks can also be set while it runs, by
PUT /_sim/quirks {"quirks":["late=30s"]}; GET /_sim/log, /_sim/state and /_sim/lockouts tell
what happened. Quirks:

` + Words

// Command is mailops-zohosim, which serves until the context ends.
func Command(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("mailops-zohosim", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.Usage = func() { fmt.Fprint(flags.Output(), manual) }
	port := flags.Int("port", 0, "")
	users := flags.Int("users", 10, "")
	state := flags.String("state", "", "")
	licences := flags.Int("licences", 0, "")
	seed := flags.Int64("seed", 1, "")
	var words simhttp.WordList
	flags.Var(&words, "quirk", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return errors.New("there are no arguments but flags: see -help")
	}
	quirks, err := ParseQuirks(words...)
	if err != nil {
		return err
	}
	begin := Sample(*users, "acme.example")
	if *state != "" {
		if begin, err = simhttp.OpenState[State](*state); err != nil {
			return err
		}
	}
	s := New(Options{Out: log, Domains: begin.Domains(), Licences: *licences, Seed: *seed, Quirks: quirks})
	if err := s.Add(begin); err != nil {
		return err
	}
	l, err := simhttp.Listen(*port, s)
	if err != nil {
		return err
	}
	c := s.Credentials()
	fmt.Fprintf(out, "url=%s\norganization=%d\nclient_id=%s\nclient_secret=%s\nrefresh_token=%s\n",
		l.URL(), s.Organization(), c.ClientID, c.ClientSecret, c.RefreshToken)
	return simhttp.Run(ctx, l)
}
