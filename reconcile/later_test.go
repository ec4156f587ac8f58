package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// step is what a user becomes some days after now.
func step(t *testing.T, days int, user string, fields ...string) reconcile.Step {
	t.Helper()
	s := edit(t, edit(t, nil, "user "+user), "user "+user+" "+strings.Join(fields, " "))
	return reconcile.Step{At: now.AddDate(0, 0, days), Reason: strings.Join(fields, ","), Before: standard(schema.Address(user)), After: s[0].(*schema.User)}
}

// TestForetell: what declarations do later is told with what it means, of lists
// too; what they would have done anyway, and what mailops leaves alone, is not; what
// they do no longer is told as that.
func TestForetell(t *testing.T) {
	live := edit(t, nil, "domain acme.example\nuser ana@acme.example\nuser bruno@acme.example\nlist team@acme.example members=ana@acme.example,bruno@acme.example")
	in := reconcile.Input{Live: reconcile.Live{State: live}, Want: live, Organization: lenient(), At: now}
	in.Organization.Unmanaged = []string{"language"}
	in.Organization.Timezone = "Europe/Lisbon"
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	will := []reconcile.Step{
		step(t, 1, "ana@acme.example", "status=deactivated"), // as before, and it counts for what comes later
		step(t, 2, "bruno@acme.example", "status=deactivated", "language=pt"),
		step(t, 3, "bruno@acme.example", "language=en"),
	}
	was := []reconcile.Step{step(t, 1, "ana@acme.example", "status=deactivated"), step(t, 4, "bruno@acme.example", "role=admin")}
	if err := p.Foretell(in, will, was); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range p.Later {
		got = append(got, fmt.Sprint(l.At.Sub(now), " ", l.Name, " cancelled=", l.Cancelled, " ", len(l.Fields)))
		for _, e := range l.Effects {
			got = append(got, "  "+e.ID+" "+e.Name)
		}
	}
	want := []string{
		"48h0m0s bruno@acme.example cancelled=false 1",
		"  sign-in-lost bruno@acme.example", "  send-lost bruno@acme.example", "  mail-refused bruno@acme.example", "  no-reader team@acme.example",
		"96h0m0s bruno@acme.example cancelled=true 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var saved strings.Builder
	if err := p.Write(&saved); err != nil {
		t.Fatal(err)
	}
	if _, err := reconcile.ParsePlan([]byte(saved.String())); err != nil {
		t.Errorf("it does not survive being saved: %v", err)
	}
}

// TestForetellMuch: what is too much to be told is counted.
func TestForetellMuch(t *testing.T) {
	in := reconcile.Input{Live: reconcile.Live{State: edit(t, nil, "user ana@acme.example")}, Organization: lenient(), At: now}
	in.Want = in.Live.State
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	var will []reconcile.Step
	for i := range 600 {
		s := step(t, 1, "ana@acme.example", "role=admin")
		s.At = s.At.Add(time.Duration(i) * time.Hour)
		will = append(will, s)
	}
	if err := p.Foretell(in, will, nil); err != nil {
		t.Fatal(err)
	}
	if len(p.Later) != 500 || p.LaterMore != 100 {
		t.Errorf("it tells %d and counts %d", len(p.Later), p.LaterMore)
	}
}
