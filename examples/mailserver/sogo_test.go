package mailserver_test

import (
	"net/http"
	"strings"
	"testing"

	"mailops/examples/mailserver/stack"
	"mailops/schema"
)

// TestActiveSync: a telephone gets its folders from SOGo while ActiveSync is on,
// though IMAP is off, and not when it is off.
func TestActiveSync(t *testing.T) {
	t.Parallel()
	s := &scene{stack.Start(t, stack.Options{Database: "postgres", SOGo: true}), "activeSync-sogo"}
	t.Cleanup(func() { s.Undisturbed(t) })
	s.Apply(t, &schema.Domain{Name: domain})
	u := s.user(t, "ana", func(u *schema.User) { u.MailboxActions.IMAP = false })
	status, folders := s.FolderSync(t, as(u))
	if status != http.StatusOK || !strings.Contains(folders, "INBOX") {
		t.Fatalf("FolderSync before: %d %q\n%s", status, folders, s.Tail("sogo"))
	}
	refused(t, "imap", s.SignIn("imap", as(u)), "IMAP is not enabled")
	s.change(t, u, func(u *schema.User) { u.MailboxActions.ActiveSync = false })
	// SOGo remembers for some seconds who may sign in. The mailbox is closed to
	// it at once.
	if status, folders := s.FolderSync(t, as(u)); strings.Contains(folders, "INBOX") {
		t.Errorf("FolderSync after: %d %q", status, folders)
	}
	stack.Eventually(t, "the telephone is refused", func() bool {
		status, _ := s.FolderSync(t, as(u))
		return status == http.StatusUnauthorized
	})
}
