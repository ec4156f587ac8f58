package schema_test

import (
	"encoding"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

// law evaluates the embedded files as one CUE package.
func law(t *testing.T) cue.Value {
	t.Helper()
	names, err := fs.Glob(schema.Law, "*.cue")
	if err != nil {
		t.Fatal(err)
	}
	inst := build.NewContext().NewInstance("", nil)
	for _, name := range names {
		text, err := schema.Law.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if err := inst.AddSyntax(file); err != nil {
			t.Fatal(err)
		}
	}
	root := cuecontext.New().BuildInstance(inst)
	if err := root.Validate(); err != nil {
		t.Fatal(err)
	}
	return root
}

var typesOf = map[schema.Kind]reflect.Type{
	schema.KindOrganization: reflect.TypeFor[schema.Organization](),
	schema.KindDomain:       reflect.TypeFor[schema.Domain](),
	schema.KindProfile:      reflect.TypeFor[schema.Profile](),
	schema.KindUser:         reflect.TypeFor[schema.User](),
	schema.KindAlias:        reflect.TypeFor[schema.Alias](),
	schema.KindList:         reflect.TypeFor[schema.List](),
}

// TestTypesAreTheLaw ties the Go types to the CUE definitions, both ways and
// down to the last field: what one has, the other has, and of the same sort.
func TestTypesAreTheLaw(t *testing.T) {
	root := law(t)
	for _, kind := range schema.Kinds {
		def := root.LookupPath(cue.MakePath(cue.Def(string(kind))))
		if !def.Exists() {
			t.Errorf("the law has no #%s", kind)
			continue
		}
		if diff := cmp.Diff(lawFields(t, def, "", 0), typeFields(typesOf[kind], "", 0)); diff != "" {
			t.Errorf("#%s (-law +Go)\n%s", kind, diff)
		}
	}
	if len(typesOf) != len(schema.Kinds) {
		t.Errorf("%d types for %d kinds", len(typesOf), len(schema.Kinds))
	}
}

// nested bounds the walk: the law and the types hold nothing that deep.
const nested = 8

// lawFields maps each field below a definition to its sort.
func lawFields(t *testing.T, v cue.Value, prefix string, depth int) map[string]string {
	t.Helper()
	out := make(map[string]string)
	iter, err := v.Fields(cue.Optional(true))
	if err != nil || depth > nested {
		t.Fatalf("%s: %v", prefix, err)
	}
	for iter.Next() {
		path, f := schema.JoinPath(prefix, iter.Selector().Unquoted()), iter.Value()
		switch kind := f.IncompleteKind(); {
		case isSecret(f):
			out[path] = "text"
		case kind == cue.StructKind|cue.StringKind: // "unrestricted" | #AccessHours
			_, choices := cue.Dereference(f).Expr()
			merge(out, lawFields(t, choices[len(choices)-1], path, depth+1))
		case kind == cue.StructKind:
			merge(out, lawFields(t, f, path, depth+1))
		case kind == cue.ListKind:
			element := f.LookupPath(cue.MakePath(cue.AnyIndex))
			if element.IncompleteKind() == cue.StructKind {
				merge(out, lawFields(t, element, path+"[]", depth+1))
				continue
			}
			out[path+"[]"] = sorts[element.IncompleteKind()]
		default:
			out[path] = sorts[kind]
		}
	}
	return out
}

func isSecret(v cue.Value) bool {
	a := v.Attribute("secret")
	return a.Err() == nil
}

var sorts = map[cue.Kind]string{cue.StringKind: "text", cue.BoolKind: "boolean", cue.IntKind: "whole number"}

// typeFields maps each field below a Go struct to its sort, by JSON name.
func typeFields(typ reflect.Type, prefix string, depth int) map[string]string {
	out := make(map[string]string)
	if depth > nested {
		return map[string]string{prefix: "nested without end"}
	}
	for _, f := range reflect.VisibleFields(typ) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			out[schema.JoinPath(prefix, f.Name)] = "no JSON name"
			continue
		}
		path, at := schema.JoinPath(prefix, name), f.Type
		if at.Kind() == reflect.Slice {
			path, at = path+"[]", at.Elem()
		}
		if at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		if at.Kind() == reflect.Struct && !isText(at) {
			merge(out, typeFields(at, path, depth+1))
			continue
		}
		out[path] = sortOf(at)
	}
	return out
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func sortOf(t reflect.Type) string {
	switch {
	case isText(t), t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.Int64:
		return "whole number"
	}
	return t.String()
}

