package edit

import (
	"fmt"
	"strconv"
	"strings"

	"mailops/schema"
)

// A link is one step of a path into a document: an entry, and what holds it.
type link struct {
	holder *node
	entry  *entry
	index  int
}

// A way is a path as far as the document goes.
type way struct {
	links []link
	end   *node // the value that the links lead to
	shape *shape
	rest  []string // the steps that lead nowhere
}

// last is the entry whose value the way ends at; nil at the root.
func (w *way) last() *entry {
	if len(w.links) == 0 {
		return nil
	}
	return w.links[len(w.links)-1].entry
}

// steps splits a path such as schedule[0].set.quota: names, and indexes in
// brackets.
func steps(path string) ([]string, error) {
	var out []string
	for name := range strings.SplitSeq(path, ".") {
		name, indexes, indexed := strings.Cut(name, "[")
		if name == "" || indexed && indexes == "" {
			return nil, fmt.Errorf("%q is not a path", path)
		}
		out = append(out, name)
		for indexes != "" {
			index, rest, closed := strings.Cut(indexes, "]")
			if _, err := strconv.ParseUint(index, 10, 31); err != nil || !closed || rest != "" && rest[0] != '[' {
				return nil, fmt.Errorf("%q is not a path", path)
			}
			out = append(out, "["+index)
			indexes = strings.TrimPrefix(rest, "[")
		}
	}
	return out, nil
}

// follow goes along the steps as far as they lead.
func follow(root *node, names []string) way {
	w := way{end: root, shape: shapeOfDocument(root), rest: names}
	for len(w.rest) > 0 {
		i, e := w.end.member(w.rest[0])
		if e == nil {
			break
		}
		w.links = append(w.links, link{w.end, e, i})
		w.end, w.shape, w.rest = e.value, w.shape.of(e.key), w.rest[1:]
	}
	return w
}

// member returns the entry that one step leads to.
func (n *node) member(step string) (int, *entry) {
	index, isIndex := strings.CutPrefix(step, "[")
	at, _ := strconv.Atoi(index)
	for i, e := range n.entries {
		switch {
		case isIndex && e.key == nil && i == at:
			return i, e
		case !isIndex && e.key != nil && e.key.text == step:
			return i, e
		}
	}
	return 0, nil
}

// pick returns the n-th document, counted from 0 and empty ones left out.
func (t *tree) pick(n int) (*node, error) {
	at := n
	for _, doc := range t.docs {
		switch {
		case doc.root == nil:
		case at == 0:
			return doc.root, nil
		default:
			at--
		}
	}
	return nil, fmt.Errorf("there is no document %d", n)
}

// Find returns the number, as [Set] and [Unset] count, of the document that
// declares the resource; -1 when there is none. Addresses are compared without
// regard to case.
func Find(text []byte, key schema.Key) (int, error) {
	t, err := parse(strings.TrimPrefix(string(text), bom))
	if err != nil {
		return -1, fmt.Errorf("find %s: %w", key, err)
	}
	at := 0
	for _, doc := range t.docs {
		if doc.root == nil {
			continue
		}
		if doc.root.says("kind", string(key.Kind)) &&
			(doc.root.says("address", key.Name) || doc.root.says("name", key.Name) && doc.root.find("address") == nil) {
			return at, nil
		}
		at++
	}
	return -1, nil
}

// says reports whether the member of that name is the text, or one in other
// letter case.
func (n *node) says(name, want string) bool {
	e := n.find(name)
	return e != nil && e.value.kind < list && strings.EqualFold(e.value.text, want)
}
