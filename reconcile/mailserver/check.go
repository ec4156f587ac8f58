package mailserver

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Mistake is a setting that does not do what the store relies on.
type Mistake struct {
	ID   string // such as deny-missing
	Text string // what is wrong, and what it means
	Mend string // what to set
}

// Facts is what the store knows that settings are held against.
type Facts struct {
	Interface   int    // the version of the store's views
	LargestList int    // members of the largest list
	File        string // of a SQLite store; "" for others
	Enforced    bool   // mailops enforce is known to run
}

// Check lists the mistakes, those that let people in first.
func (s *Settings) Check(f Facts) []Mistake {
	return slices.Concat(s.signIn(f), s.asking(f), s.sending(), s.classed(), s.receiving(f), s.delivering(), s.listening(), files(f))
}

// signIn looks at Dovecot's passdbs: a grant, the password, a reason to refuse.
func (s *Settings) signIn(f Facts) []Mistake {
	var out []Mistake
	var password, deny *Block
	for _, db := range s.Dovecot.All("passdb") {
		switch {
		case db.Settings["master"] == "yes":
			if db.Settings["pass"] != "yes" {
				out = append(out, Mistake{"master-skips", "a grant (master user) signs in to suspended and closed accounts: the user's own state is not asked for",
					"pass = yes in the passdb with master = yes"})
			}
		case db.Settings["deny"] == "yes":
			deny = &db
		case db.Settings["driver"] == "sql" && password == nil:
			password = &db
		case db.Settings["driver"] != "sql":
			out = append(out, Mistake{"passdb-beside", "another passdb (driver " + db.Settings["driver"] + ") lets people in whom the store does not know", "take it out: only the passdbs of examples/mailserver/dovecot/dovecot.conf"})
		}
	}
	switch {
	case password == nil || !asks(s.text(password), "dovecot_passdb"):
		return append(out, Mistake{"password-elsewhere", "Dovecot does not look passwords up in the store (view dovecot_passdb)", "the passdbs of examples/mailserver/dovecot/dovecot.conf"})
	case deny == nil || !asks(s.text(deny), "dovecot_deny"):
		out = append(out, Mistake{"deny-missing", "whoever is suspended, or out of hours, or without a service, signs in all the same: no passdb asks the view dovecot_deny", "the third passdb of examples/mailserver/dovecot/dovecot.conf"})
	case password.Settings["result_success"] != "continue-ok":
		out = append(out, Mistake{"deny-unreached", "the passdb that refuses is never asked: the one before it ends with its success", "result_success = continue-ok in the passdb with the password"})
	case !asks(s.text(deny), "dovecot_service"):
		out = append(out, Mistake{"service-unknown", "a service that the store does not know is let in", "the part with dovecot_service of examples/mailserver/dovecot/sql-deny.conf.ext"})
	case deny.Settings["result_internalfail"] != "return-fail":
		out = append(out, Mistake{"deny-fails-open", "a fault of the store while it is asked for a reason to refuse lets people in", "result_internalfail = return-fail in the passdb with deny = yes"})
	}
	if asks(s.text(password), "nopassword") {
		out = append(out, Mistake{"nopassword", "any password is right: the query for it returns nopassword", "take nopassword out of " + password.Settings["args"]})
	}
	if asks(s.text(password), "nologin") {
		out = append(out, Mistake{"nologin", "Postfix takes a refusal by the field nologin for a success: suspended users send mail", "the passdb with deny = yes instead"})
	}
	if size := s.Dovecot.Settings["auth_cache_size"]; size != "" && strings.Trim(size, "0 BkMG") != "" && !f.Enforced && len(s.http()) == 0 {
		out = append(out, Mistake{"auth-cache", "Dovecot's auth cache lets people in for as long as it remembers them (auth_cache_size = " + size + ")", "auth_cache_size = 0, or mailops enforce --auth-cache beside it"})
	}
	return out
}

// asks reports whether a query names a word.
func asks(query, word string) bool {
	found, err := regexp.MatchString(`(?m)^[^#\n]*\b`+word+`\b`, query)
	return err == nil && found
}

// text is the text of a block's query file, with what it includes.
func (s *Settings) text(b *Block) string {
	if b == nil {
		return ""
	}
	return s.Queries[b.Settings["args"]].Text
}

// http are doveadm's listeners for mailops enforce.
func (s *Settings) http() []Block {
	var out []Block
	for _, service := range s.Dovecot.All("service doveadm") {
		out = append(out, service.All("inet_listener")...)
	}
	return out
}

// version is how a query file says which views it was written for.
var version = regexp.MustCompile(`(?m)^# mailops interface (\d+)$`)

