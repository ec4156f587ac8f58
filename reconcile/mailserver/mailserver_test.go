package mailserver

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sound is a machine that is set up as it should be, in the words of doveconf
// and postconf.
type sound struct{ dovecot, main, services, own string }

func machine() sound {
	return sound{
		dovecot: `auth_cache_size = 0
disable_plaintext_auth = yes
listen = *, ::
dict {
  sieve = sqlite:DIR/dict-sieve.conf.ext
}
passdb {
  args = DIR/sql-master.conf.ext
  driver = sql
  master = yes
  pass = yes
}
passdb {
  args = DIR/sql-password.conf.ext
  driver = sql
  result_internalfail = return-fail
  result_success = continue-ok
}
passdb {
  args = DIR/sql-deny.conf.ext
  deny = yes
  driver = sql
  result_internalfail = return-fail
}
plugin {
  sieve_before = dict:proxy::sieve;name=spam
}
protocol lmtp {
  mail_plugins = quota sieve
}
service imap-login {
  inet_listener backup {
    address = 127.0.0.1
    port = 1145
  }
  inet_listener imap {
    port = 143
  }
}
`,
		main: `proxy_read_maps = $virtual_mailbox_maps proxy:sqlite:DIR/recipient.cf proxy:sqlite:DIR/sasl.cf $smtpd_sender_login_maps
smtpd_milters = inet:127.0.0.1:11332
smtpd_recipient_restrictions = check_recipient_access proxy:sqlite:DIR/recipient.cf, reject_unlisted_recipient
smtpd_restriction_classes = internal_only, members_only, outgoing_local_only
internal_only = check_client_access static:{550 5.7.1 no}
members_only = check_policy_service unix:private/mailops-posting
outgoing_local_only = reject_unauth_destination
smtpd_sasl_auth_enable = no
smtpd_sender_login_maps = proxy:sqlite:DIR/sender_login.cf
smtpd_sender_restrictions =
smtpd_tls_auth_only = yes
virtual_alias_expansion_limit = 100000
virtual_mailbox_maps = proxy:sqlite:DIR/mailbox.cf
`,
		services: `smtp       inet  n       -       y       -       -       smtpd
submission inet  n       -       y       -       -       smtpd -o smtpd_sasl_auth_enable=yes
pickup     unix  n       -       y       60      1       pickup
`,
		own: `submission/inet/smtpd_recipient_restrictions = check_sasl_access proxy:sqlite:DIR/sasl.cf, permit_sasl_authenticated, reject
submission/inet/smtpd_sasl_auth_enable = yes
submission/inet/smtpd_sender_restrictions = reject_sender_login_mismatch
`,
	}
}

var queries = map[string]string{
	"dict-sieve.conf.ext":   "# mailops interface 1\n",
	"sql-master.conf.ext":   "# mailops interface 1\npassword_query = SELECT name FROM dovecot_master\n",
	"sql-password.conf.ext": "# mailops interface 1\npassword_query = SELECT password FROM dovecot_passdb\n",
	"sql-deny.conf.ext":     "# mailops interface 1\npassword_query = SELECT reason FROM dovecot_deny UNION ALL SELECT service FROM dovecot_service\n",
	"recipient.cf":          "# mailops interface 1\n",
	"sasl.cf":               "# mailops interface 1\n",
	"sender_login.cf":       "# mailops interface 1\n",
	"mailbox.cf":            "# mailops interface 1\n",
}

// check writes the files of a machine and holds its settings against the store.
func check(t *testing.T, m sound, files map[string]string, f Facts) []string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put := func(text string) string { return strings.ReplaceAll(text, "DIR", dir) }
	s := Settings{Dovecot: ParseDovecot(put(m.dovecot)), Postfix: parsePairs(put(m.main)), Listeners: parseListeners(put(m.services), put(m.own)), Queries: make(map[string]Query)}
	s.readQueries(Paths{Dovecot: filepath.Join(dir, "dovecot.conf")})
	var ids []string
	for _, mistake := range s.Check(f) {
		if mistake.Text == "" || mistake.Mend == "" {
			t.Errorf("%s says too little", mistake.ID)
		}
		ids = append(ids, mistake.ID)
	}
	return ids
}

