package policy

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"

	"mailops/schema"
)

// packages are the parts of CUE's standard library that policies may import:
// all but tool/..., which runs commands, and encoding/openapi.
var packages = []string{
	"crypto/ed25519", "crypto/hmac", "crypto/md5", "crypto/sha1", "crypto/sha256", "crypto/sha512",
	"encoding/base64", "encoding/csv", "encoding/hex", "encoding/json", "encoding/toml", "encoding/yaml",
	"html", "list", "math", "math/bits", "net", "path", "regexp", "strconv", "strings", "struct",
	"text/tabwriter", "text/template", "time", "uuid",
}

// acting are the attributes that change what a file means: CUE's modules
// reference, "Attributes", and the parser's own @experiment.
var acting = []string{"embed", "experiment", "extern", "if", "ignore", "tag"}

// A screen holds policies to what mailops allows beyond CUE's own rules.
type screen struct {
	places   places
	top      map[string][]*ast.Field // the top-level fields of all files
	uses     map[string]int          // how often a name is referred to
	problems []Violation
}

// screenFiles returns what is wrong with the files.
func screenFiles(files []*ast.File, p places) []Violation {
	s := screen{places: p, top: make(map[string][]*ast.Field), uses: make(map[string]int)}
	for _, f := range files {
		for _, d := range f.Decls {
			if field, ok := d.(*ast.Field); ok {
				name := labelName(field)
				s.top[name] = append(s.top[name], field)
			}
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f.Filename, "_tool.cue") {
			s.problems = append(s.problems, Violation{Policy: schema.Pos{File: f.Filename}, Message: "a policy cannot be a tool file"})
		}
		ast.Walk(f, s.node, nil)
	}
	for name, fields := range s.top {
		for _, f := range fields {
			s.topLevel(name, f)
		}
	}
	return s.problems
}

func (s *screen) problem(n ast.Node, hint, format string, args ...any) {
	s.problems = append(s.problems, Violation{Policy: s.places.of(n.Pos()), Message: cut(fmt.Sprintf(format, args...)), Hint: hint})
}

// labelName is the name of a field as it is referred to; "" when it is quoted
// or computed.
func labelName(f *ast.Field) string {
	if id := labelIdent(f); id != nil {
		return id.Name
	}
	return ""
}

func labelIdent(f *ast.Field) *ast.Ident {
	var label ast.Node = f.Label
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	id, _ := label.(*ast.Ident)
	return id
}

// node screens what may stand anywhere.
func (s *screen) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		s.importSpec(n)
		return false
	case *ast.Attribute:
		if key, _ := n.Split(); slices.Contains(acting, key) {
			s.problem(n, "", "a policy cannot have @%s", key)
		}
	case *ast.Field:
		name := labelName(n)
		s.uses[name]-- // the label itself is met below
		if kind, ok := strings.CutPrefix(name, "#"); ok && slices.Contains(schema.Kinds, schema.Kind(kind)) && !slices.Contains(s.top[name], n) {
			s.problem(n, "write it at the top level of the file", "%s has no effect here", name)
		}
	case *ast.Ident:
		s.uses[n.Name]++
	}
	return true
}

func (s *screen) importSpec(n *ast.ImportSpec) {
	p, err := literal.Unquote(n.Path.Value)
	if p, _, _ := strings.Cut(p, ":"); err != nil || !slices.Contains(packages, p) {
		s.problem(n, "CUE's standard library can be imported, such as "+closest(path.Base(p), packages, "list"), "a policy cannot import %s", n.Path.Value)
	}
}

// topLevel screens the definitions of kinds, and finds what was meant to be one.
func (s *screen) topLevel(name string, f *ast.Field) {
	bare := strings.TrimPrefix(name, "#")
	kind := schema.Kind(bare)
	t, live := kindTypes[kind]
	switch {
	case bare == "" || bare[0] == '_':
	case bare != name && live:
		s.constraint(name, f)
		s.fields(kind, t, "", f.Value, nil)
	case bare != name && slices.Contains(schema.Kinds, kind):
		if s.uses[name] == 0 {
			s.problem(f, "write it for #User: profiles and defaults are part of a user by then", "%s has no effect: policies judge effective resources", name)
		}
	case bare != name || bare[0] >= 'A' && bare[0] <= 'Z':
		if meant := similarKind(bare); meant != "" {
			s.problem(f, "did you mean #"+string(meant)+"?", "%s is not the name of a kind", name)
		}
	}
}

