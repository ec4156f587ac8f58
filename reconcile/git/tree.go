package git

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// A node is what a folder says of one thing in it.
type node struct {
	name string
	mode fs.FileMode // the type, and whether a file may be executed
	id   id
}

// submodule is the mode of a commit of another repository. It is left out of
// everything but the objects that are written.
const submodule = fs.ModeIrregular

// modes are those that trees know. 100664 was written long ago.
var modes = map[string]fs.FileMode{
	"40000": fs.ModeDir | 0o755, "040000": fs.ModeDir | 0o755,
	"100644": 0o644, "100664": 0o644, "100755": 0o755,
	"120000": fs.ModeSymlink | 0o777, "160000": submodule,
}

func octal(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "40000"
	case fs.ModeSymlink:
		return "120000"
	case submodule:
		return "160000"
	}
	if mode&0o100 != 0 {
		return "100755"
	}
	return "100644"
}

// parseTree reads a folder into the order of names. It holds names that no
// honest repository has: checkNames finds them.
func parseTree(data []byte) ([]node, error) {
	nodes := make([]node, 0, len(data)/36)
	for len(data) > 0 {
		word, rest, ok := bytes.Cut(data, []byte(" "))
		name, rest, ok2 := bytes.Cut(rest, []byte("\x00"))
		mode, ok3 := modes[string(word)]
		if !ok || !ok2 || !ok3 || len(rest) < 20 {
			return nil, fmt.Errorf("%w: a folder is malformed", ErrDamaged)
		}
		nodes = append(nodes, node{string(name), mode, id(rest[:20])})
		data = rest[20:]
	}
	slices.SortFunc(nodes, byName)
	return nodes, nil
}

func byName(a, b node) int { return strings.Compare(a.name, b.name) }

// checkNames returns an error that names the first thing in a folder at path
// that may not be called so, or not beside another.
func checkNames(path string, nodes []node) error {
	seen := make(map[string]string, len(nodes))
	for _, n := range nodes {
		if why := nameProblem(n.name); why != "" {
			return &nameError{join(path, n.name), why}
		}
		folded := fold(n.name)
		if other, ok := seen[folded]; ok {
			if other == n.name {
				return &nameError{join(path, n.name), "is there twice"}
			}
			return &nameError{join(path, n.name), fmt.Sprintf("is the same as %q on some systems", other)}
		}
		seen[folded] = n.name
	}
	return nil
}

func join(path, name string) string {
	if path == "" || path == "." {
		return name
	}
	return path + "/" + name
}

// find looks a name up among nodes in order.
func find(nodes []node, name string) (node, bool) {
	n, ok := slices.BinarySearchFunc(nodes, name, func(n node, name string) int { return strings.Compare(n.name, name) })
	if !ok {
		return node{}, false
	}
	return nodes[n], true
}

// tree reads a folder, in order and with honest names. What it returns is kept for
// whoever asks next, and must not be changed.
func (r *Repository) tree(i id, path string) ([]node, error) {
	if nodes, ok := r.trees.get(i); ok {
		return nodes, nil
	}
	data, err := r.objects.read(i, kindTree)
	if err != nil {
		return nil, err
	}
	nodes, err := parseTree(data)
	if err == nil {
		err = checkNames(path, nodes)
	}
	if err != nil {
		return nil, fmt.Errorf("read folder %s: %w", i, err)
	}
	r.trees.put(i, nodes, int64(len(nodes))+1)
	return nodes, nil
}

// below walks from a tree down to what lies at a path, "." being the tree
// itself. Nothing there is fs.ErrNotExist.
func (r *Repository) below(tree id, path string) (node, error) {
	at := node{name: ".", mode: fs.ModeDir | 0o755, id: tree}
	if path == "." || path == "" {
		return at, nil
	}
	done := "."
	for step := range strings.SplitSeq(path, "/") {
		if !at.mode.IsDir() {
			return node{}, fs.ErrNotExist
		}
		nodes, err := r.tree(at.id, done)
		if err != nil {
			return node{}, err
		}
		var ok bool
		if at, ok = find(nodes, step); !ok || at.mode.Type() == submodule {
			return node{}, fs.ErrNotExist
		}
		done = join(done, step)
	}
	return at, nil
}

// encodeTree writes nodes as git does: in the order of names, where a folder's
// ends in a slash.
func encodeTree(nodes []node) []byte {
	key := func(n node) string {
		if n.mode.IsDir() {
			return n.name + "/"
		}
		return n.name
	}
	nodes = slices.SortedFunc(slices.Values(nodes), func(a, b node) int { return cmp.Compare(key(a), key(b)) })
	var b bytes.Buffer
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s %s\x00%s", octal(n.mode), n.name, n.id[:])
	}
	return b.Bytes()
}
