package enforce

import (
	"net/netip"
	"slices"

	"mailops/reconcile"
	"mailops/schema"
)

// behind are the services of the store that a mail server's service can be: it
// does not tell on which of its listeners a session began.
var behind = map[string][]string{
	"imap":        {"imap", "webmail", "activesync"},
	"pop3":        {"pop3", "backup"},
	"sieve":       {"sieve"},
	"managesieve": {"sieve"},
}

// verdict says why the sessions of a user must end; "" is that they need not.
// Where a session could be one of several services, it ends when all of them
// are refused, or when one of them has come to be refused since one last
// looked: who comes in by another one signs in anew. Of a user that one did not
// know yet, each refusal may be such a change when something has changed at all.
func verdict(sessions []Session, was reconcile.Access, knew, changed bool, now reconcile.Access) string {
	for _, s := range sessions {
		fresh := func(service string) bool {
			_, before := was.Refused[service]
			return knew && !before || !knew && changed
		}
		if reason := refused(s, fresh, now); reason != "" {
			return reason
		}
	}
	switch {
	case !knew:
		return ""
	case was.Password != now.Password:
		return "the password has changed"
	}
	for name := range was.Masters {
		if !now.Masters[name] {
			return "the grant of " + name + " has ended"
		}
	}
	return ""
}

func refused(s Session, fresh func(service string) bool, now reconcile.Access) string {
	services := behind[s.Service]
	if len(services) == 0 {
		return "" // not one that users sign in to
	}
	first, open := "", 0
	for _, service := range services {
		reason, closed := now.Refused[service]
		switch {
		case !closed:
			open++
		case service != "backup" && fresh(service): // hardly anybody may be backed up
			return reason
		case first == "":
			first = reason
		}
	}
	if open == 0 {
		return first
	}
	backup := s.Service == "pop3" && now.Refused["backup"] == "" && now.Refused["pop3"] != ""
	if !backup && !within(s.IPs, now.Networks) {
		return "the network is not trusted"
	}
	return ""
}

// within reports whether every address lies in one of the networks; all do when
// there are none. An address that cannot be read lies in no network.
func within(ips, networks []string) bool {
	if len(networks) == 0 {
		return true
	}
	var prefixes []netip.Prefix
	for _, n := range networks {
		if p, err := schema.ParseNetwork(n); err == nil {
			prefixes = append(prefixes, p)
		}
	}
	for _, ip := range ips {
		addr, err := netip.ParseAddr(ip)
		in := func(p netip.Prefix) bool { return p.Contains(addr.Unmap()) }
		if err != nil || !slices.ContainsFunc(prefixes, in) {
			return false
		}
	}
	return true
}