// TestMistakes makes one mistake at a time on a machine that is sound.
func TestMistakes(t *testing.T) {
	good := Facts{Interface: 1, LargestList: 500}
	if got := check(t, machine(), queries, good); got != nil {
		t.Fatalf("a sound machine: %q", got)
	}
	for _, test := range []struct {
		id       string
		old, new string // in one of the texts
		facts    Facts
	}{
		{"master-skips", "  pass = yes\n", "", good},
		{"password-elsewhere", "FROM dovecot_passdb", "FROM users", good},
		{"deny-missing", "  deny = yes\n", "", good},
		{"deny-missing", "FROM dovecot_deny", "FROM refused", good},
		{"deny-unreached", "  result_success = continue-ok\n", "", good},
		{"deny-fails-open", "  driver = sql\n  result_internalfail = return-fail\n}\nplugin", "  driver = sql\n}\nplugin", good},
		{"service-unknown", " UNION ALL SELECT service FROM dovecot_service", "", good},
		{"nologin", "SELECT password FROM", "SELECT password, nologin FROM", good},
		{"auth-cache", "auth_cache_size = 0", "auth_cache_size = 10 M", good},
		{"interface", "# mailops interface 1\npassword_query = SELECT name", "# mailops interface 7\npassword_query = SELECT name", good},
		{"not-proxied", "virtual_mailbox_maps = proxy:sqlite:", "virtual_mailbox_maps = sqlite:", good},
		{"proxy-refuses", " proxy:sqlite:DIR/sasl.cf $smtpd", " $smtpd", good},
		{"send-as-anyone", "reject_sender_login_mismatch", "permit", good},
		{"outgoing-open", "check_sasl_access proxy:sqlite:DIR/sasl.cf, ", "", good},
		{"smtp-plaintext", "smtpd_tls_auth_only = yes", "smtpd_tls_auth_only = no", good},
		{"incoming-open", "check_recipient_access proxy:sqlite:DIR/recipient.cf, ", "", good},
		{"spam-unchecked", "smtpd_milters = inet:127.0.0.1:11332", "smtpd_milters =", good},
		{"list-too-long", "", "", Facts{Interface: 1, LargestList: 200_000}},
		{"sieve-missing", "quota sieve", "quota", good},
		{"sieve-missing", "name=spam", "name=other", good},
		{"imap-plaintext", "disable_plaintext_auth = yes", "disable_plaintext_auth = no", good},
		{"internal-open", "    address = 127.0.0.1\n", "", good},
		{"passdb-beside", "passdb {\n  args = DIR/sql-master", "passdb {\n  driver = static\n  args = password=x\n}\npassdb {\n  args = DIR/sql-master", good},
		{"nopassword", "SELECT password FROM", "SELECT password, 'y' AS nopassword FROM", good},
		{"deny-missing", "FROM dovecot_deny", "FROM dovecot_denyx", good},
		{"class-internal-only", "internal_only = check_client_access static:{550 5.7.1 no}", "internal_only = permit", good},
		{"class-members-only", "members_only = check_policy_service unix:private/mailops-posting", "members_only = permit", good},
		{"class-outgoing-local-only", "outgoing_local_only = reject_unauth_destination", "outgoing_local_only = permit", good},
		{"incoming-open", "smtpd_recipient_restrictions = check_recipient_access", "smtpd_recipient_restrictions = permit_mynetworks, check_recipient_access", good},
		{"query-missing", "DIR/sql-master.conf.ext", "DIR/elsewhere.conf.ext", good},
	} {
		t.Run(test.id, func(t *testing.T) {
			m, files, replaced := machine(), map[string]string{}, 0
			swap := func(text string) string {
				if test.old != "" && strings.Contains(text, test.old) {
					replaced++
					return strings.Replace(text, test.old, test.new, 1)
				}
				return text
			}
			m.dovecot, m.main, m.services, m.own = swap(m.dovecot), swap(m.main), swap(m.services), swap(m.own)
			for name, text := range queries {
				files[name] = swap(text)
			}
			if test.old != "" && replaced != 1 {
				t.Fatalf("the text was found %d times", replaced)
			}
			if got := check(t, m, files, test.facts); !slices.Equal(got, []string{test.id}) {
				t.Errorf("got %q, want %s alone", got, test.id)
			}
		})
	}
}

// TestFiles: the rights of a SQLite store.
func TestFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "live.db")
	ids := func() []string {
		var out []string
		for _, m := range files(Facts{File: file}) {
			out = append(out, m.ID)
		}
		return out
	}
	if got := ids(); !slices.Equal(got, []string{"store-file", "store-file", "store-file"}) {
		t.Errorf("no files: %q", got)
	}
	for suffix, mode := range map[string]os.FileMode{"": 0o640, "-wal": 0o600, "-shm": 0o644} {
		if err := os.WriteFile(file+suffix, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file+suffix, mode); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(); !slices.Equal(got, []string{"store-unreadable", "store-readable"}) {
		t.Errorf("wrong modes: %q", got)
	}
	held, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.WriteFile(file+".new", nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	if got := ids(); !slices.Contains(got, "store-replaced") {
		t.Errorf("a replaced file: %q", got)
	}
}
