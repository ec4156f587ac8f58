package schema

import (
	"strconv"
	"strings"
)

// A NodeKind says what a [Node] holds.
type NodeKind uint8

// The kinds of nodes: those of the YAML 1.2 core schema.
const (
	Null NodeKind = iota
	Bool
	Int
	Float
	String
	Sequence
	Mapping
)

func (k NodeKind) String() string {
	return [...]string{"nothing", "a boolean", "a number", "a number", "a text", "a list", "a mapping"}[k]
}

// A Node is a value as it was written: plain data with its place. What is said
// and what is left out is known here, and nowhere later.
type Node struct {
	Kind      NodeKind
	Key       string // the name of a mapping's member; "" elsewhere
	Text      string // of a scalar, as written: true, 12, ana@acme.example
	KeyLine   int32
	KeyColumn int32
	Line      int32
	Column    int32
	Items     []Node // of a sequence or mapping, as written
}

// Get returns the member of a mapping, nil when it has none of that name.
func (n *Node) Get(key string) *Node {
	if n == nil || n.Kind != Mapping {
		return nil
	}
	for i := range n.Items {
		if n.Items[i].Key == key {
			return &n.Items[i]
		}
	}
	return nil
}

// At follows a path such as schedule[0].set.quota; nil when it leads nowhere.
func (n *Node) At(path string) *Node {
	for path != "" && n != nil {
		var step string
		step, path = cutPath(path)
		if index, ok := pathIndex(step); ok {
			if n.Kind != Sequence || index >= len(n.Items) {
				return nil
			}
			n = &n.Items[index]
			continue
		}
		n = n.Get(step)
	}
	return n
}

// cutPath splits the first step off a path: a name, or an index in brackets.
func cutPath(path string) (step, rest string) {
	end := strings.IndexAny(path[1:], ".[") + 1
	if end == 0 {
		return path, ""
	}
	return path[:end], strings.TrimPrefix(path[end:], ".")
}

func pathIndex(step string) (int, bool) {
	inner, ok := strings.CutPrefix(step, "[")
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(strings.TrimSuffix(inner, "]"))
	return i, err == nil && i >= 0
}

// JoinPath appends a name to a path.
func JoinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// IndexPath appends an index to a path.
func IndexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// Strings returns the texts of a sequence of scalars.
func (n *Node) Strings() []string {
	if n == nil {
		return nil
	}
	var out []string
	for i := range n.Items {
		out = append(out, n.Items[i].Text)
	}
	return out
}

// A Declaration is one YAML document that the law accepts.
type Declaration struct {
	Kind Kind
	Name string // the canonical address, or the name; "" when it is missing or wrong
	File string
	Body Node
}

// Pos is the place of a node of the declaration; of its key, where it has one.
func (d *Declaration) Pos(n *Node) Pos {
	if n == nil {
		n = &d.Body
	}
	if n.KeyLine > 0 {
		return Pos{d.File, int(n.KeyLine), int(n.KeyColumn)}
	}
	return Pos{d.File, int(n.Line), int(n.Column)}
}

// ValuePos is the place of a node's value.
func (d *Declaration) ValuePos(n *Node) Pos {
	if n == nil {
		n = &d.Body
	}
	return Pos{d.File, int(n.Line), int(n.Column)}
}

// Key names the resource that is declared.
func (d *Declaration) Key() Key { return Key{d.Kind, d.Name} }

// Problem is a problem of this declaration, at the place of n (nil: its head).
func (d *Declaration) Problem(n *Node, path, rule, message, hint string) Problem {
	pos := d.ValuePos(n)
	if n != nil && (n.Kind == Mapping || n.Kind == Sequence) {
		pos = d.Pos(n)
	}
	return Problem{Pos: pos, Kind: d.Kind, Name: d.Name, Path: path, Rule: rule, Message: message, Hint: hint}
}

// Declarations are all the declarations of a repository, ordered by file and
// place, and the law's defaults for each kind.
type Declarations struct {
	All      []Declaration
	Defaults map[Kind]*Node // from the law's #Defaults; places lie in schema/defaults.cue
	Policies []Source       // the organization's own CUE
	Digest   string         // of everything that was read
}

// A Source is a text file: a name relative to the repository's root, and its text.
type Source struct{ File, Text string }
