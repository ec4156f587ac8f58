package resolve

import (
	"slices"
	"strings"

	"mailops/schema"
)

// A chain is the profiles that a user inherits from, flattened, and what they
// make together of the defaults. Users of one role share it.
type chain struct {
	names    []string // of all profiles, those that others build on first
	profiles []*schema.Declaration
	base     schema.User
	tooMany  bool // there are more, and they are left out
	enforced []enforcement
}

// maxProfiles is how many profiles a user may inherit from. A few make an
// organization; without a limit, each user could make all profiles be merged.
const maxProfiles = 64

// An enforcement is a value that later layers may tighten but not loosen.
type enforcement struct {
	path    string
	node    *schema.Node
	profile *schema.Declaration
	layer   int // of the profile in the chain
}

// chain returns the chain of a user. A profile that is not known is left out:
// that is a problem of its own.
func (r *resolver) chain(d *schema.Declaration) *chain {
	names := d.Body.Get("profiles").Strings()
	if d.Body.Get("profiles") == nil && r.org != nil {
		names = r.org.Body.At("defaults.profiles").Strings()
	}
	key := strings.Join(names, " ")
	if c, ok := r.chains[key]; ok {
		return c
	}
	c := &chain{}
	r.flatten(c, names, nil)
	nodes := []*schema.Node{r.decls.Defaults[schema.KindUser]}
	for layer, p := range c.profiles {
		c.names = append(c.names, p.Name)
		settings := inheritable(&p.Body)
		nodes = append(nodes, &settings)
		r.problems = append(r.problems, c.loosened(p, &settings, "", layer)...)
		if e := p.Body.Get("enforced"); e != nil && e.Text == "true" {
			c.enforce(p, layer)
		}
	}
	// The law has judged every profile, and values has decoded its amounts: an
	// error here would be found by any user of the profile, at its own place.
	_ = decodeAll(&c.base, nodes...)
	r.chains[key] = c
	return c
}

// flatten appends the profiles of those names, each after the ones that it
// builds on, and each once: what a profile sets is not set again by another
// one that builds on the same.
func (r *resolver) flatten(c *chain, names, above []string) {
	for _, name := range names {
		p := r.profiles[name]
		if len(c.profiles) >= maxProfiles || len(above) >= maxProfiles {
			c.tooMany = true
		}
		if c.tooMany {
			return
		}
		if p == nil || slices.Contains(above, name) || slices.Contains(c.profiles, p) {
			continue
		}
		r.flatten(c, p.Body.Get("profiles").Strings(), append(above, name))
		c.profiles = append(c.profiles, p)
	}
}

// own are the fields of a profile that its users do not inherit.
var own = []string{"apiVersion", "kind", "name", "description", "profiles", "enforced"}

// inheritable returns the settings of a profile's body.
func inheritable(body *schema.Node) schema.Node {
	out := *body
	out.Items = slices.DeleteFunc(slices.Clone(body.Items), func(n schema.Node) bool { return slices.Contains(own, n.Key) })
	return out
}

func (c *chain) enforce(p *schema.Declaration, layer int) {
	settings := inheritable(&p.Body)
	leaves(&settings, "", func(n *schema.Node, path string) {
		c.enforced = append(c.enforced, enforcement{path, n, p, layer})
	})
}

// leaves visits the values of settings: what a layer sets as one thing.
func leaves(n *schema.Node, path string, visit func(*schema.Node, string)) {
	if n.Kind == schema.Mapping && !judgedWhole(path) {
		for i := range n.Items {
			leaves(&n.Items[i], schema.JoinPath(path, n.Items[i].Key), visit)
		}
		return
	}
	visit(n, path)
}

// judgedWhole reports whether a mapping is one value, and not a group of them.
func judgedWhole(path string) bool { return strings.HasSuffix(path, "accessHours") }
