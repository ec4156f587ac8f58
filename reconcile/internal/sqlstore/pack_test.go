package sqlstore

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// TestPack: fields are written as they always were, and what is new comes after.
func TestPack(t *testing.T) {
	origin := &schema.Origin{Pos: schema.Pos{File: "a.yaml", Line: 3, Column: 7}}
	for _, test := range []struct {
		field reconcile.FieldChange
		want  string
	}{
		{reconcile.FieldChange{Path: "name", Before: `"a"`}, `[["name","a",null]]`},
		{reconcile.FieldChange{Path: "name", After: `1`, Origin: origin}, `[["name",null,1,{"file":"a.yaml","line":3,"column":7}]]`},
		{reconcile.FieldChange{Path: "name", After: `1`, Drift: true}, `[["name",null,1,null,true]]`},
		{reconcile.FieldChange{Path: "name", After: `1`, Drift: true, Origin: origin}, `[["name",null,1,{"file":"a.yaml","line":3,"column":7},true]]`},
	} {
		got, err := packFields([]reconcile.FieldChange{test.field})
		if err != nil || got != test.want {
			t.Errorf("got %s, error %v; want %s", got, err, test.want)
		}
		back, err := unpackFields(got)
		if diff := cmp.Diff([]reconcile.FieldChange{test.field}, back); err != nil || diff != "" {
			t.Errorf("%s: error %v (-want +got)\n%s", got, err, diff)
		}
	}
	for _, wrong := range []string{`[["name",1]]`, `[["name",1,2,null,true,3]]`, `[["name",1,2,null,"yes"]]`, `["name",1,2]`} {
		if _, err := unpackFields(wrong); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}
