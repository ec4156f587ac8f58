package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/mem"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/policy"
	"mailops/schema/resolve"
)

// TestMain makes the test binary a policy child when it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == policy.ChildArg {
		os.Exit(policy.Child(os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// ruleTime is when the examples of rules are judged.
var ruleTime = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)

// The declarations that every example of a rule stands among, where it does not
// declare them itself.
const baseOrganization = `apiVersion: mailops/v1
kind: Organization
name: Acme
---
kind: Domain
name: acme.example
`

var baseUsers = []string{"ana@acme.example", "bruno@acme.example"}

// TestRules: what a rule calls wrong is refused by this rule and no other, and
// what it calls right by none.
func TestRules(t *testing.T) {
	for _, r := range schema.Rules() {
		t.Run(r.ID, func(t *testing.T) {
			if len(r.Purpose) < 40 || len(r.Fail) == 0 || len(r.Pass) == 0 {
				t.Error("a rule needs a purpose, pass/ and fail/")
			}
			if diff := cmp.Diff([]string{r.ID}, ruleIDs(t, r, r.Fail)); diff != "" {
				t.Errorf("rules that fail/ breaks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string(nil), ruleIDs(t, r, r.Pass)); diff != "" {
				t.Errorf("rules that pass/ breaks (-want +got):\n%s", diff)
			}
		})
	}
}

// ruleIDs returns the rules that an example breaks, in order. What they say is
// logged: `go test -v -run TestRules` shows every message there is.
func ruleIDs(t *testing.T, r schema.Rule, files []schema.Source) []string {
	t.Helper()
	ids := make(map[string]bool)
	w, problems := resolved(t, files)
	for _, p := range problems {
		t.Log(p, "hint:", p.Hint)
		ids[p.Rule] = true
	}
	if len(r.Live) > 0 {
		_, broken := resolved(t, r.Live)
		if len(broken) > 0 {
			t.Error("live/ is not right:", broken)
		}
		for _, f := range findings(t, r, w) {
			t.Log(f.Rule+":", f.Text, "allow:", f.Allow)
			ids[f.Rule] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// resolved loads, resolves and judges an example among the base declarations.
func resolved(t *testing.T, files []schema.Source) (*resolve.Want, schema.Problems) {
	t.Helper()
	fsys := fstest.MapFS{load.Root: {Data: []byte(baseOrganization)}}
	base := ""
	for _, address := range baseUsers {
		if !slices.ContainsFunc(files, func(f schema.Source) bool { return strings.Contains(f.Text, "address: "+address) }) {
			base += "---\nkind: User\naddress: " + address + "\n"
		}
	}
	fsys["base.yaml"] = &fstest.MapFile{Data: []byte(base)}
	for _, f := range files {
		fsys[f.File] = &fstest.MapFile{Data: []byte(f.Text)}
	}
	decls, problems, err := load.FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	w, more := resolve.At(decls, ruleTime, nil)
	violations, err := (&app{}).judge(t.Context(), decls, w)
	if err != nil {
		t.Fatal(err)
	}
	return w, slices.Concat(problems, more, violations)
}

// findings plans from the live store of a rule's example to a want.
func findings(t *testing.T, r schema.Rule, w *resolve.Want) []reconcile.Finding {
	t.Helper()
	s := ruleStore(t, r, w)
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	in := reconcile.Input{Live: live, Want: w.State, Organization: w.Organization, At: ruleTime, Store: "mem:", Last: &runs[0], Notes: notes(w)}
	if len(r.Args) > 0 {
		if len(r.Args) != 2 || r.Args[0] != "--actor" {
			t.Fatalf("args %q: want --actor ADDRESS", r.Args)
		}
		in.Actor = schema.Address(r.Args[1])
	}
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return p.Findings
}

// ruleStore makes the store that a rule's example begins with: what live/ says,
// with what users own. For live-shrunk the last run made all that is declared,
// and somebody else removed what is not in live/.
func ruleStore(t *testing.T, r schema.Rule, w *resolve.Want) *mem.Store {
	t.Helper()
	before, _ := resolved(t, r.Live)
	s := mem.New()
	if r.ID == "live-shrunk" {
		apply(t, s, w)
		for _, resource := range w.State {
			if before.State.Find(resource.Key()) == nil {
				s.Remove(resource.Key())
			}
		}
		return s
	}
	apply(t, s, before)
	for _, owned := range r.Owned {
		var observed map[schema.Address]schema.Observed
		if err := json.Unmarshal([]byte(owned.Text), &observed); err != nil {
			t.Fatal(err)
		}
		for address, o := range observed {
			if err := s.SetObserved(t.Context(), address, o); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func apply(t *testing.T, s reconcile.Store, w *resolve.Want) {
	t.Helper()
	p, err := reconcile.New(reconcile.Input{Want: w.State, Organization: w.Organization, At: ruleTime})
	if err == nil {
		_, err = reconcile.Apply(context.WithoutCancel(t.Context()), s, p, w.Secrets, "", ruleTime)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryRuleIsExplained: the catalogue holds the rules that the code names,
// and no others. The code calls a rule's id `rule` wherever it passes, returns
// or keeps one; that is how they are found.
func TestEveryRuleIsExplained(t *testing.T) {
	found := make(map[string]bool)
	for _, dir := range []string{"../../schema", "../../schema/load", "../../schema/policy", "../../schema/resolve", "../../reconcile", "."} {
		s := ruleScan{params: make(map[string][]int), found: found}
		files := parseDir(t, dir)
		s.params["Problem"] = []int{2} // schema.Declaration's and resolve.Want's
		for _, f := range files {
			ast.Inspect(f, s.declares)
		}
		for _, f := range files {
			ast.Inspect(f, s.uses)
		}
	}
	if diff := cmp.Diff(ruleNames(), slices.Sorted(maps.Keys(found))); diff != "" {
		t.Errorf("rules (-explained in schema/rules +named by the code):\n%s", diff)
	}
}

func parseDir(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// A ruleScan finds the literals that are rule ids in one package.
type ruleScan struct {
	params map[string][]int // functions that take a rule, with the positions
	found  map[string]bool
}

var ruleID = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func (s ruleScan) literal(e ast.Expr) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return
	}
	if id, err := strconv.Unquote(lit.Value); err == nil && ruleID.MatchString(id) {
		s.found[id] = true
	}
}

// declares notes the functions with a parameter named rule.
func (s ruleScan) declares(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		s.takes(n.Name.Name, n.Type)
	case *ast.AssignStmt:
		for i, e := range n.Rhs {
			name, named := n.Lhs[min(i, len(n.Lhs)-1)].(*ast.Ident)
			if f, ok := e.(*ast.FuncLit); ok && named {
				s.takes(name.Name, f.Type)
			}
		}
	}
	return true
}

func (s ruleScan) takes(name string, f *ast.FuncType) {
	if i := position(f.Params); i >= 0 && !slices.Contains(s.params[name], i) {
		s.params[name] = append(s.params[name], i)
	}
}

// position is where a parameter or result named rule stands; -1 for nowhere.
func position(fields *ast.FieldList) int {
	i := 0
	if fields == nil {
		return -1
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			if name.Name == "rule" {
				return i
			}
			i++
		}
		i += max(0, 1-len(f.Names))
	}
	return -1
}

// uses collects the literals that are passed, returned, assigned or kept as a
// rule.
func (s ruleScan) uses(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		for _, i := range s.params[lastName(n.Fun)] {
			if i < len(n.Args) {
				s.literal(n.Args[i])
			}
		}
	case *ast.KeyValueExpr:
		if lastName(n.Key) == "Rule" {
			s.literal(n.Value)
		}
	case *ast.AssignStmt:
		for i, target := range n.Lhs {
			if strings.EqualFold(lastName(target), "rule") && len(n.Lhs) == len(n.Rhs) {
				s.literal(n.Rhs[i])
			}
		}
	case *ast.FuncDecl:
		if i := position(n.Type.Results); i >= 0 && n.Body != nil {
			ast.Inspect(n.Body, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && i < len(r.Results) {
					s.literal(r.Results[i])
				}
				return true
			})
		}
	}
	return true
}

// lastName is the name of x in x and in pkg.x; "" for other expressions.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// TestRuleFiles: what explain prints of a rule is short enough to be read.
func TestRuleFiles(t *testing.T) {
	for _, r := range schema.Rules() {
		for _, f := range slices.Concat(r.Pass, r.Fail, r.Live) {
			if n := strings.Count(f.Text, "\n"); n > 20 || !strings.HasSuffix(f.Text, "\n") {
				t.Error(fmt.Sprintf("%s: %s has %d lines", r.ID, f.File, n))
			}
		}
	}
}
