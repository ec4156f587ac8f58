// Package edit writes declarations: it formats them, changes one field in
// place, and puts live state into YAML as a person would write it.
//
// It works on a tree of its own that knows the place of every value and every
// comment of the text. yaml.v3 says what the values are; what lies between
// them is read here, and whatever is read here is compared with what yaml.v3
// said. A text that the two see differently is an error, and so is a result
// that says anything else than was asked for: nothing is written then.
//
// Imports: schema, schema/factor, yaml.v3, go-diff and the standard library.
package edit

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A kind says what a node holds.
type kind uint8

const (
	empty    kind = iota // nothing is written: `key:`
	verbatim             // plain, and some reader may take it for null, a boolean or a number
	text
	list
	mapping
)

// A node is a value with its place: text[start:end] of what was parsed.
type node struct {
	kind       kind
	flow       bool // a collection in brackets
	plain      bool // a scalar without quotes
	text       string
	start, end int
	entries    []*entry
	open       []comment // behind the opening bracket, or the header of a block scalar
	foot       []comment // below the last entry
	columns    int       // see the function of that name; 0 until it is asked for
}

// isBlock reports whether the node is a collection written in lines.
func (n *node) isBlock() bool { return n.kind >= list && !n.flow }

// An entry is a member of a mapping, or an element of a list, whose key is nil.
type entry struct {
	key    *node
	colon  int // where the value may begin: behind the colon, the dash or the key
	value  *node
	blank  bool      // a blank line is above the entry, below its comments
	before []comment // on lines of their own, above
	line   []comment // behind the key, the dash or the value
	tail   int       // end of the entry with the comments below its last line
}

// start is where the key begins, or the value when there is no key.
func (e *entry) start() int {
	if e.key != nil {
		return e.key.start
	}
	return e.value.start
}

// end is where the entry's value ends, or its colon when it has none.
func (e *entry) end() int { return max(e.colon, e.value.end) }

// above puts comments above the entry, below those that are there.
func (e *entry) above(cs []comment) {
	if len(cs) == 0 {
		return
	}
	cs = slices.Clone(cs)
	cs[0].blank = cs[0].blank || e.blank
	e.before, e.blank = append(e.before[:len(e.before):len(e.before)], cs...), false
}

// A comment is what follows a number sign, that included.
type comment struct {
	text  string
	start int
	blank bool // a blank line is above
	own   bool // it has a line of its own
}

// A document is one of a file's YAML documents.
type document struct {
	root  *node     // nil when the document is empty
	head  []comment // at the top, apart from the first entry
	foot  []comment // at the end, below the root's own
	above bool      // a blank line is above its `---`
	below bool      // a blank line is below its `---`
}

// A tree is a parsed file.
type tree struct {
	docs     []*document
	tail     []comment // of a file without any document
	comments []comment // all of them, in order
}

// find returns the entry of that key.
func (n *node) find(key string) *entry {
	i := slices.IndexFunc(n.entries, func(e *entry) bool { return e.key != nil && e.key.text == key })
	if n.kind != mapping || i < 0 {
		return nil
	}
	return n.entries[i]
}

// coreNumber matches the numbers of the core schema (YAML 1.2.2, §10.3.2),
// signs before all bases included. yaml.v3 takes those for texts that are more
// than it can hold.
var coreNumber = regexp.MustCompile(`^([-+]?([0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)$`)

// ambiguous reports whether a plain scalar could be anything but a text: to
// yaml.v3, or by the core schema. Dates are texts to the law.
func ambiguous(s string) bool {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: s}
	switch n.ShortTag() {
	case "!!str", "!!timestamp":
		return s == "<<" || numeric(s) && coreNumber.MatchString(s)
	}
	return true
}

// numeric reports whether a text begins like a number; most do not, and need
// no regular expression.
func numeric(s string) bool { return s != "" && strings.IndexByte("+-.0123456789", s[0]) >= 0 }