func (s *screen) constraint(name string, f *ast.Field) {
	if f.Constraint.String() == "?" || f.Constraint.String() == "!" {
		s.problem(f, "write "+name+":", "%s%s has no effect", name, f.Constraint)
	}
}

// similarKind is the live kind that a name looks like: another case, a plural,
// a slip of the pen.
func similarKind(name string) schema.Kind {
	name = strings.ToLower(name)
	for _, kind := range schema.LiveKinds {
		want := strings.ToLower(string(kind))
		slips := 1 + len(want)/6
		for _, form := range []string{name, strings.TrimSuffix(name, "s"), strings.TrimSuffix(name, "es")} {
			if distance(form, want) <= slips || kind == schema.KindList && form == "list" {
				return kind
			}
		}
	}
	return ""
}

// fields finds names that no resource has in what is written about a kind:
// definitions are open, so that such a line would hold of everybody. seen are
// the helpers that it went through.
func (s *screen) fields(kind schema.Kind, t reflect.Type, at string, n ast.Node, seen []string) {
	each := func(nodes ...ast.Expr) {
		for _, n := range nodes {
			s.fields(kind, t, at, n, seen)
		}
	}
	switch n := n.(type) {
	case *ast.StructLit:
		for _, d := range n.Elts {
			s.fields(kind, t, at, d, seen)
		}
	case *ast.Field:
		s.field(kind, t, at, n, seen)
	case *ast.EmbedDecl:
		each(n.Expr)
	case *ast.Comprehension:
		each(n.Value)
	case *ast.ParenExpr:
		each(n.X)
	case *ast.UnaryExpr:
		each(n.X)
	case *ast.BinaryExpr:
		each(n.X, n.Y)
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"close", "matchN", "matchIf", "and", "or"}, f.Name) {
			each(n.Args...)
		}
	case *ast.ListLit:
		each(n.Elts...)
	case *ast.Ident:
		s.helper(kind, t, at, n, seen)
	}
}

func (s *screen) helper(kind schema.Kind, t reflect.Type, at string, n *ast.Ident, seen []string) {
	if slices.Contains(seen, n.Name) {
		return
	}
	for _, f := range s.top[n.Name] {
		s.fields(kind, t, at, f.Value, append(seen, n.Name))
	}
}

// field checks the name of one field, and goes into it.
func (s *screen) field(kind schema.Kind, t reflect.Type, at string, f *ast.Field, seen []string) {
	name := labelName(f)
	if lit, ok := f.Label.(*ast.BasicLit); ok {
		name, _ = literal.Unquote(lit.Value)
	}
	if name == "" || t.Kind() != reflect.Struct || labelName(f) != "" && strings.ContainsAny(name[:1], "_#") {
		return
	}
	path := schema.JoinPath(at, name)
	if at == "" && slices.Contains(unseen, name) {
		s.problem(f, "", "policies do not see %s", path)
		return
	}
	var names []string
	for _, m := range fieldsOf(t) {
		if m.name == name {
			s.fields(kind, structType(t.FieldByIndex(m.index).Type), path, f.Value, seen)
			return
		}
		if at != "" || !slices.Contains(unseen, m.name) {
			names = append(names, m.name)
		}
	}
	s.problem(f, meant(name, names), "%s has no field %s", kind, path)
}

// structType is what a pointer points to, else the type itself.
func structType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func meant(name string, names []string) string {
	if near := closest(name, names, ""); near != "" {
		return "did you mean " + near + "?"
	}
	return "a field of the policy's own begins with an underscore"
}

// closest is the name within two slips of the pen, else the fallback.
func closest(name string, names []string, fallback string) string {
	best := 3
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < best {
			best, fallback = d, n
		}
	}
	return fallback
}

// distance is the number of letters to insert, delete or replace between two
// names; names far longer than any of ours are far away.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