// asking looks at the files with queries.
func (s *Settings) asking(f Facts) []Mistake {
	var out []Mistake
	for _, file := range slices.Sorted(keys(s.Queries)) {
		q := s.Queries[file]
		found := version.FindStringSubmatch(q.Text)
		switch {
		case q.Err != nil:
			out = append(out, Mistake{"query-missing", fmt.Sprintf("%s cannot be read: %v", file, q.Err), "copy it from examples/mailserver"})
		case strings.Contains(q.Text, "password") && strings.Contains(q.Text, "user") && strings.Contains(q.Text, "dbname") && q.Mode&0o007 != 0:
			out = append(out, Mistake{"query-readable", fmt.Sprintf("everybody may read the database password in %s (mode %04o)", file, q.Mode), "chmod o= " + file})
		case found != nil && found[1] != strconv.Itoa(f.Interface):
			out = append(out, Mistake{"interface", fmt.Sprintf("%s was written for version %s of the views, and the store has %d", file, found[1], f.Interface), "copy the files of examples/mailserver of this mailops"})
		}
	}
	asked := s.maps()
	allowed := s.expand(s.Postfix["proxy_read_maps"], nil)
	for _, m := range slices.Compact(slices.Sorted(slices.Values(asked))) {
		switch {
		case !strings.HasPrefix(m, "proxy:"):
			out = append(out, Mistake{"not-proxied", "Postfix opens " + m + " by itself: in its chroot that fails, and elsewhere every process holds a connection", "write proxy:" + m})
		case !slices.Contains(strings.Fields(strings.ReplaceAll(allowed, ",", " ")), m):
			out = append(out, Mistake{"proxy-refuses", "proxymap refuses " + m + ", so that no mail passes that asks it", "name it in proxy_read_maps"})
		}
	}
	return out
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// sending looks at the listeners where people sign in to send.
func (s *Settings) sending() []Mistake {
	var out []Mistake
	for _, l := range s.Listeners {
		if s.of(l, "smtpd_sasl_auth_enable") != "yes" {
			continue
		}
		restrictions := s.of(l, "smtpd_recipient_restrictions")
		senders := s.of(l, "smtpd_sender_restrictions")
		if !strings.Contains(senders, "reject_sender_login_mismatch") && !strings.Contains(senders, "reject_authenticated_sender_login_mismatch") || s.of(l, "smtpd_sender_login_maps") == "" {
			out = append(out, Mistake{"send-as-anyone", l.Name + ": whoever has signed in may send as anybody", "reject_sender_login_mismatch in smtpd_sender_restrictions, and smtpd_sender_login_maps"})
		}
		if !first(restrictions, "check_sasl_access") {
			out = append(out, Mistake{"outgoing-open", l.Name + ": outgoing off, onlyLocalSMTP and the end of hours are not asked for", "check_sasl_access with sasl_smtp.cf, first in smtpd_recipient_restrictions"})
		}
		if s.of(l, "smtpd_tls_auth_only") != "yes" && !loopback(l.Name) {
			out = append(out, Mistake{"smtp-plaintext", l.Name + ": passwords cross the network in the clear", "smtpd_tls_auth_only = yes"})
		}
	}
	return out
}

// first reports whether a restriction comes before anything that permits.
func first(restrictions, name string) bool {
	for word := range strings.FieldsFuncSeq(restrictions, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }) {
		if word == name {
			return true
		}
		if strings.HasPrefix(word, "permit") {
			return false
		}
	}
	return false
}

// classes are what the restriction classes that the store's maps name must do.
var classes = []struct{ name, needs, means string }{
	{"internal_only", "static:{5", "anybody may write to lists that only the organization may write to"},
	{"members_only", "check_policy_service", "anybody may write to lists that only members may write to"},
	{"outgoing_local_only", "reject_unauth_destination", "users with onlyLocalSMTP send everywhere"},
}

// classed looks at the restriction classes.
func (s *Settings) classed() []Mistake {
	var out []Mistake
	for _, c := range classes {
		value := s.expand(s.Postfix[c.name], nil)
		if !s.isClass(c.name) || !strings.Contains(value, c.needs) || strings.HasPrefix(strings.TrimSpace(value), "permit") {
			out = append(out, Mistake{"class-" + strings.ReplaceAll(c.name, "_", "-"), c.means + ": the restriction class " + c.name + " is not as it should be", "the line " + c.name + " of examples/mailserver/postfix/main.cf"})
		}
	}
	return out
}

