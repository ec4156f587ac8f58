package load

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"mailops/schema"
)

// A law is the CUE law, taken apart once: the shape of each kind, and for each
// field what judges it. Judging field by field gives every mistake of a
// document its own message and place, where CUE's evaluation of the whole
// hides some behind others; and answers can be remembered, so that a hundred
// thousand users cost as much as their distinct values. It accepts exactly
// what CUE accepts, because a field's judge is either CUE itself or a regular
// expression taken from the law (CUE uses Go's as well); a fuzz target compares
// the two. A law belongs to one goroutine.
type law struct {
	ctx      *cue.Context
	kinds    map[schema.Kind]*shapeLaw
	defaults map[schema.Kind]*schema.Node
}

// A shapeLaw is a closed struct of the law.
type shapeLaw struct {
	fields []*fieldLaw
	byName map[string]*fieldLaw
}

// A fieldLaw is one field of the law. A field is a group (shape), a list of
// groups (items), or judged as one value.
type fieldLaw struct {
	name     string
	required bool
	secret   bool
	doc      string
	hint     string
	canon    canon // how its texts are folded
	value    cue.Value
	shape    *shapeLaw
	items    *shapeLaw
	options  []*shapeLaw    // a secret is one of these groups
	element  *regexp.Regexp // judges each text of a list
	atLeast  bool           // such a list needs one element
	pattern  *regexp.Regexp // judges a text
	words    []string       // the only texts allowed
	kind     cue.Kind
	accepted map[string]bool // what CUE has accepted, in canonical form
}

// compileLaw parses and takes apart the embedded law. Its errors are faults of
// this program, which a test finds.
func compileLaw() (*law, error) {
	root, err := buildLaw(cuecontext.New())
	if err != nil {
		return nil, fmt.Errorf("compile the law: %w", err)
	}
	l := &law{ctx: root.Context(), kinds: make(map[schema.Kind]*shapeLaw), defaults: make(map[schema.Kind]*schema.Node)}
	for _, kind := range schema.Kinds {
		def := root.LookupPath(cue.MakePath(cue.Def(string(kind))))
		if l.kinds[kind], err = compileShape(def); err != nil {
			return nil, fmt.Errorf("compile the law: #%s: %w", kind, err)
		}
	}
	iter, err := root.LookupPath(cue.ParsePath("#Defaults")).Fields()
	if err != nil {
		return nil, fmt.Errorf("compile the law: #Defaults: %w", err)
	}
	for iter.Next() {
		node := nodeOf(iter.Value())
		l.defaults[schema.Kind(iter.Selector().String())] = &node
	}
	return l, nil
}

// buildLaw evaluates the embedded files as one CUE package.
func buildLaw(ctx *cue.Context) (cue.Value, error) {
	files, err := fs.Glob(schema.Law, "*.cue")
	if err != nil {
		return cue.Value{}, err
	}
	inst := build.NewContext().NewInstance("", nil)
	for _, name := range files {
		text, err := schema.Law.ReadFile(name)
		if err != nil {
			return cue.Value{}, err
		}
		file, err := parser.ParseFile(path.Join("schema", name), text, parser.ParseComments)
		if err != nil {
			return cue.Value{}, err
		}
		if err := inst.AddSyntax(file); err != nil {
			return cue.Value{}, err
		}
	}
	root := ctx.BuildInstance(inst)
	return root, root.Err()
}

func compileShape(v cue.Value) (*shapeLaw, error) {
	if !v.Exists() {
		return nil, errors.New("is missing")
	}
	iter, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil, err
	}
	s := &shapeLaw{byName: make(map[string]*fieldLaw)}
	for iter.Next() {
		f, err := compileField(iter.Selector().Unquoted(), iter.Value())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		f.required = !iter.IsOptional()
		s.fields = append(s.fields, f)
		s.byName[f.name] = f
	}
	return s, nil
}

func compileField(name string, v cue.Value) (*fieldLaw, error) {
	f := &fieldLaw{name: name, value: v, kind: v.IncompleteKind(), doc: docOf(v), accepted: make(map[string]bool)}
	f.hint, f.canon = hintOf(v), canonOf(v)
	secret := v.Attribute("secret")
	f.secret = secret.Err() == nil
	var err error
	switch {
	case f.secret:
		err = f.compileOptions()
	case f.kind == cue.StructKind && !isChoice(v):
		f.shape, err = compileShape(v)
	case f.kind == cue.StructKind|cue.StringKind:
		err = f.compileChoice()
	case f.kind == cue.ListKind:
		err = f.compileList()
	case f.kind == cue.StringKind:
		f.pattern, f.words = judges(v)
	}
	return f, err
}

// compileList looks at the elements of a list that may have any number of
// them. A list of another form stays judged by CUE as a whole.
func (f *fieldLaw) compileList() (err error) {
	element := f.value.LookupPath(cue.MakePath(cue.AnyIndex))
	if !element.Exists() {
		return nil
	}
	f.canon = canonOf(element)
	if f.hint == "" {
		f.hint = hintOf(element)
	}
	switch {
	case element.IncompleteKind() == cue.StructKind && !isChoice(element):
		f.items, err = compileShape(element)
	case element.IncompleteKind() == cue.StringKind:
		f.element, _ = judges(element)
		f.atLeast = f.value.LookupPath(cue.MakePath(cue.Index(0))).Exists()
	}
	return err
}

