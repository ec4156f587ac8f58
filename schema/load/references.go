package load

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"mailops/schema"
	"mailops/schema/confusable"
)

// A reference is a name in one declaration that another one declares.
type reference struct {
	node *schema.Node
	path string
	what string // what the name must be
}

// What names may have to be.
const (
	aProfile = "profile"
	aUser    = "user"
	anyone   = "user, alias or list"
)

// declared returns the declarations that a reference may mean, by their names.
func (x *index) declared(what string) map[string]*schema.Declaration {
	if what == aProfile {
		return x.profiles
	}
	return x.addresses
}

// referenceKnown: a name that is referred to is declared. Addresses outside of
// the organization's domains are not ours to know.
func (x *index) referenceKnown(d *schema.Declaration) schema.Problems {
	var problems schema.Problems
	for r := range references(d) {
		to := x.declared(r.what)[r.node.Text]
		if to != nil && (r.what != aUser || to.Kind == schema.KindUser) || x.mayBe(r) {
			continue
		}
		if domain := schema.Address(r.node.Text).Domain(); strings.Contains(r.node.Text, "@") && r.what != aUser && x.domains[domain] == nil {
			continue
		}
		if len(problems) > enough {
			break
		}
		if to != nil {
			problems = append(problems, d.Problem(r.node, r.path, "reference-known",
				fmt.Sprintf("%s is no %s: it is declared as %s at %s", r.node.Text, r.what, to.Kind, to.Pos(nil)), ""))
			continue
		}
		problems = append(problems, d.Problem(r.node, r.path, "reference-known",
			fmt.Sprintf("there is no %s %s", r.what, r.node.Text), x.suggest(r.what, x.declared(r.what), r.node.Text)))
	}
	if d.Kind == schema.KindOrganization {
		problems = append(problems, fieldsKnown(d)...)
	}
	return problems
}

// mayBe reports whether a declaration that the law refuses, or that could not
// be read, is the one that is referred to.
func (x *index) mayBe(r reference) bool {
	kinds := []schema.Kind{schema.KindProfile}
	switch {
	case r.what == aUser:
		kinds = []schema.Kind{schema.KindUser}
	case strings.Contains(r.node.Text, "@"):
		kinds = []schema.Kind{schema.KindUser, schema.KindAlias, schema.KindList}
	}
	return x.unread || slices.ContainsFunc(kinds, func(k schema.Kind) bool { return x.refused[schema.Key{Kind: k, Name: r.node.Text}] })
}

// references yields the names that a declaration refers to.
func references(d *schema.Declaration) iter.Seq[reference] {
	return func(yield func(reference) bool) {
		for _, f := range referring[d.Kind] {
			if !namesAt(d.Body.At(f.at), f.at, f.what, yield) {
				return
			}
		}
		schedule := d.Body.Get("schedule")
		if d.Kind != schema.KindUser || schedule == nil {
			return
		}
		for i := range schedule.Items {
			for _, f := range settingNames {
				at := schema.IndexPath("schedule", i) + ".set." + f.at
				if !namesAt(d.Body.At(at), at, f.what, yield) {
					return
				}
			}
		}
	}
}

// A namer is a field that holds names.
type namer struct{ at, what string }

// settingNames are the fields of users, profiles and schedules that hold names,
// and referring those of each kind.
var (
	settingNames = []namer{{"forwarding.to", anyone}, {"permissions.sendAs", aUser}}
	referring    = map[schema.Kind][]namer{
		schema.KindOrganization: {{"defaults.profiles", aProfile}, {"protected", anyone}},
		schema.KindDomain:       {{"catchAll", anyone}},
		schema.KindProfile:      append([]namer{{"profiles", aProfile}}, settingNames...),
		schema.KindUser:         append([]namer{{"profiles", aProfile}}, settingNames...),
		schema.KindAlias:        {{"to", anyone}},
		schema.KindList:         {{"members", anyone}},
	}
)

func namesAt(n *schema.Node, at, what string, yield func(reference) bool) bool {
	switch {
	case n == nil:
	case n.Kind != schema.Sequence:
		return yield(reference{n, at, what})
	default:
		for i := range n.Items {
			if !yield(reference{&n.Items[i], schema.IndexPath(at, i), what}) {
				return false
			}
		}
	}
	return true
}

