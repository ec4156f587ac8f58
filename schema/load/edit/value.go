package edit

import (
	"slices"
	"strconv"
	"strings"
)

// values says what a tree holds, in a form that can be compared: for each
// document that is not empty, its scalars by their paths. How they are written
// and the order of keys do not matter.
func (t *tree) values() []map[string]string {
	var out []map[string]string
	for _, doc := range t.docs {
		if doc.root != nil {
			out = append(out, doc.root.values(""))
		}
	}
	return out
}

func (n *node) values(path string) map[string]string {
	out := make(map[string]string)
	n.flatten(path, out)
	return out
}

func (n *node) flatten(path string, into map[string]string) {
	if len(n.entries) == 0 {
		into[path] = n.value()
	}
	for i, e := range n.entries {
		e.value.flatten(path+e.step(i), into)
	}
}

// step separates keys by a character that no YAML text can hold.
func (e *entry) step(i int) string {
	if e.key == nil {
		return "\x00[" + strconv.Itoa(i)
	}
	return "\x00." + e.key.value()
}

// value is the node's own: its kind, and the text of a scalar.
func (n *node) value() string {
	switch n.kind {
	case list:
		return "[]"
	case mapping:
		return "{}"
	case text:
		return "text " + n.text
	}
	if n.kind == empty || slices.Contains([]string{"~", "null", "Null", "NULL"}, n.text) {
		return "null"
	}
	return "plain " + n.text
}

// remarks are the texts of all comments in alphabetical order, but those that
// drop says.
func (t *tree) remarks(drop func(comment) bool) []string {
	var out []string
	for _, c := range t.comments {
		if drop == nil || !drop(c) {
			out = append(out, strings.TrimRight(c.text, " \t"))
		}
	}
	slices.Sort(out)
	return out
}