func merge(into, from map[string]string) {
	for k, v := range from {
		into[k] = v
	}
}

// TestEveryFieldIsExplained: the law's comments are the documentation of the
// fields in editors and in `mailops schema`.
func TestEveryFieldIsExplained(t *testing.T) {
	root := law(t)
	for _, kind := range schema.Kinds {
		explained(t, root.LookupPath(cue.MakePath(cue.Def(string(kind)))), "#"+string(kind), 0)
	}
}

func explained(t *testing.T, v cue.Value, path string, depth int) {
	t.Helper()
	iter, err := v.Fields(cue.Optional(true))
	if err != nil || depth > nested {
		t.Fatalf("%s: %v", path, err)
	}
	for iter.Next() {
		at := path + "." + iter.Selector().Unquoted()
		if len(iter.Value().Doc()) == 0 && !strings.HasSuffix(at, ".kind") {
			t.Errorf("%s has no comment", at)
		}
		if f := iter.Value(); f.IncompleteKind() == cue.StructKind && !isSecret(f) {
			explained(t, f, at, depth+1)
		}
	}
}

// TestWordsAreTheLaw: the words that Go compares with are those that the law
// allows, no more and no fewer.
func TestWordsAreTheLaw(t *testing.T) {
	root := law(t)
	words := map[string][]string{
		"#Settings.role":                       {schema.RoleMember, schema.RoleAdmin, schema.RoleSuperAdmin},
		"#Settings.status":                     {schema.StatusActive, schema.StatusSuspended, schema.StatusDeactivated},
		"#Settings.accountType":                {schema.AccountBasic, schema.AccountEnhanced},
		"#Settings.mailAddOn?.backup":          {schema.BackupOff, schema.BackupOnDeactivation},
		"#Settings.lock?.mailAddOn":            {schema.Locked, schema.Unlocked},
		"#DistributionList.posting":            {schema.PostingAnyone, schema.PostingMembers, schema.PostingOrganization},
		"#Organization.apiVersion":             {schema.APIVersion},
		"#Organization.rules?.backup-pop-only": {"on", "off"},
	}
	for path, want := range words {
		var selectors []cue.Selector
		for _, step := range strings.Split(path, ".") {
			switch name := strings.TrimSuffix(step, "?"); {
			case strings.HasPrefix(step, "#"):
				selectors = append(selectors, cue.Def(name))
			default:
				selectors = append(selectors, cue.Str(name).Optional())
			}
		}
		v := root.LookupPath(cue.MakePath(selectors...))
		if got := choices(v); !cmp.Equal(sorted(want), got) {
			t.Errorf("%s (-Go +law)\n%s", path, cmp.Diff(sorted(want), got))
		}
	}
}

func choices(v cue.Value) []string {
	op, args := cue.Dereference(v).Expr()
	if op != cue.OrOp {
		args = []cue.Value{v}
	}
	var out []string
	for _, a := range args {
		word, err := a.String()
		if err != nil {
			word = err.Error()
		}
		out = append(out, word)
	}
	return sorted(out)
}

func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }

// TestDefaultsAreLawful: every default is a value that the law allows, and
// every inheritable field that is not optional in effect has one.
func TestDefaultsAreLawful(t *testing.T) {
	root := law(t)
	iter, err := root.LookupPath(cue.ParsePath("#Defaults")).Fields()
	if err != nil {
		t.Fatal(err)
	}
	for iter.Next() {
		kind := iter.Selector().Unquoted()
		def := root.LookupPath(cue.MakePath(cue.Def(kind)))
		data, err := iter.Value().MarshalJSON() // #Defaults itself is closed
		if err != nil {
			t.Fatal(err)
		}
		if err := def.Unify(root.Context().CompileBytes(data)).Validate(); err != nil {
			t.Errorf("the defaults of %s: %v", kind, err)
		}
	}
	without := []string{"language", "timezone", "forwarding.to", "permissions.sendAs", "permissions.trustedNetworks"}
	for _, f := range schema.Fields(schema.KindUser) {
		if f.Path == "name" || f.Path == "password" || f.Path == "travelMode" || slices.Contains(without, f.Path) {
			continue
		}
		if !root.LookupPath(cue.ParsePath("#Defaults.User." + f.Path)).Exists() {
			t.Errorf("%s has no default", f.Path)
		}
	}
}
