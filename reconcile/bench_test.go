package reconcile_test

import (
	"fmt"
	"testing"

	"mailops/reconcile"
	"mailops/schema"
)

// BenchmarkNew plans for organizations of growing size in which everybody is
// changed: the time for each change must stay the same. A hundred thousand
// changes take about 3.6 s of CPU on the machine they were measured on.
func BenchmarkNew(b *testing.B) {
	for _, users := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			in := everybodyChanges(users)
			for b.Loop() {
				plan, err := reconcile.New(in)
				if err != nil {
					b.Fatal(err)
				}
				if n := len(plan.Changes); n != users+1 {
					b.Fatalf("%d changes", n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/change")
		})
	}
}

// everybodyChanges suspends all users, all of them protected, and takes half of
// them out of a list.
func everybodyChanges(users int) reconcile.Input {
	domain := &schema.Domain{Name: "acme.example"}
	live, want := schema.State{domain}, schema.State{domain}
	org := lenient()
	org.Guards.Lockouts = schema.Guard{}
	var members []schema.Address
	for n := range users {
		u := standard(schema.Address(fmt.Sprintf("u%06d@acme.example", n)))
		suspended := standard(u.Address)
		suspended.Status = schema.StatusSuspended
		live, want = append(live, u), append(want, suspended)
		members = append(members, u.Address)
	}
	live = append(live, &schema.List{Address: "team@acme.example", Members: members})
	want = append(want, &schema.List{Address: "team@acme.example", Members: members[users/2:]})
	org.Protected = members
	return reconcile.Input{Live: reconcile.Live{State: live}, Want: want, Organization: org, At: now}
}
