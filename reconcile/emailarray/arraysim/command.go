package arraysim

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"mailops/reconcile/simhttp"
)

const manual = `mailops-arraysim simulates the API of EmailArray as far as mailops uses it, so that one can
try it without an account. It was built from what public clients send and read and was never
compared with the service: what works here may still fail there.

usage: mailops-arraysim [-port N] [-fallback-port N] [-users N | -state FILE] [-basic N]
       [-enhanced N] [-seed N] [-quirk QUIRK]...

The account has so many sample people (10), or what a file has, as GET /_sim/state shows it.
It serves 127.0.0.1 alone, prints where its two hosts are and what to sign in with, writes
requests to stderr without secrets, and ends on SIGTERM. Quirks can also be set while it runs,
by PUT /_sim/quirks {"quirks":["late=30s"]}; GET /_sim/log, /_sim/state and /_sim/lockouts tell
what happened. Quirks:

` + Words

// Command is mailops-arraysim, which serves until the context ends.
func Command(ctx context.Context, args []string, out, log io.Writer) error {
	flags := flag.NewFlagSet("mailops-arraysim", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.Usage = func() { fmt.Fprint(flags.Output(), manual) }
	port := flags.Int("port", 0, "")
	fallback := flags.Int("fallback-port", 0, "")
	users := flags.Int("users", 10, "")
	state := flags.String("state", "", "")
	basic := flags.Int("basic", 0, "")
	enhanced := flags.Int("enhanced", 0, "")
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
	s := New(Options{Out: log, Domains: begin.DomainNames(), MaxBasic: *basic, MaxEnhanced: *enhanced, Seed: *seed, Quirks: quirks})
	if err := s.Add(begin); err != nil {
		return err
	}
	return s.serve(ctx, out, *port, *fallback)
}

// serve serves both hosts, and says where they are.
func (s *Server) serve(ctx context.Context, out io.Writer, port, fallback int) error {
	first, err := simhttp.Listen(port, s.Primary())
	if err != nil {
		return err
	}
	second, err := simhttp.Listen(fallback, s.Fallback())
	if err != nil {
		return errors.Join(err, first.Close())
	}
	c := s.Credentials()
	fmt.Fprintf(out, "url=%s\nfallback_url=%s\nusername=%s\npassword=%s\n", first.URL(), second.URL(), c.Username, c.Password)
	return simhttp.Run(ctx, first, second)
}
