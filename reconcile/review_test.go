package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// TestMoved: what is live as the tip asks is what that did; the rest is drift.
func TestMoved(t *testing.T) {
	base := edit(t, nil, "user ana@acme.example\nuser bruno@acme.example quota=5GiB language=pt\nuser carla@acme.example\nuser gone@acme.example")
	tip := edit(t, base, "user bruno@acme.example quota=10GiB\n- user gone@acme.example\nuser new@acme.example\nuser edited@acme.example")
	live := edit(t, tip, "user bruno@acme.example language=en\nuser edited@acme.example role=admin\n- user carla@acme.example\nuser stray@acme.example")
	_, drift := reconcile.Settle(base, live, reconcile.Terms{At: now, Base: base, Drift: schema.Drift{Default: schema.DriftReport}})
	still, moved := reconcile.Moved(drift, live, tip)
	if diff := cmp.Diff([]string{"create carla@acme.example", "update bruno@acme.example language", "update edited@acme.example role", "delete stray@acme.example"}, heldText(still), inOrder); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"create gone@acme.example", "update bruno@acme.example quota", "delete new@acme.example", "delete edited@acme.example"}, heldText(moved), inOrder); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

var inOrder = cmp.Transformer("sorted", func(s []string) []string {
	out := slices.Clone(s)
	slices.Sort(out)
	return out
})

func heldText(held []reconcile.Held) []string {
	var out []string
	for _, h := range held {
		line := string(h.Op) + " " + h.Name
		for _, f := range h.Fields {
			if h.Op == reconcile.OpUpdate {
				line += " " + f.Path
			}
		}
		out = append(out, line)
	}
	return out
}

// TestLoosened: every setting that guards less is named with what it was, and one
// that guards more, or as much in other words, is not.
func TestLoosened(t *testing.T) {
	organization := func(loose bool) schema.Organization {
		few, many := int64(5), int64(50)
		org := lenient()
		org.Guards.MinAdmins, org.Licences.Basic, org.Licences.Storage = 2, &few, 1<<30
		org.Drift = schema.Drift{Default: schema.DriftHeal, Fields: []schema.DriftField{{Kind: schema.KindUser, Field: "quota", Do: schema.DriftReport}}}
		org.Unmanaged = []string{"permissions", "language"}
		org.Changes.Windows = []schema.ChangeWindow{{Kind: "allow", Schedule: "0 20 * * *"}, {Kind: "deny", Schedule: "0 0 24 12 *"}}
		if loose {
			org.Guards.MinAdmins, org.Licences.Basic, org.Licences.Storage = 1, &many, schema.Unlimited
			org.Drift = schema.Drift{Default: schema.DriftReport, Fields: []schema.DriftField{{Kind: schema.KindUser, Field: "role", Do: schema.DriftAdopt}}}
			org.Unmanaged = []string{"permissions.sendAs", "role"}
			org.Changes = schema.ChangeTimes{Windows: []schema.ChangeWindow{{Kind: "allow", Schedule: "0 20 * * *"}, {Kind: "allow", Schedule: "0 6 * * *"}}, Urgent: []string{"role"}}
		}
		return org
	}
	said := func(was, is schema.Organization) []string {
		p, err := reconcile.New(reconcile.Input{Organization: is, Guarding: &was, At: now})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range p.Findings {
			_, text, _ := strings.Cut(f.Text, ": ")
			out = append(out, text)
		}
		return out
	}
	want := []string{
		"guards.minAdmins 2 → 1", "licences.basic 5 → 50", "licences.storage 1GiB → unlimited",
		"left alone from now on (`unmanaged`): role",
		"what others change is no longer taken back: drift.default heal → report",
		"what others change is no longer taken back: drift of User role heal → adopt",
		`changes no longer keep to the window deny "0 0 24 12 *" for ` + fmt.Sprint(schema.Duration(0)),
		`changes are applied in one more window: "0 6 * * *" for ` + fmt.Sprint(schema.Duration(0)),
		"changes of these no longer wait: role",
	}
	if diff := cmp.Diff(want, said(organization(false), organization(true))); diff != "" {
		t.Errorf("loosened (-want +got):\n%s", diff)
	}
	if same := said(organization(false), organization(false)); len(same) > 0 {
		t.Errorf("the same settings: %q", same)
	}
	if tight := said(organization(true), organization(false)); !slices.Equal(tight, []string{"left alone from now on (`unmanaged`): permissions, language"}) {
		t.Errorf("the other way round: %q", tight)
	}
}
