package main

import (
	"context"
	"path/filepath"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/mailserver"
	"mailops/reconcile/several"
	"mailops/schema"
)

// mailServers are the flags of doctor about the mail servers of this machine.
type mailServers struct {
	look bool // --mailserver
	at   mailserver.Paths
}

// diagnoseMail holds the mail servers' settings against the store, and asks the
// running ones for one of its users.
func (a *app) diagnoseMail(ctx context.Context, m mailServers) []diagnosis {
	s, _, err := a.open(ctx, toRead)
	if err != nil {
		return nil // told already
	}
	defer s.Close()
	if _, joined := s.(*several.Store); joined {
		return []diagnosis{{"mail servers", false, "the declarations name several stores", "say with --store which of them the mail servers ask"}}
	}
	live, err := reconcile.ReadLive(ctx, s)
	if err != nil {
		return nil
	}
	settings, err := mailserver.Read(ctx, m.at)
	if err != nil {
		return []diagnosis{{"mail servers", false, err.Error(), "install Dovecot and Postfix, or say where their settings are: --dovecot FILE, --postfix DIR"}}
	}
	facts, user := a.mailFacts(live.State)
	var out []diagnosis
	for _, mistake := range append(settings.Check(facts), mailserver.Probe(ctx, m.at, settings, user)...) {
		out = append(out, diagnosis{"mail servers", false, mistake.Text + " (" + mistake.ID + ")", mistake.Mend})
	}
	if out == nil {
		out = append(out, diagnosis{"mail servers", true, "Dovecot and Postfix ask this store", ""})
	}
	return out
}

// mailFacts is what the store says that settings must fit, and a user that the
// servers must know.
func (a *app) mailFacts(live schema.State) (mailserver.Facts, string) {
	facts, user := mailserver.Facts{Interface: reconcile.InterfaceVersion}, ""
	if file, ok := strings.CutPrefix(a.storeURL(), "sqlite:"); ok {
		facts.File = absolute(file)
	}
	for _, r := range live {
		switch r := r.(type) {
		case *schema.List:
			facts.LargestList = max(facts.LargestList, len(r.Members))
		case *schema.User:
			if user == "" {
				user = string(r.Address)
			}
		}
	}
	return facts, user
}

// absolute is a path from the root, as far as that can be said.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
