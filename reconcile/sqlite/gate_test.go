package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestGate: the gate says what the mail servers would, as soon as an apply is
// done, and tells that something changed.
func TestGate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	if _, err := OpenGate(t.Context(), path); err == nil {
		t.Error("there is no store, and its gate opens")
	}
	s, err := OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ana := storetest.NewUser("ana@acme.example")
	ana.MailboxActions.IMAP = true
	ana.Permissions.TrustedNetworks = []string{"10.0.0.0/8", "2001:db8::/32"}
	before := schema.State{&schema.Domain{Name: "acme.example"}, ana}
	apply := func(from, to schema.State) {
		t.Helper()
		if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{At: time.Now(), Changes: reconcile.Diff(from, to)}}); err != nil {
			t.Fatal(err)
		}
	}
	apply(nil, before)
	g, err := OpenGate(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	notices := make(chan reconcile.Notice)
	go func() {
		defer close(notices)
		for n := range g.Watch(ctx) {
			select {
			case notices <- n:
			case <-ctx.Done():
			}
		}
	}()
	access := func() reconcile.Access {
		t.Helper()
		all, err := g.Access(t.Context(), []schema.Address{"ana@acme.example", "nobody@acme.example"})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d users, error %v", len(all), err)
		}
		return all["ana@acme.example"]
	}
	first := access()
	want := reconcile.Access{
		Password: schema.Fingerprint("{CRYPT}*"), Networks: []string{"10.0.0.0/8", "2001:db8::/32"}, Masters: map[string]bool{},
		Refused: map[string]string{
			"pop3": "POP3 is not enabled for this account", "activesync": "ActiveSync is not enabled for this account",
			"backup": "Only the mail of a deactivated account is backed up",
		},
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("access (-want +got)\n%s", diff)
	}
	away := *ana
	away.TravelMode = &schema.TravelMode{Until: time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	away.MailboxActions.IMAP = false
	// The watch may have begun after the apply that it should tell: any later
	// change is as good.
	for told := false; !told; {
		apply(before, schema.State{before[0], &away})
		select {
		case <-notices:
			told = true
		case <-time.After(2 * time.Second):
			apply(schema.State{before[0], &away}, before)
		}
	}
	now := access()
	if now.Networks != nil || now.Refused["imap"] == "" {
		t.Errorf("after the change: %+v", now)
	}
	grant := reconcile.Grant{Name: "support", Target: "@acme.example", Hash: "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		Reason: "ticket 7", At: time.Now(), Until: time.Now().Add(time.Hour)}
	if err := s.Grant(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	if !access().Masters["support"] {
		t.Error("the grant is not seen")
	}
	stop()
	for range notices {
	}
}
