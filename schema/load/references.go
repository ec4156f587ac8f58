package load

import (
	"fmt"
	"slices"
	"strings"

	"mailops/schema"
	"mailops/schema/confusable"
)

// A reference is a name in one declaration that another one declares.
type reference struct {
	node *schema.Node
	path string
	in   map[string]*schema.Declaration
	what string // what the name must be
}

// referenceKnown: a name that is referred to is declared. Addresses outside of
// the organization's domains are not ours to know.
func (x *index) referenceKnown(d *schema.Declaration) schema.Problems {
	var problems schema.Problems
	for _, r := range x.references(d) {
		if to, ok := r.in[r.node.Text]; ok && (r.what != "user" || to.Kind == schema.KindUser) {
			continue
		}
		if x.mayBe(r) {
			continue
		}
		if domain := schema.Address(r.node.Text).Domain(); strings.Contains(r.node.Text, "@") && r.what != "user" && x.domains[domain] == nil {
			continue
		}
		if len(problems) > enough {
			break
		}
		if to := r.in[r.node.Text]; to != nil {
			problems = append(problems, d.Problem(r.node, r.path, "reference-known",
				fmt.Sprintf("%s is no %s: it is declared as %s at %s", r.node.Text, r.what, to.Kind, to.Pos(nil)), ""))
			continue
		}
		problems = append(problems, d.Problem(r.node, r.path, "reference-known",
			fmt.Sprintf("there is no %s %s", r.what, r.node.Text), x.suggest(r.what, r.in, r.node.Text)))
	}
	if d.Kind == schema.KindOrganization {
		problems = append(problems, unmanagedKnown(d)...)
	}
	return problems
}

// mayBe reports whether a declaration that the law refuses, or that could not
// be read, is the one that is referred to.
func (x *index) mayBe(r reference) bool {
	kinds := []schema.Kind{schema.KindProfile}
	switch {
	case r.what == "user":
		kinds = []schema.Kind{schema.KindUser}
	case strings.Contains(r.node.Text, "@"):
		kinds = []schema.Kind{schema.KindUser, schema.KindAlias, schema.KindList}
	}
	return x.unread || slices.ContainsFunc(kinds, func(k schema.Kind) bool { return x.refused[schema.Key{Kind: k, Name: r.node.Text}] })
}

func (x *index) references(d *schema.Declaration) []reference {
	var out []reference
	add := func(at string, in map[string]*schema.Declaration, what string) {
		n := d.Body.At(at)
		switch {
		case n == nil:
		case n.Kind == schema.Sequence:
			for i := range n.Items {
				out = append(out, reference{&n.Items[i], schema.IndexPath(at, i), in, what})
			}
		default:
			out = append(out, reference{n, at, in, what})
		}
	}
	settings := func(prefix string) {
		add(prefix+"forwarding.to", x.addresses, "user, alias or list")
		add(prefix+"permissions.sendAs", x.addresses, "user")
	}
	switch d.Kind {
	case schema.KindOrganization:
		add("defaults.profiles", x.profiles, "profile")
		add("protected", x.addresses, "user, alias or list")
	case schema.KindDomain:
		add("catchAll", x.addresses, "user, alias or list")
	case schema.KindProfile:
		add("profiles", x.profiles, "profile")
		settings("")
	case schema.KindUser:
		add("profiles", x.profiles, "profile")
		settings("")
		if schedule := d.Body.Get("schedule"); schedule != nil {
			for i := range schedule.Items {
				settings(schema.IndexPath("schedule", i) + ".set.")
			}
		}
	case schema.KindAlias:
		add("to", x.addresses, "user, alias or list")
	case schema.KindList:
		add("members", x.addresses, "user, alias or list")
	}
	return out
}

// unmanagedKnown: what mailops is to leave alone must be a field of users.
func unmanagedKnown(d *schema.Declaration) schema.Problems {
	var problems schema.Problems
	n := d.Body.Get("unmanaged")
	if n == nil {
		return nil
	}
	var paths []string
	for _, f := range schema.Fields(schema.KindUser) {
		paths = append(paths, f.Path)
	}
	for i := range n.Items {
		item := &n.Items[i]
		known := slices.ContainsFunc(paths, func(p string) bool {
			return p == item.Text || strings.HasPrefix(p, item.Text+".")
		})
		if !known && len(problems) <= enough {
			problems = append(problems, d.Problem(item, schema.IndexPath("unmanaged", i), "reference-known",
				fmt.Sprintf("users have no field %q", item.Text), suggest(item.Text, paths)))
		}
	}
	return problems
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
