package resolve_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
	"mailops/schema/resolve"
)

// TestSteps: a user takes a step at each time at which something of theirs begins
// or ends, once for all that does so at one time; what has ended before, and what
// never ends, is none; and each step leads to what the user is at that time.
func TestSteps(t *testing.T) {
	decls := declarations(t, fstest.MapFS{"mailops.yaml": {Data: []byte(`apiVersion: mailops/v1
kind: Organization
name: Acme
timezone: Europe/Lisbon
---
kind: Domain
name: acme.example
---
kind: User
address: ana@acme.example
travelMode: {until: 2026-12-10}
permissions: {trustedNetworks: [10.0.0.0/8]}
schedule:
  - {from: 2026-01-01, until: 2026-01-02, reason: gone, set: {status: suspended}}
  - {from: 2026-12-01, until: 2026-12-10, reason: leave, set: {mailboxActions: {outgoing: false}}}
  - {from: 2027-01-01, until: 9999-12-31, reason: retired, set: {status: deactivated}}
---
kind: User
address: bruno@acme.example
`)}})
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	w, problems := resolve.At(decls, at, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	ana := schema.Key{Kind: schema.KindUser, Name: "ana@acme.example"}
	var got []string
	before := w.State.Find(ana)
	for _, s := range w.Steps([]schema.Address{"ana@acme.example", "bruno@acme.example", "nobody@acme.example"}, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)) {
		got = append(got, fmt.Sprintf("%s %d %s", s.At.UTC().Format(time.RFC3339), s.Pos.Line, s.Reason))
		then, _ := resolve.At(decls, s.At, nil)
		if schema.Version(s.Before) != schema.Version(before) || schema.Version(s.After) != schema.Version(then.State.Find(ana)) {
			t.Errorf("the step at %s does not lead from what was to what is then", s.At)
		}
		before = s.After
	}
	want := []string{
		`2026-12-01T00:00:00Z 15 schedule "leave" begins`,
		`2026-12-11T00:00:00Z 15 schedule "leave" ends, and travel mode ends`,
		`2027-01-01T00:00:00Z 16 schedule "retired" begins`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if soon := w.Steps([]schema.Address{"ana@acme.example"}, at.AddDate(0, 1, 0)); len(soon) != 1 || !strings.Contains(soon[0].Reason, "begins") {
		t.Errorf("within a month: %v", soon)
	}
}