// receiving looks at the listeners for mail from outside.
func (s *Settings) receiving(f Facts) []Mistake {
	var out []Mistake
	for _, l := range s.Listeners {
		recipients := s.of(l, "smtpd_recipient_restrictions")
		if s.of(l, "smtpd_sasl_auth_enable") == "yes" || loopback(l.Name) {
			continue
		}
		if !first(recipients, "check_recipient_access") {
			out = append(out, Mistake{"incoming-open", l.Name + ": incoming off, deactivated users and who may post to lists are not asked for", "check_recipient_access with recipient.cf in smtpd_recipient_restrictions"})
		}
		if s.of(l, "smtpd_milters") == "" {
			out = append(out, Mistake{"spam-unchecked", l.Name + ": mail passes no spam check, whatever spamCheck says", "smtpd_milters = inet:127.0.0.1:11332, and Rspamd behind it"})
		}
	}
	if limit, err := strconv.Atoi(s.Postfix["virtual_alias_expansion_limit"]); err == nil && limit <= f.LargestList {
		out = append(out, Mistake{"list-too-long", fmt.Sprintf("mail to a list of %d members is put off for ever: Postfix expands %d", f.LargestList, limit), "virtual_alias_expansion_limit = 100000"})
	}
	return out
}

// delivering looks at what runs when mail arrives.
func (s *Settings) delivering() []Mistake {
	var out []Mistake
	plugins := s.Dovecot.Settings["mail_plugins"]
	for _, protocol := range s.Dovecot.All("protocol lmtp") {
		plugins += " " + protocol.Settings["mail_plugins"]
	}
	generated := false
	for _, plugin := range s.Dovecot.All("plugin") {
		for name, value := range plugin.Settings {
			generated = generated || strings.HasPrefix(name, "sieve_before") && strings.Contains(value, "name=spam")
		}
	}
	if !slices.Contains(strings.Fields(plugins), "sieve") || !generated {
		out = append(out, Mistake{"sieve-missing", "spam is not put into Junk, and automatic replies are not sent: the generated scripts do not run", "sieve in the mail_plugins of lmtp, and the lines sieve_before of examples/mailserver/dovecot/dovecot.conf"})
	}
	return out
}

// listening looks at Dovecot's listeners: those that other programs of this
// machine use trust it.
func (s *Settings) listening() []Mistake {
	var out []Mistake
	open := false
	for _, service := range s.Dovecot.All("service") {
		for _, l := range service.All("inet_listener") {
			name := strings.TrimPrefix(l.Kind, "inet_listener ")
			address := l.Settings["address"]
			internal := slices.Contains([]string{"webmail", "activesync", "backup", "http"}, name) || service.Kind == "service lmtp"
			if l.Settings["port"] == "" || l.Settings["port"] == "0" {
				continue
			}
			open = open || !internal && !loopbackList(s.Dovecot.Settings["listen"])
			if internal && !loopbackList(address) {
				out = append(out, Mistake{"internal-open", fmt.Sprintf("%s, listener %s (port %s), is for this machine and open to the network", service.Kind, name, l.Settings["port"]), "address = 127.0.0.1"})
			}
		}
	}
	if open && s.Dovecot.Settings["disable_plaintext_auth"] == "no" {
		out = append(out, Mistake{"imap-plaintext", "passwords cross the network in the clear", "disable_plaintext_auth = yes, ssl = required"})
	}
	return out
}

// loopback reports a listener of Postfix that is bound to this machine alone.
func loopback(name string) bool {
	host, _, found := strings.Cut(strings.TrimSuffix(name, "/inet"), ":")
	return found && loopbackList(host)
}

// loopbackList reports addresses of which each is this machine's alone.
func loopbackList(text string) bool {
	hosts := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
	for _, host := range hosts {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if host != "localhost" && (err != nil || !addr.IsLoopback()) {
			return false
		}
	}
	return len(hosts) > 0
}

// files looks at the rights of a SQLite store, and for daemons that hold a file
// that is no more.
func files(f Facts) []Mistake {
	if f.File == "" {
		return nil
	}
	var out []Mistake
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(f.File + suffix)
		switch {
		case err != nil:
			out = append(out, Mistake{"store-file", fmt.Sprintf("%s is not there: mail servers that may only read cannot make it", f.File+suffix), "run any mailops apply, and never remove -wal and -shm"})
		case info.Mode().Perm()&0o007 != 0:
			out = append(out, Mistake{"store-readable", fmt.Sprintf("everybody may read the password hashes in %s (mode %04o)", f.File+suffix, info.Mode().Perm()), "chmod o= " + f.File + suffix})
		case info.Mode().Perm()&0o040 == 0:
			out = append(out, Mistake{"store-unreadable", fmt.Sprintf("mail servers may not read %s (mode %04o)", f.File+suffix, info.Mode().Perm()), "chgrp maildb and chmod g+r " + f.File + suffix})
		}
	}
	return append(out, replaced(f.File)...)
}

// replaced finds processes that hold the store's file after it was replaced by
// another one: they would go on with the old one for ever.
func replaced(file string) []Mistake {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err == nil && target == file+" (deleted)" {
			return []Mistake{{"store-replaced", "process " + strings.Split(link, "/")[2] + " reads a file that was replaced by the present " + file, "restart Dovecot and Postfix, and change the store in place from now on"}}
		}
	}
	return nil
}