// fieldsKnown: what the organization says of fields is said of fields that there
// are.
func fieldsKnown(d *schema.Declaration) schema.Problems {
	var problems schema.Problems
	for _, at := range []string{"unmanaged", "changes.urgent"} {
		n := d.Body.At(at)
		if n == nil {
			continue
		}
		for i := range n.Items {
			problems = append(problems, fieldKnown(d, &n.Items[i], schema.IndexPath(at, i), schema.KindUser)...)
		}
	}
	if n := d.Body.At("drift.fields"); n != nil {
		for i := range n.Items {
			item := &n.Items[i]
			at := schema.JoinPath(schema.IndexPath("drift.fields", i), "field")
			problems = append(problems, fieldKnown(d, item.Get("field"), at, schema.Kind(text(item.Get("kind"))))...)
		}
	}
	return problems[:min(len(problems), enough)]
}

func fieldKnown(d *schema.Declaration, n *schema.Node, at string, kind schema.Kind) schema.Problems {
	if n == nil {
		return nil
	}
	var paths []string
	for _, f := range schema.Fields(kind) {
		if f.Path == n.Text || strings.HasPrefix(f.Path, n.Text+".") {
			return nil
		}
		paths = append(paths, f.Path)
	}
	return schema.Problems{d.Problem(n, at, "reference-known", fmt.Sprintf("a %s has no field %q", kind, n.Text), suggest(n.Text, paths))}
}

func text(n *schema.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

// profileLoops: a profile must not build on itself.
func (x *index) profileLoops() schema.Problems {
	next := make(map[string][]string)
	for name, d := range x.profiles {
		next[name] = d.Body.Get("profiles").Strings()
	}
	var problems schema.Problems
	for _, loop := range loops(next) {
		d := x.profiles[loop[0]]
		problems = append(problems, d.Problem(d.Body.Get("profiles"), "profiles", "profile-loop",
			"the profile builds on itself: "+arrows(loop), "take one of them out of the circle"))
	}
	return problems
}

// addressLoops: mail must arrive somewhere. A forwarding that keeps a copy
// makes a circle no better: the mail goes round for ever.
func (x *index) addressLoops() schema.Problems {
	next := make(map[string][]string)
	field := map[schema.Kind]string{schema.KindUser: "forwarding.to", schema.KindAlias: "to", schema.KindList: "members"}
	for name, d := range x.addresses {
		next[name] = []string{d.Name} // the alias that a rename leaves
		if name == d.Name {
			next[name] = d.Body.At(field[d.Kind]).Strings()
		}
	}
	var problems schema.Problems
	for _, loop := range loops(next) {
		d := x.addresses[loop[0]]
		at := field[d.Kind]
		problems = append(problems, d.Problem(d.Body.At(at), at, "alias-loop",
			"mail goes in a circle: "+arrows(loop), "take one of them out of the circle"))
	}
	return problems
}

// confusables: two addresses that look alike, or one that mixes scripts, is how
// a stranger passes for somebody (UTS #39 §4, §5).
func (x *index) confusables() schema.Problems {
	var problems schema.Problems
	looks := make(map[string]*schema.Declaration)
	names := make([]string, 0, len(x.addresses))
	for name, d := range x.addresses {
		if name == d.Name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	exotic := slices.ContainsFunc(names, func(n string) bool { return !ascii(readable(n)) })
	if !exotic {
		return nil // two ASCII addresses are told apart by the eye, or are equal
	}
	for _, name := range names { // ASCII names sort first
		d := x.addresses[name]
		shown := readable(name)
		refuse := func(message string) {
			problems = append(problems, d.Problem(d.Body.Get("address"), "address", "address-confusable", message, "use letters of one script"))
		}
		skeleton := confusable.Skeleton(shown)
		first, alike := looks[skeleton]
		switch {
		case confusable.MixedScript(shown):
			refuse(fmt.Sprintf("%s mixes scripts that look alike", shown))
		case alike && !(ascii(shown) && ascii(readable(first.Name))):
			refuse(fmt.Sprintf("%s looks like %s at %s", shown, readable(first.Name), first.Pos(first.Body.Get("address"))))
		case !alike:
			looks[skeleton] = d
		}
	}
	return problems
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
