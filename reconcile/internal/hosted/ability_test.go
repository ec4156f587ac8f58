package hosted

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// TestLacks: what a service cannot do becomes what a plan says, the longest path
// of the table first, and a field that the table does not name is one of them.
func TestLacks(t *testing.T) {
	table := Table{
		{Path: "posting", Can: ReadOnly, Why: "no call sets it"},
		{Path: "members", Can: ReadSet},
	}
	want := []reconcile.Lack{{Kind: schema.KindList, Path: "posting", Cannot: reconcile.CannotSet, Value: `"anyone"`, Reason: "no call sets it"}}
	if diff := cmp.Diff(want, table.Lacks(&schema.List{Address: "a@b.example", Posting: schema.PostingAnyone})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	nested := Table{{Path: "permissions", Can: Neither}, {Path: "permissions.services", Can: ReadSet}, {Path: "password", Can: SetOnly}}
	for path, can := range map[string]Can{"permissions.sendAs": Neither, "permissions.services.smtp": ReadSet, "password": SetOnly, "name": Neither} {
		if got := nested.Of(path).Can; got != can {
			t.Errorf("%s: %s, want %s", path, got, can)
		}
	}
}
