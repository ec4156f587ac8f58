package mailserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailops/examples/mailserver/stack"
	"mailops/schema"
)

// TestDoctor: mailops doctor finds nothing to mend at a mail server with these
// settings, and finds what somebody spoils.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			s := &scene{stack.Start(t, stack.Options{Database: database}), "doctor"}
			s.Apply(t, &schema.Domain{Name: domain})
			s.user(t, "ana")
			if out := s.doctor(t); !strings.Contains(out, "Dovecot and Postfix ask this store") {
				t.Fatalf("nothing was spoiled:\n%s", out)
			}
			for _, spoiled := range []struct {
				id, file, old, new string
			}{
				{"deny-missing", "dovecot/dovecot.conf", "  deny = yes\n", ""},
				{"deny-unreached", "dovecot/dovecot.conf", "  result_success = continue-ok\n", ""},
				{"master-skips", "dovecot/dovecot.conf", "  pass = yes\n", ""},
				{"nologin", "dovecot/sql-password.conf.ext", "SELECT email AS user, password", "SELECT email AS user, 'y' AS nologin, password"},
				{"interface", "dovecot/sql-user.conf.ext", "# mailops interface 1", "# mailops interface 0"},
				{"sieve-missing", "dovecot/dovecot.conf", "name=spam", "name=spma"},
				{"proxy-refuses", "postfix/main.cf", "  $store/sasl_smtp.cf $store/sasl_webmail.cf", " $store/sasl_webmail.cf"},
				{"not-proxied", "postfix/main.cf", "virtual_mailbox_domains = $store", "virtual_mailbox_domains = " + map[string]string{"sqlite": "sqlite:", "postgres": "pgsql:"}[database] + s.Path("etc/postfix/sql")},
				{"send-as-anyone", "postfix/main.cf", "mua_sender_restrictions = reject_sender_login_mismatch", "mua_sender_restrictions ="},
				{"outgoing-open", "postfix/main.cf", "  check_sasl_access $store/$sign_in,\n", ""},
				{"postfix-old", "postfix/sql/mailbox.cf", "FROM postfix_mailbox", "FROM postfix_domain"},
			} {
				s.spoiled(t, spoiled.id, spoiled.file, spoiled.old, spoiled.new)
			}
		})
	}
}

// spoiled changes a file, demands that the doctor finds that, and changes it
// back. What is newer than the running servers is found too.
func (s *scene) spoiled(t *testing.T, id, file, old, changed string) {
	t.Helper()
	path := s.Path("etc", file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		t.Errorf("%s: %q is %d times in %s", id, old, strings.Count(string(text), old), file)
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.WriteFile(path, text, info.Mode()); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}()
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, changed, 1)), info.Mode()); err != nil {
		t.Fatal(err)
	}
	out := s.doctor(t)
	if !strings.Contains(out, "("+id+")") {
		t.Errorf("%s:\n%s", id, out)
	}
	expected := []string{id, "dovecot-old", "postfix-old", "dovecot-elsewhere", "postfix-elsewhere"}
	for _, line := range strings.Split(out, "\n") {
		if i := strings.LastIndex(line, "("); strings.HasPrefix(line, "mend  mail servers") && i > 0 && !slices.Contains(expected, strings.TrimSuffix(line[i+1:], ")")) {
			t.Errorf("%s: also %s", id, line)
		}
	}
}

// doctor runs mailops doctor --mailserver with the rights of an administrator.
// What it says of the database server is that of a test's.
func (s *scene) doctor(t *testing.T) string {
	t.Helper()
	declarations := t.TempDir()
	if err := os.WriteFile(filepath.Join(declarations, "mailops.yaml"), []byte("apiVersion: mailops/v1\nkind: Organization\nname: acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), s.Path("bin/mailops"), "doctor", "-C", declarations, "--store", s.StoreURL(),
		"--mailserver", "--dovecot", s.Path("etc/dovecot/dovecot.conf"), "--postfix", s.Path("etc/postfix"))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out)
}
