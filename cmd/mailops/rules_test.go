package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
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
	"mailops/schema/resolve"
	"mailops/schema/track"
)

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
			t.Parallel()
			if len(r.Purpose) < 40 || len(r.Fail) == 0 || len(r.Pass) == 0 {
				t.Error("a rule needs a purpose, fail/ and pass/")
			}
			e := ruleExample{rule: r}
			if len(r.Live) > 0 {
				var problems schema.Problems
				if e.before, problems = resolved(t, r.Live); len(problems) > 0 {
					t.Fatal("live/ is not right:", problems)
				}
			}
			if diff := cmp.Diff([]string{r.ID}, e.breaks(t, r.Fail)); diff != "" {
				t.Errorf("rules that fail/ breaks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string(nil), e.breaks(t, r.Pass)); diff != "" {
				t.Errorf("rules that pass/ breaks (-want +got):\n%s", diff)
			}
		})
	}
}

// A ruleExample is a rule with what its live store was made from; nil for a
// rule about declarations alone.
type ruleExample struct {
	rule   schema.Rule
	before *resolve.Want
}

// breaks returns the rules that files break, in order. What they say is logged:
// `go test -v -run TestRules` shows every message there is.
func (e ruleExample) breaks(t *testing.T, files []schema.Source) []string {
	t.Helper()
	ids := make(map[string]bool)
	w, problems := resolved(t, files)
	for _, p := range problems {
		t.Log(p, "hint:", p.Hint)
		ids[p.Rule] = true
	}
	if e.before != nil {
		for _, f := range e.findings(t, w) {
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
	violations, err := track.Judge(t.Context(), decls.Policies, w)
	if err != nil {
		t.Fatal(err)
	}
	return w, slices.Concat(problems, more, violations)
}

// findings plans from the live store to a want.
func (e ruleExample) findings(t *testing.T, w *resolve.Want) []reconcile.Finding {
	t.Helper()
	s := e.store(t, w)
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	in := reconcile.Input{Live: live, Want: w.State, Organization: w.Organization, At: ruleTime, Store: "mem:", Runs: runs, Notes: notes(w.Unset)}
	switch args := e.rule.Args; {
	case len(args) == 2 && args[0] == "--actor":
		in.Actor = schema.Address(args[1])
	case len(args) == 2 && args[0] == "--lacks":
		in.Lacks = []reconcile.Lack{{Kind: schema.KindUser, Path: args[1], Cannot: reconcile.CannotSet, Value: "true"}}
	case len(args) == 1 && args[0] == "--base":
		in.Guarding, in.Routes = &e.before.Organization, e.before.Organization.Stores
	case len(args) == 2 && args[0] == "--spent":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			t.Fatal(err)
		}
		in.Runs = append(in.Runs, reconcile.Run{At: ruleTime.Add(-time.Hour), Counts: reconcile.Counts{Deletes: n, Lockouts: n}})
	case len(args) > 0:
		t.Fatalf("args %q: want --actor ADDRESS, --lacks FIELD, --base or --spent N", args)
	}
	p, err := reconcile.New(in)
	if err != nil {
		t.Fatal(err)
	}
	if in.Guarding == nil {
		return p.Findings
	}
	return slices.Concat(p.Findings, reconcile.Review(e.before.State, w.State, w.Organization, w))
}

// store makes the live store: what live/ says, with what users own. For
// live-shrunk the last run made all that is declared, and then somebody else
// removed what is not in live/.
func (e ruleExample) store(t *testing.T, w *resolve.Want) *mem.Store {
	t.Helper()
	s := mem.New()
	if e.rule.ID == "live-shrunk" {
		apply(t, s, w)
		for _, r := range w.State {
			if e.before.State.Find(r.Key()) == nil {
				s.Remove(r.Key())
			}
		}
		return s
	}
	apply(t, s, e.before)
	for _, owned := range e.rule.Owned {
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
		_, err = reconcile.Apply(t.Context(), s, p, reconcile.Execution{At: ruleTime, Secrets: w.Secrets})
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
	for _, dir := range []string{"../../schema", "../../schema/load", "../../schema/policy", "../../schema/resolve", "../../schema/track", "../../reconcile", "."} {
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
				t.Errorf("%s: %s has %d lines, or no newline at its end", r.ID, f.File, n)
			}
		}
	}
}
