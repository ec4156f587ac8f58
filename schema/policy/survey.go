package policy

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"

	"mailops/schema"
)

// A sight is what policies look at: the names that occur in them, whatever they
// stand for there, and whether they can see fields without naming them.
type sight struct {
	names map[string]bool
	whole bool
}

// look gathers the sight of all files.
func look(files []*ast.File) sight {
	s := sight{names: make(map[string]bool)}
	for _, f := range files {
		ast.Walk(f, s.node, nil)
	}
	return s
}

// view is what the policies look at in a kind.
func (s sight) view(kind schema.Kind) view {
	v := view{Whole: s.whole}
	for _, f := range seenFields(kind) {
		if s.names[f.name] {
			v.Fields = append(v.Fields, f.name)
		}
	}
	return v
}

// node records one node. Ways to see a struct without naming its fields: to
// give it another name, to constrain names by pattern or computation, to count
// or close it. Comprehensions and indexes start from a name or from these.
func (s *sight) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Ident:
		s.names[n.Name] = true
		s.whole = s.whole || n.Name == "self" || n.Name == "close" || strings.HasPrefix(n.Name, "__")
	case *ast.BasicLit:
		if text, err := literal.Unquote(n.Value); err == nil {
			s.names[text] = true
		}
	case *ast.ImportSpec:
		s.whole = s.whole || strings.Contains(n.Path.Value, "struct")
	case *ast.Alias, *ast.PostfixAlias:
		s.whole = true
	case *ast.Field:
		switch n.Label.(type) {
		case *ast.ListLit, *ast.ParenExpr, *ast.Interpolation:
			s.whole = true
		}
	case *ast.StructLit:
		for _, d := range n.Elts {
			if e, ok := d.(*ast.Ellipsis); ok && e.Type != nil {
				s.whole = true
			}
		}
	}
	return true
}
