package edit

import (
	"encoding/json"
	"fmt"
	"strings"

	"mailops/schema"
)

// declarationWidth is the longest line of what a machine writes for people.
const declarationWidth = 80

// Declaration is the YAML document that declares a live resource: what a
// person would write who has the values of base already. Fields that base
// agrees on are left out; a nil base has nothing. The password is never
// written: its hash is the store's. A text that base has and r lacks is
// written as "", which the law may refuse, rather than inherited unseen.
func Declaration(r, base schema.Resource) []byte { return declaration(r, base, nil) }

// declaration is Declaration, of a user who says to have profiles.
func declaration(r, base schema.Resource, profiles []string) []byte {
	key := r.Key()
	if base == nil {
		base, _ = schema.New(key) // r is of a live kind
	}
	root := &node{kind: mapping}
	root.add([]string{"kind"}, textNode(string(key.Kind)))
	name := "address"
	if key.Kind == schema.KindDomain {
		name = "name"
	}
	root.add([]string{name}, textNode(key.Name))
	if len(profiles) > 0 {
		root.add([]string{"profiles"}, valueNode(profiles))
	}
	for _, f := range schema.Fields(key.Kind) {
		if !f.Secret() && (!f.Equal(r, base) || required(f)) {
			root.add(strings.Split(f.Path, "."), fieldNode(key.Kind, f.Path, f.Get(r)))
		}
	}
	return root.print()
}

// required reports whether the law wants the field said, even when it is empty:
// where the mail of an alias or a list goes.
func required(f schema.Field) bool { return f.Path == "to" || f.Path == "members" }

// print writes the node as a document whose keys are in the law's order.
func (n *node) print() []byte {
	n.order(shapeOfDocument(n))
	p := printer{width: declarationWidth}
	p.document(&document{root: n})
	return []byte(p.String())
}

// add puts a value below the names, which may lead through mappings that are
// there.
func (n *node) add(names []string, v *node) {
	e := n.find(names[0])
	if e == nil {
		e = &entry{key: textNode(names[0]), value: &node{kind: mapping, flow: true}}
		n.entries = append(n.entries, e)
	}
	if len(names) == 1 {
		e.value = v
		return
	}
	e.value.add(names[1:], v)
}

func textNode(s string) *node { return &node{kind: text, text: s} }

// fieldNode is a field's value as declarations have it. A field without one
// says so in the words of the law.
func fieldNode(kind schema.Kind, path string, v schema.Value) *node {
	s := shapes()[kind]
	for name := range strings.SplitSeq(path, ".") {
		s = s.fields[name]
	}
	switch {
	case v != "":
		return decodeNode(json.NewDecoder(strings.NewReader(string(v))))
	case s.list:
		return &node{kind: list, flow: true}
	case path == "permissions.accessHours":
		return textNode("unrestricted")
	case s.fields != nil: // travelMode
		return &node{kind: verbatim, text: "null"}
	}
	return textNode("")
}

// valueNode is any value that prints as JSON.
func valueNode(v any) *node {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("edit: %T cannot be printed: %v", v, err)) // callers pass plain data
	}
	return decodeNode(json.NewDecoder(strings.NewReader(string(data))))
}

// decodeNode reads one JSON value and keeps the order of its members.
func decodeNode(d *json.Decoder) *node {
	d.UseNumber()
	token, err := d.Token()
	if err != nil {
		panic(fmt.Sprintf("edit: a value is not JSON: %v", err)) // encoding/json wrote it
	}
	switch token := token.(type) {
	case string:
		return textNode(token)
	case json.Delim:
		out := &node{kind: list, flow: true}
		if token == '{' {
			out.kind = mapping
		}
		for d.More() {
			e := &entry{}
			if out.kind == mapping {
				e.key = decodeNode(d)
			}
			e.value = decodeNode(d)
			out.entries = append(out.entries, e)
		}
		_, _ = d.Token() // the closing bracket
		return out
	}
	return &node{kind: verbatim, text: fmt.Sprint(token)}
}
