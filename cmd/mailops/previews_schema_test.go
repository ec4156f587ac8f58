package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif" // brings the schema of SARIF
	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// published are the schemas that machines may hold the formats of previews to.
var published = map[string]func() (*jsonschema.Schema, error){
	formatJSON:  sync.OnceValues(func() (*jsonschema.Schema, error) { return compileSchema(preview.PlanSchema) }),
	formatSARIF: sync.OnceValues(sarifSchema),
}

func compileSchema(text []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("schema.json")
}

// sarifSchema is the schema of SARIF 2.1.0 as OASIS published it (errata 01). A
// module that reads SARIF has its text as a constant.
func sarifSchema() (*jsonschema.Schema, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err = strconv.Unquote(lit.Value)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	return compileSchema([]byte(text))
}

// conforms fails unless a text is as the schema of its format says.
func conforms(t *testing.T, format, text string) {
	t.Helper()
	compile := published[format]
	if compile == nil || text == "" || strings.Contains(text, `"mailops.problems/v1"`) {
		return
	}
	s, err := compile()
	if err != nil {
		t.Fatalf("the schema of %s: %v", format, err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("--format %s prints no JSON: %v", format, err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("--format %s: %v", format, err)
	}
}

// TestPlanSchemaIsKept: the schema knows every kind of change with every field,
// and all that stands beside a plan; and nothing else.
func TestPlanSchemaIsKept(t *testing.T) {
	v := wholeView(t)
	var b bytes.Buffer
	if err := preview.JSON(&b, v); err != nil {
		t.Fatal(err)
	}
	conforms(t, formatJSON, b.String())
	var saved bytes.Buffer
	if err := v.Write(&saved); err != nil {
		t.Fatal(err)
	}
	conforms(t, formatJSON, saved.String())
	if _, err := reconcile.ParsePlan(saved.Bytes()); err != nil {
		t.Errorf("what --out saves: %v", err)
	}

	s, err := published[formatJSON]()
	if err != nil {
		t.Fatal(err)
	}
	for _, place := range [][]any{{}, {"summary"}, {"counts"}, {"changes", 0}, {"changes", 0, "fields", 0}, {"changes", 0, "fields", 0, "origin"}, {"effects", 0}, {"findings", 0},
		{"findings", 0, "keys", 0}, {"routes", 0}, {"base"}, {"drift", 0}, {"drift", 0, "fields", 0}, {"moved", 0}, {"later", 0}, {"later", 0, "fields", 0}, {"later", 0, "effects", 0}} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		objectAt(t, doc, place)["added"] = "later"
		if s.Validate(doc) == nil {
			t.Errorf("the schema lets a field through that is added at %v", place)
		}
	}
}

func objectAt(t *testing.T, doc any, place []any) map[string]any {
	t.Helper()
	for _, step := range place {
		switch step := step.(type) {
		case string:
			doc = doc.(map[string]any)[step]
		case int:
			doc = doc.([]any)[step]
		}
	}
	object, ok := doc.(map[string]any)
	if !ok {
		t.Fatalf("nothing is at %v", place)
	}
	return object
}

// wholeView is a preview with every kind of change of every field, and with all
// that stands beside a plan.
func wholeView(t *testing.T) *preview.View {
	t.Helper()
	who := schema.Key{Kind: schema.KindUser, Name: "new@b.example"}
	origin := &schema.Origin{Pos: schema.Pos{File: "a.yaml", Line: 2, Column: 3}, Via: "profile sales"}
	p := &reconcile.Plan{Revision: "git:1", Want: "w", Store: "mem:", At: time.Unix(1, 0).UTC(), Undoes: 3, Counts: reconcile.Counts{Drift: 1},
		Effects:  []reconcile.Effect{{Severity: reconcile.Severe, ID: "send-lost", Key: who, Text: "x", Origin: origin}},
		Findings: []reconcile.Finding{{Rule: "deletes", Severity: reconcile.Refuse, Text: "x", Allow: "deletes=2", Lifted: true, Keys: []schema.Key{who}, Origin: origin}},
		Routes:   []reconcile.RouteChange{{Address: "a@b.example", Before: []string{"a@b.example"}}}, Recorded: []string{"role"}, Unseen: []string{"password"}}
	full, bare := wholeState(), schema.State{}
	for _, r := range full {
		empty, err := schema.New(r.Key())
		if err != nil {
			t.Fatal(err)
		}
		bare = append(bare, empty)
	}
	p.Changes = slices.Concat(reconcile.Diff(bare, full), reconcile.Diff(full, bare), reconcile.Diff(nil, full), reconcile.Diff(full, nil), reconcile.Diff(full[1:3], full[2:3]))
	for i := range p.Changes {
		for j := range p.Changes[i].Fields {
			f := &p.Changes[i].Fields[j]
			f.Origin, f.Drift = origin, true
		}
	}
	for _, field := range schema.Fields(schema.KindUser) {
		if p.Changes[len(p.Changes)-1].Field(field.Path) == nil {
			t.Errorf("the change says nothing of %s: wholeState has it as it is by itself", field.Path)
		}
	}
	p.Later = []reconcile.Later{{At: time.Unix(4, 0).UTC(), Key: who, Reason: "x", Cancelled: true, Fields: p.Changes[0].Fields[:1], Effects: p.Effects, Origin: origin}}
	p.LaterMore, p.Covers = 1, true
	p.Seal()
	return &preview.View{Plan: p, Base: "main", BaseCommit: strings.Repeat("a", 40), Snapshot: time.Unix(2, 0).UTC(),
		Drift: []reconcile.Held{{Change: p.Changes[0], Why: reconcile.HeldReport, Reason: "x", Until: time.Unix(3, 0).UTC()}},
		Moved: []reconcile.Held{{Change: p.Changes[1], Why: reconcile.HeldReport}}}
}

// wholeState is a state in which every field says something.
func wholeState() schema.State {
	user := &schema.User{Address: "new@b.example", Name: "New", RenamedFrom: "old@b.example", Password: "{X}y", TravelMode: &schema.TravelMode{Until: "2030-01-01T00:00:00Z"},
		Settings: schema.Settings{Role: schema.RoleAdmin, Status: schema.StatusSuspended, AccountType: schema.AccountEnhanced, Quota: 1 << 30, Language: "pt", Timezone: "UTC",
			Forwarding:     schema.Forwarding{To: []schema.Address{"a@b.example"}, KeepCopy: true},
			MailboxActions: schema.MailboxActions{Incoming: true, Outgoing: true, SpamCheck: true, IMAP: true, POP: true, ActiveSync: true},
			Permissions: schema.Permissions{Features: schema.Features{Autoresponder: true, Forwarding: true, Filters: true, AllowBlockList: true, SharedFolders: true, ChangePassword: true},
				Services: schema.Services{Webmail: true, SMTP: true, ManageSieve: true}, OnlyLocalSMTP: true, AccessHours: &schema.AccessHours{Timezone: "UTC"},
				SendAs: []schema.Address{"a@b.example"}, TrustedNetworks: []string{"10.0.0.0/8"}},
			MailAddOn: schema.MailAddOn{Backup: schema.BackupOnDeactivation}, Lock: schema.Lock{MailAddOn: schema.Locked}}}
	state := schema.State{
		&schema.Domain{Name: "b.example", CatchAll: "a@b.example", Timezone: "UTC"},
		&schema.User{Address: "old@b.example"}, user,
		&schema.Alias{Address: "c@b.example", To: []schema.Address{"a@b.example"}},
		&schema.List{Address: "d@b.example", Members: []schema.Address{"a@b.example"}, Posting: schema.PostingMembers},
	}
	state.Sort()
	return state
}
