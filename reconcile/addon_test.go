package reconcile_test

import (
	"slices"
	"testing"

	"mailops/reconcile"
	"mailops/schema"
)

// TestBackupFindings: whose mail may be backed up, and the rules that say no.
func TestBackupFindings(t *testing.T) {
	t.Parallel()
	fit := schema.Observed{AddOnProtocol: schema.ProtocolPOP, AddOnSharing: schema.SharingComplete}
	for name, test := range map[string]struct {
		change func(*schema.User, *schema.Observed, *schema.Organization)
		rules  []string
	}{
		"fit":       {func(*schema.User, *schema.Observed, *schema.Organization) {}, nil},
		"active":    {func(u *schema.User, _ *schema.Observed, _ *schema.Organization) { u.Status = schema.StatusActive }, []string{"backup-deactivated"}},
		"suspended": {func(u *schema.User, _ *schema.Observed, _ *schema.Organization) { u.Status = schema.StatusSuspended }, []string{"backup-deactivated"}},
		"imap": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) {
			o.AddOnProtocol = schema.ProtocolIMAP
		}, []string{"backup-pop-only"}},
		"imap, allowed": {func(_ *schema.User, o *schema.Observed, org *schema.Organization) {
			o.AddOnProtocol, org.Rules.BackupPOPOnly = schema.ProtocolIMAP, "off"
		}, nil},
		"private": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) {
			o.AddOnSharing = schema.SharingPrivate
		}, []string{"backup-sharing"}},
		"of another domain": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) {
			o.AddOnMailbox = "a@elsewhere.example"
		}, []string{"backup-domain"}},
		"nothing new": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) { o.Backup = schema.BackupCompleted }, []string{"latest-backup-saved"}},
		"something new": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) {
			o.Backup, o.AddOnSaved = schema.BackupCompleted, true
		}, nil},
		"goes on": {func(_ *schema.User, o *schema.Observed, _ *schema.Organization) { o.Backup = "failed" }, nil},
		"everything": {func(u *schema.User, o *schema.Observed, _ *schema.Organization) {
			u.Status, *o = schema.StatusActive, schema.Observed{AddOnMailbox: "a@elsewhere.example", Backup: schema.BackupCompleted}
		}, []string{"backup-deactivated", "backup-pop-only", "backup-sharing", "backup-domain", "latest-backup-saved"}},
	} {
		u, o, org := &schema.User{Address: "a@acme.example"}, fit, schema.Organization{}
		u.Status = schema.StatusDeactivated
		test.change(u, &o, &org)
		var rules []string
		for _, f := range reconcile.BackupFindings(u, o, schema.State{&schema.Domain{Name: "acme.example"}, u}, org) {
			rules = append(rules, f.Rule)
			if f.Severity != reconcile.Refuse || f.Allow != f.Rule+"=a@acme.example" || len(f.Keys) != 1 {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(rules, test.rules) {
			t.Errorf("%s: %v, want %v", name, rules, test.rules)
		}
	}
}
