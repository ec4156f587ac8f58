package policy

import (
	"fmt"
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

// compile makes a judge of policies, and a survey of what they are about; the
// judge is nil when the survey has problems. progress is told which file is
// parsed next, and "" when all are built together.
func compile(policies []schema.Source, progress func(file string) error) (*judge, survey, error) {
	j := &judge{
		ctx: cuecontext.New(), places: newPlaces(policies), names: newNames(policies),
		labels: make(map[string]schema.Pos), first: policies[0].File,
	}
	var files []*ast.File
	var s survey
	for _, p := range policies {
		if err := progress(p.File); err != nil {
			return nil, s, err
		}
		f, err := parser.ParseFile(p.File, p.Text, parser.ParseComments)
		if err != nil {
			s.Problems = append(s.Problems, j.mistakes(err)...)
			continue
		}
		files = append(files, f)
		j.remarks = append(j.remarks, j.places.remarksOf(f)...)
	}
	if err := progress(""); err != nil {
		return nil, s, err
	}
	s.Problems = append(s.Problems, screenFiles(files, j.places)...)
	if len(s.Problems) > 0 {
		return nil, s, nil
	}
	sight := look(files)
	s.Problems, s.Suspects = j.build(files)
	s.Views = make(map[schema.Kind]view)
	for kind := range j.definitions {
		s.Views[kind] = sight.view(kind)
	}
	return j, s, nil
}

// packageName is the package that all files are put in, whatever they say, so
// that they share their helpers.
const packageName = "policy"

// build opens the files, compiles them as one package and finds what each says
// of each kind.
func (j *judge) build(files []*ast.File) (problems, suspects []Violation) {
	instance := new(build.Instance)
	var defined []definition
	for i, f := range files {
		defined = append(defined, j.open(i, f)...)
	}
	together, err := j.together(files, defined)
	if err != nil {
		return j.mistakes(err), nil
	}
	for _, f := range append(slices.Clone(files), together) {
		f.Decls = append([]ast.Decl{&ast.Package{Name: ast.NewIdent(packageName)}}, f.Decls...)
		if err := instance.AddSyntax(f); err != nil {
			return j.mistakes(err), nil
		}
	}
	root := j.ctx.BuildInstance(instance)
	err = root.Err()
	j.definitions = make(map[schema.Kind][]definition)
	for i := range defined {
		d := &defined[i]
		if d.value = root.LookupPath(cue.MakePath(cue.Hid(d.name, ":"+packageName))); !d.value.Exists() {
			return j.mistakes(err), nil // it did not compile
		}
		j.definitions[d.kind] = append(j.definitions[d.kind], *d)
	}
	problems, suspects = j.premature(root, defined)
	if len(problems)+len(suspects) == 0 {
		problems = j.mistakes(err)
	}
	return problems, suspects
}

// premature sorts errors that are there before there is a resource. A
// definition of a kind that contradicts itself may be right once there is one
// (the length of a list that is not yet known): it is a suspect. All else is a
// problem.
func (j *judge) premature(root cue.Value, defined []definition) (problems, suspects []Violation) {
	for _, d := range defined {
		for _, v := range j.mistakes(d.value.Validate(cue.All())) {
			v.Key.Kind = d.kind
			suspects = append(suspects, v)
		}
	}
	fields, err := root.Fields(cue.All())
	if err != nil {
		return problems, suspects
	}
	for fields.Next() {
		for _, v := range j.mistakes(fields.Value().Validate(cue.All())) {
			// A helper that is part of a definition is judged there.
			if !slices.ContainsFunc(suspects, v.says) {
				problems = append(problems, v)
			}
		}
	}
	return problems, suspects
}

// open makes hidden fields of all definitions of a file. CUE closes a
// definition: a policy that mentions pop would refuse all other fields, and so
// would every struct within it and every helper that it is made of. A hidden
// field is the same in all else. What the file says of a kind gets a name of
// its own, by which it is judged.
func (j *judge) open(i int, f *ast.File) []definition {
	var out []definition
	for _, d := range f.Decls {
		field, ok := d.(*ast.Field)
		if !ok || labelIdent(field) == nil {
			continue
		}
		label, pos := labelIdent(field), j.places.of(field.Pos())
		if kind, ok := strings.CutPrefix(label.Name, "#"); ok && kindTypes[schema.Kind(kind)] != nil {
			label.Name = j.names.ofKind(i, schema.Kind(kind))
			if !slices.ContainsFunc(out, func(d definition) bool { return d.name == label.Name }) {
				out = append(out, definition{kind: schema.Kind(kind), name: label.Name, pos: pos})
			}
		}
		j.labels[j.names.opened(label.Name)] = pos
	}
	ast.Walk(f, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			id.Name = j.names.opened(id.Name)
		}
		return true
	}, nil)
	return out
}

// together is a file that defines what #User means where a policy refers to
// it: all that the files say of users.
func (j *judge) together(files []*ast.File, defined []definition) (*ast.File, error) {
	used := make(map[string]bool)
	for _, f := range files {
		ast.Walk(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				used[id.Name] = true
			}
			return true
		}, nil)
	}
	var text strings.Builder
	for _, d := range defined {
		if all := j.names.opened("#" + string(d.kind)); used[all] {
			fmt.Fprintf(&text, "%s: %s\n", all, d.name)
		}
	}
	return parser.ParseFile("", text.String())
}

// names makes names that occur in no policy, and knows what they were before.
type names struct {
	tag   string
	kinds *regexp.Regexp // what ofKind puts before a kind
}

func newNames(policies []schema.Source) names {
	tag := "mailops"
	for slices.ContainsFunc(policies, func(p schema.Source) bool { return strings.Contains(p.Text, tag) }) {
		tag += "_"
	}
	return names{tag, regexp.MustCompile("_" + tag + "_kind[0-9]+_")}
}

func (n names) ofKind(file int, kind schema.Kind) string {
	return fmt.Sprintf("_%s_kind%d_%s", n.tag, file, kind)
}

// opened is the name of the hidden field for a definition; other names stay.
func (n names) opened(name string) string {
	if rest, ok := strings.CutPrefix(name, "#"); ok {
		return "_" + n.tag + "_def_" + rest
	}
	if rest, ok := strings.CutPrefix(name, "_#"); ok {
		return "_" + n.tag + "_hid_" + rest
	}
	return name
}

// written puts the names as the policies have them into a text.
func (n names) written(text string) string {
	text = strings.ReplaceAll(text, "_"+n.tag+"_def_", "#")
	text = strings.ReplaceAll(text, "_"+n.tag+"_hid_", "_#")
	return n.kinds.ReplaceAllString(text, "#")
}