// compileChoice takes apart words or one struct, such as accessHours. A choice
// of another form stays judged by CUE.
func (f *fieldLaw) compileChoice() error {
	_, args := cue.Dereference(f.value).Expr()
	var words []string
	var shapes []*shapeLaw
	for _, a := range args {
		word, err := a.String()
		if err == nil {
			words = append(words, word)
			continue
		}
		s, err := compileShape(a)
		if err != nil {
			return err
		}
		shapes = append(shapes, s)
	}
	if len(shapes) == 1 {
		f.words, f.shape = words, shapes[0]
	}
	return nil
}

// compileOptions takes apart a choice of closed structs. Every user's hash is
// another, so that nothing could be remembered of what CUE says of each.
func (f *fieldLaw) compileOptions() error {
	_, args := cue.Dereference(f.value).Expr()
	for _, a := range args {
		s, err := compileShape(a)
		if err != nil {
			return err
		}
		f.options = append(f.options, s)
	}
	return nil
}

// isChoice reports whether a value is one of several.
func isChoice(v cue.Value) bool {
	op, _ := cue.Dereference(v).Expr()
	return op == cue.OrOp
}

// judges takes the regular expression, or the words, out of a constraint on a
// text; both are nil for any other constraint, which CUE judges.
func judges(v cue.Value) (*regexp.Regexp, []string) {
	op, args := cue.Dereference(v).Expr()
	switch op {
	case cue.RegexMatchOp:
		if text, err := args[len(args)-1].String(); err == nil {
			return regexp.MustCompile(text), nil // CUE has compiled it already
		}
	case cue.AndOp: // string & =~"..."
		if len(args) == 2 && args[0].IncompleteKind() == cue.StringKind {
			if op, _ := args[0].Expr(); op == cue.NoOp {
				return judges(args[1])
			}
		}
	case cue.OrOp:
		var words []string
		for _, a := range args {
			word, err := a.String()
			if err != nil {
				return nil, nil
			}
			words = append(words, word)
		}
		return nil, words
	case cue.NoOp:
		if word, err := v.String(); err == nil {
			return nil, []string{word}
		}
	}
	return nil, nil
}

func docOf(v cue.Value) string {
	var lines []string
	for _, group := range v.Doc() {
		lines = append(lines, strings.TrimSpace(group.Text()))
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(strings.Fields(lines[0]), " ")
}

// hintOf returns the @hint of a field, or of the definition that it refers to.
func hintOf(v cue.Value) string {
	for _, at := range []cue.Value{v, cue.Dereference(v)} {
		a := at.Attribute("hint")
		if hint, err := a.String(0); err == nil {
			return hint
		}
	}
	return ""
}

func canonOf(v cue.Value) canon {
	_, ref := v.ReferencePath()
	switch ref.String() {
	case "#Address":
		return canonAddress
	case "#DomainName":
		return canonDomain
	}
	return canonNone
}

// nodeOf turns a concrete CUE value into a node, with its place in the law.
func nodeOf(v cue.Value) schema.Node {
	n := schema.Node{Line: int32(v.Pos().Line()), Column: int32(v.Pos().Column())}
	switch v.Kind() {
	case cue.StructKind:
		n.Kind = schema.Mapping
		iter, _ := v.Fields()
		for iter.Next() {
			item := nodeOf(iter.Value())
			item.Key = iter.Selector().Unquoted()
			n.Items = append(n.Items, item)
		}
	case cue.BoolKind:
		n.Kind, n.Text = schema.Bool, fmt.Sprint(v)
	case cue.IntKind:
		n.Kind, n.Text = schema.Int, fmt.Sprint(v)
	case cue.StringKind:
		n.Kind = schema.String
		n.Text, _ = v.String()
	}
	return n
}

// expr turns a node into CUE syntax, so that CUE judges what we have read and
// nothing that it read itself.
func expr(n *schema.Node) ast.Expr {
	switch n.Kind {
	case schema.Bool:
		return ast.NewBool(n.Text == "true")
	case schema.Int:
		return signed(n.Text)
	case schema.Float:
		return ast.NewLit(cueFloat, "1.5") // any number that is not whole: the law has no field for one
	case schema.String:
		return ast.NewString(n.Text)
	case schema.Sequence:
		list := &ast.ListLit{}
		for i := range n.Items {
			list.Elts = append(list.Elts, expr(&n.Items[i]))
		}
		return list
	case schema.Mapping:
		s := &ast.StructLit{}
		for i := range n.Items {
			s.Elts = append(s.Elts, &ast.Field{Label: ast.NewString(n.Items[i].Key), Value: expr(&n.Items[i])})
		}
		return s
	}
	return ast.NewNull()
}

// signed writes an integer in decimal without leading zeros, which CUE refuses.
func signed(text string) ast.Expr {
	digits, negative := strings.CutPrefix(text, "-")
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		digits = "0"
	}
	lit := ast.NewLit(cueInt, digits)
	if negative {
		return &ast.UnaryExpr{Op: cueMinus, X: lit}
	}
	return lit
}

// names lists the fields of a shape, for hints.
func (s *shapeLaw) names() []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.name)
	}
	slices.Sort(out)
	return out
}
