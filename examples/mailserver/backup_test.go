package mailserver_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailops/examples/mailserver/stack"
	"mailops/reconcile"
	"mailops/schema"
)

// TestBackup: mailops backup copies the mail of a deactivated user from a real
// Dovecot, with no standing password: over POP3 and IMAP, and the latest backup
// after more mail came.
func TestBackup(t *testing.T) {
	t.Parallel()
	for _, database := range []string{"sqlite", "postgres"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			s := &scene{stack.Start(t, stack.Options{Database: database}), "backup"}
			s.Apply(t, &schema.Domain{Name: domain})
			for _, server := range []string{"pop3://" + s.Address("backup-pop3"), "imap://" + s.Address("backup-imap")} {
				proveBackup(t, s, server)
			}
		})
	}
}

func proveBackup(t *testing.T, s *scene, server string) {
	scheme, _, _ := strings.Cut(server, ":")
	u := s.user(t, scheme, func(u *schema.User) {
		u.MailAddOn.Backup = schema.BackupOnDeactivation
		u.Permissions.TrustedNetworks = []string{"192.0.2.0/24"} // binds nobody but the user
	})
	receive := func(from, to int) {
		for i := from; i < to; i++ {
			allowed(t, "mail", s.write(fmt.Sprintf("no. %d", i), u.Address))
		}
		stack.Eventually(t, "the mail is there", func() bool { return len(s.Mailbox(u.Address, "")) == to })
	}
	backup := func(want ...string) {
		out, err := s.mailops(t, server, "backup", string(u.Address))
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("%s: %v\n%s\nwant %q", server, err, out, text)
			}
		}
	}
	receive(0, 5)
	backup("backup-deactivated", "is active")
	s.SQL(t, fmt.Sprintf("INSERT INTO observed (domain, local, addon_protocol, addon_sharing, addon_saved) VALUES ('%s', '%s', 'pop', 'complete', 1)", u.Address.Domain(), u.Address.Local()))
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusDeactivated })
	backup("backup completed")
	if got := s.observed(t, u.Address).Backup; got != schema.BackupCompleted {
		t.Errorf("%s: the state is %q", server, got)
	}
	archived(t, s, u.Address)
	grants, err := s.Store.(reconcile.Grantor).Grants(t.Context())
	for _, g := range grants {
		if err != nil || g.Until.After(time.Now()) {
			t.Errorf("%s: a grant is left: %+v, %v", server, g, err)
		}
	}
	refused(t, "signing in on the backup listener", s.SignIn("backup-"+scheme, stack.As(u.Address)))
	// Back for a while, and away again: the latest backup fetches what is new.
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusActive })
	receive(5, 8)
	s.change(t, u, func(u *schema.User) { u.Status = schema.StatusDeactivated })
	backup("latest-backup-saved") // the user has not saved the add-on since
	s.SQL(t, fmt.Sprintf("UPDATE observed SET addon_saved = 1 WHERE local = '%s'", u.Address.Local()))
	backup("3 messages fetched", "backup completed")
	archived(t, s, u.Address)
	if out, err := s.mailops(t, server, "backup", "verify", string(u.Address)); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// archived compares the archive with the mailbox, message by message.
func archived(t *testing.T, s *scene, who schema.Address) {
	t.Helper()
	var want, got []string
	for _, message := range s.Mailbox(who, "") {
		want = append(want, digest(strings.ReplaceAll(message, "\n", "\r\n")))
	}
	files, err := filepath.Glob(s.Path("backups", "*", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct {
			Address  schema.Address
			Messages []struct{ SHA256 string }
		}
		if err := json.Unmarshal(text, &manifest); err != nil {
			t.Fatal(err)
		}
		if manifest.Address != who {
			continue
		}
		for _, m := range manifest.Messages {
			got = append(got, m.SHA256)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(want, got) {
		t.Errorf("%d messages in the mailbox, %d in the archive, and they differ", len(want), len(got))
	}
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// mailops runs the program as an administrator does, with the mail server that
// backups come from.
func (s *scene) mailops(t *testing.T, server string, args ...string) (string, error) {
	t.Helper()
	declarations := t.TempDir()
	organization := "apiVersion: mailops/v1\nkind: Organization\nname: acme\nrules: {backup-pop-only: off}\n"
	if err := os.WriteFile(filepath.Join(declarations, "mailops.yaml"), []byte(organization), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), s.Path("bin/mailops"), append([]string{"-C", declarations, "--store", s.StoreURL()}, args...)...)
	cmd.Env = append(os.Environ(), "MAILOPS_BACKUP_SERVER="+server, "MAILOPS_BACKUP_DIR="+s.Path("backups"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}
