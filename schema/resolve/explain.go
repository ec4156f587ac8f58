package resolve

import (
	"cmp"
	"strings"

	"mailops/schema"
)

// A Layer is one declaration's word on a field.
type Layer struct {
	Origin schema.Origin `json:"origin"`
	Value  string        `json:"value"` // as written; a list joined by commas
}

// A word is a node that sets a field, where it lies, and how it counts.
type word struct {
	at  *schema.Node
	in  *schema.Declaration
	via string
}

func (w word) origin() schema.Origin {
	pos := w.in.ValuePos(w.at)
	if w.at.Kind == schema.Mapping || w.at.Kind == schema.Sequence {
		pos = w.in.Pos(w.at)
	}
	return schema.Origin{Pos: pos, Via: w.via}
}

// Explain returns what set a field, from the weakest to the strongest: the
// last layer is the one that counts, and it overrode those before it. An empty
// chain means that nothing, not even a default, sets the field.
func (w *Want) Explain(key schema.Key, path string) []Layer {
	if w.r.byKey[key] == nil {
		return w.implied(key)
	}
	var out []Layer
	w.words(key, path, func(said word) {
		out = append(out, Layer{said.origin(), written(path, said.at)})
	})
	return out
}

// words visits what sets a field of a declared resource, the strongest last.
func (w *Want) words(key schema.Key, path string, visit func(word)) {
	d := w.r.byKey[key]
	say := func(at *schema.Node, in *schema.Declaration, via string) {
		if at != nil {
			visit(word{at, in, via})
		}
	}
	say(w.r.decls.Defaults[key.Kind].At(path), law, "default")
	if key.Kind != schema.KindUser {
		say(d.Body.At(path), d, "")
		return
	}
	if path == "timezone" {
		say(w.r.decls.Defaults[schema.KindOrganization].Get(path), law, "default")
		if org := w.r.org; org != nil {
			say(org.Body.Get(path), org, "organization")
		}
		if domain := w.r.domains[key.Domain()]; domain != nil {
			say(domain.Body.Get(path), domain, "domain")
		}
	}
	for _, p := range w.r.chain(d).profiles {
		if path != "name" { // a profile's name is its own
			say(p.Body.At(path), p, "profile "+p.Name)
		}
	}
	say(d.Body.At(path), d, "")
	if d.Body.Get("schedule") != nil {
		w.scheduled(d, path, say)
	}
}

// law is where defaults lie.
var law = &schema.Declaration{File: "schema/defaults.cue"}

// written is a value as its declaration has it, on one line. A hash is not shown.
func written(path string, n *schema.Node) string {
	switch {
	case path == "password" && n.Get("fromEnv") != nil:
		return "(from the variable " + n.Get("fromEnv").Text + ")"
	case path == "password":
		return "(a hash)"
	case n.Kind != schema.Mapping:
		return show(n)
	}
	parts := make([]string, len(n.Items))
	for i := range n.Items {
		parts[i] = n.Items[i].Key + ": " + show(&n.Items[i])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// scheduled adds the entries of a user's schedule that are in force.
func (w *Want) scheduled(d *schema.Declaration, path string, add func(*schema.Node, *schema.Declaration, string)) {
	u := w.r.chain(d).base
	u.Address = schema.Address(d.Name)
	u.Timezone = cmp.Or(text(d.Body.Get("timezone")), u.Timezone)
	entries, _ := w.r.schedule(d, &u)
	for _, e := range entries {
		if e.active(w.At) {
			add(e.node.Get("set").At(path), d, "schedule: "+e.reason())
		}
	}
}

// implied explains the alias that a rename leaves.
func (w *Want) implied(key schema.Key) []Layer {
	d := w.r.renamed[key.Name]
	if d == nil || key.Kind != schema.KindAlias {
		return nil
	}
	return []Layer{{schema.Origin{Pos: d.ValuePos(d.Body.Get("renamedFrom")), Via: "renamedFrom"}, d.Name}}
}

// Origin returns where a field's effective value comes from; nil when nothing
// sets it. What comes to many from one place is one pointer: a plan that creates
// a hundred thousand users of a few profiles holds few of those.
func (w *Want) Origin(key schema.Key, path string) *schema.Origin {
	var last word
	if w.r.byKey[key] != nil {
		w.words(key, path, func(said word) { last = said })
	}
	if last.at == nil {
		if layers := w.implied(key); len(layers) > 0 {
			return &layers[0].Origin
		}
		return nil
	}
	origin := last.origin()
	if known := w.r.origins[origin]; known != nil {
		return known
	}
	out := new(schema.Origin)
	*out = origin
	if origin.Via != "" { // what a resource says itself is its alone
		w.r.origins[origin] = out
	}
	return out
}

// Declared returns the place of a resource's declaration; false when there is
// none.
func (w *Want) Declared(key schema.Key) (schema.Pos, bool) {
	d := w.r.byKey[key]
	if d == nil {
		return schema.Pos{}, false
	}
	return d.Pos(nil), true
}

// Problem makes a problem at the line that set a field, for rules that judge
// effective values.
func (w *Want) Problem(key schema.Key, path, rule, message, hint string) schema.Problem {
	p := schema.Problem{Kind: key.Kind, Name: key.Name, Path: path, Rule: rule, Message: message, Hint: hint}
	if o := w.Origin(key, path); path != "" && o != nil {
		p.Pos = o.Pos
		return p
	}
	p.Pos, _ = w.Declared(key)
	return p
}
