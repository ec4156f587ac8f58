package reconcile_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/schema"
)

// planOf makes a plan from the lines of two states; see edit.
func planOf(t *testing.T, live, want string, in reconcile.Input) *reconcile.Plan {
	t.Helper()
	in.Live.State = edit(t, nil, live)
	in.Want = edit(t, in.Live.State, want)
	if in.Organization.Guards == (schema.Guards{}) {
		in.Organization = lenient()
	}
	plan, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// TestParsePlanEdited: a file that says the same to this program and something
// else to another reader, or to the person who approves, is no plan.
func TestParsePlanEdited(t *testing.T) {
	plan := planOf(t, "domain acme.example\nuser ana@acme.example", "- user ana@acme.example", reconcile.Input{At: now})
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	for name, edited := range map[string]string{
		"a key twice":              strings.Replace(string(data), `"changes":`, `"changes":[],"changes":`, 1),
		"a key in other letters":   strings.Replace(string(data), `"changes":`, `"Changes":`, 1),
		"an unknown key":           strings.Replace(string(data), `"changes":`, `"note":"harmless","changes":`, 1),
		"a null that is left out":  strings.Replace(string(data), `,"after":null`, ``, 1),
		"another format":           strings.Replace(string(data), `mailops.plan/v1`, `mailops.plan/v2`, 1),
		"another summary":          strings.Replace(string(data), `"delete":1`, `"delete":0`, 1),
		"another id":               strings.Replace(string(data), plan.ID, strings.Repeat("0", len(plan.ID)), 1),
		"a second plan behind it":  string(data) + string(data),
		"something else":           `[]`,
		"nothing":                  ``,
		"cut short":                string(data[:len(data)-2]),
		"a refusal that is lifted": strings.Replace(string(data), `"findings":[]`, `"findings":[{"rule":"deletes"}]`, 1),
	} {
		if edited == string(data) {
			t.Errorf("%s: the test edits nothing", name)
		}
		if _, err := reconcile.ParsePlan([]byte(edited)); !errors.Is(err, reconcile.ErrPlanFile) {
			t.Errorf("%s: error %v, want ErrPlanFile", name, err)
		}
	}
}

// TestParsePlanSealed: a digest does not make changes that Diff cannot make.
func TestParsePlanSealed(t *testing.T) {
	user := schema.Key{Kind: schema.KindUser, Name: "ana@acme.example"}
	for name, c := range map[string]reconcile.Change{
		"a kind that no store holds":   {Key: schema.Key{Kind: schema.KindProfile, Name: "sales"}, Op: reconcile.OpDelete, Version: "v"},
		"an operation that is none":    {Key: user, Op: "move", Version: "v"},
		"a create that saw a row":      {Key: user, Op: reconcile.OpCreate, Version: "v"},
		"an update that saw no row":    {Key: user, Op: reconcile.OpUpdate},
		"a field that does not exist":  {Key: user, Op: reconcile.OpUpdate, Version: "v", Fields: []reconcile.FieldChange{{Path: "signingKeys", After: `["ssh-rsa AAAA"]`}}},
		"a value that does not fit it": {Key: user, Op: reconcile.OpUpdate, Version: "v", Fields: []reconcile.FieldChange{{Path: "quota", After: `5`}}},
	} {
		plan := reconcile.Plan{Changes: []reconcile.Change{c}}
		plan.Seal()
		data, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reconcile.ParsePlan(data); !errors.Is(err, reconcile.ErrPlanFile) || !strings.Contains(err.Error(), c.Key.String()) {
			t.Errorf("%s: error %v, want an ErrPlanFile that names %s", name, err, c.Key)
		}
	}
}

// TestPlanOfBrokenText: JSON holds no invalid UTF-8, and a store may.
func TestPlanOfBrokenText(t *testing.T) {
	live := edit(t, nil, "domain acme.example\nuser ana@acme.example")
	live.Find(userKey("ana@acme.example")).(*schema.User).Name = "Ana \xff"
	survives(t, reconcile.Input{Live: reconcile.Live{State: live}, Want: live[:1], Organization: lenient(), At: now})
}

// TestPlanInAnyZone: an instant is one plan, wherever it is asked for.
func TestPlanInAnyZone(t *testing.T) {
	a := planOf(t, "domain acme.example", "", reconcile.Input{At: now})
	b := planOf(t, "domain acme.example", "", reconcile.Input{At: now.In(time.FixedZone("", -5*3600-45))})
	if a.ID != b.ID {
		t.Errorf("two plans for one instant: %v and %v", a.At, b.At)
	}
}

// TestUpdateOfNothing: an update of a row that is gone is an error, not a panic.
func TestUpdateOfNothing(t *testing.T) {
	c := reconcile.Change{Key: userKey("ana@acme.example"), Op: reconcile.OpUpdate}
	if _, err := reconcile.Advance(nil, []reconcile.Change{c}); err == nil || err.Error() != "update User/ana@acme.example: it is gone" {
		t.Errorf("error %v", err)
	}
}

type placed struct{}

func (placed) Origin(_ schema.Key, path string) *schema.Origin {
	return &schema.Origin{Pos: schema.Pos{File: path + ".yaml", Line: 3, Column: 5}}
}

func (placed) Declared(key schema.Key) (schema.Pos, bool) {
	return schema.Pos{File: key.Name + ".yaml", Line: 1, Column: 1}, true
}

// TestOrigins: what a declaration set says where; a delete, and what an undo
// puts back, was set by none.
func TestOrigins(t *testing.T) {
	live := "domain acme.example\nuser ana@acme.example\nuser bruno@acme.example"
	plan := planOf(t, live, "user ana@acme.example quota=5GiB\n- user bruno@acme.example", reconcile.Input{At: now, Provenance: placed{}})
	got := plan.Changes[0].Field("quota").Origin
	if diff := cmp.Diff(&schema.Origin{Pos: schema.Pos{File: "quota.yaml", Line: 3, Column: 5}}, got); diff != "" {
		t.Errorf("origin of the quota (-want +got):\n%s", diff)
	}
	in := reconcile.Input{Organization: lenient(), At: now, Provenance: placed{}}
	in.Live.State = advance(t, edit(t, nil, live), plan.Changes)
	undo, err := reconcile.Undo(in, reconcile.Run{ID: 7, Changes: plan.Changes})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(plan.Changes[1:], undo.Changes...) {
		for _, f := range c.Fields {
			if f.Origin != nil {
				t.Errorf("%s %s: %s has the origin %s", c.Op, c.Key, f.Path, f.Origin)
			}
		}
	}
	if undo.Undoes != 7 {
		t.Errorf("the plan takes run %d back, want 7", undo.Undoes)
	}
}

func TestParseAllowance(t *testing.T) {
	for text, want := range map[string]string{
		"deletes=7":                  "",
		"min-admins=0":               "",
		"protected=ceo@acme.example": "",
		"deletes":                    "want GUARD=N",
		"deletes=":                   "want GUARD=N",
		"deletes=all":                "want GUARD=N",
		"deletes=-1":                 "want GUARD=N",
		"protected=":                 "RULE=ADDRESS",
		"admin-lockout=1":            "want GUARD=N",
		"lock-self=ana@acme.example": "RULE=ADDRESS",
		"":                           "want GUARD=N",
	} {
		_, err := reconcile.ParseAllowance(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("--allow %s: error %v, want one about %q", text, err, want)
		}
	}
}

// TestNotesComeFirst: findings of the caller are part of the plan, and refuse.
func TestNotesComeFirst(t *testing.T) {
	note := reconcile.Finding{Rule: "licence-limit", Severity: reconcile.Refuse, Text: "too many"}
	plan := planOf(t, "domain acme.example", "", reconcile.Input{At: now, Notes: []reconcile.Finding{note}})
	if diff := cmp.Diff([]reconcile.Finding{note}, plan.Refusals()); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// rows is a store that yields these rows and takes any batch.
type rows struct {
	rows  []reconcile.Row
	batch reconcile.Batch
}

func (s *rows) Read(context.Context) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		for _, r := range s.rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (s *rows) Apply(_ context.Context, b reconcile.Batch) (int64, error) {
	s.batch = b
	return 8, nil
}

func (s *rows) Close() error { return nil }

// TestApply: a plan that is refused never reaches the store, and says why and
// what lifts it; one that is not is handed over whole.
func TestApply(t *testing.T) {
	org := lenient()
	org.Guards.Deletes = schema.Guard{}
	live, want := "domain acme.example\nuser ana@acme.example role=admin", "- user ana@acme.example"
	in := reconcile.Input{At: now, Organization: org, Revision: "r"}
	store := &rows{}
	_, err := reconcile.Apply(t.Context(), store, planOf(t, live, want, in), reconcile.Execution{At: now, Actor: "ana"})
	wantErr := "admin-lockout: the plan leaves no administrator who can sign in\n" +
		"deletes: the plan deletes 1 of 1 addresses, and the guard allows 0 (max 0%, atLeast 0); --allow deletes=1 lifts it for this plan"
	if !errors.Is(err, reconcile.ErrRefused) || err.Error() != wantErr || store.batch.Plan != "" {
		t.Errorf("error %v, want ErrRefused and\n%s", err, wantErr)
	}
	in.Allow = []reconcile.Allowance{{Rule: "deletes", Value: "1"}}
	plan := planOf(t, "user boss@acme.example role=admin\n"+live, want, in)
	run, err := reconcile.Apply(t.Context(), store, plan, reconcile.Execution{At: now, Actor: "ana"})
	if err != nil || run != 8 {
		t.Fatalf("run %d, error %v", run, err)
	}
	wantRun := reconcile.Run{At: now, Actor: "ana", Revision: "r", Plan: plan.ID, Summary: reconcile.Summary{Delete: 1}, Counts: reconcile.Counts{Deletes: 1}, Changes: plan.Changes}
	if diff := cmp.Diff(wantRun, store.batch.Run); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
}

// TestReadLive: what is observed is kept apart, and a store that yields out of
// order, or one row twice, is not trusted.
func TestReadLive(t *testing.T) {
	state := edit(t, nil, "domain acme.example\nuser ana@acme.example\nuser bruno@acme.example")
	store := &rows{}
	for _, r := range state {
		store.rows = append(store.rows, reconcile.Row{Resource: r})
	}
	store.rows[2].Observed.AddOnSaved = true
	live, err := reconcile.ReadLive(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	want := reconcile.Live{State: state, Observed: map[schema.Address]schema.Observed{"bruno@acme.example": {AddOnSaved: true}}}
	if diff := cmp.Diff(want, live); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	store.rows[1] = store.rows[2]
	if _, err := reconcile.ReadLive(t.Context(), store); err == nil || err.Error() != "read live state: User/bruno@acme.example came after User/bruno@acme.example" {
		t.Errorf("a row twice: error %v", err)
	}
}
