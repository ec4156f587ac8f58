package git

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Commit is what is to be committed.
type Commit struct {
	Branch    string
	Base      Revision          // what Files are put on top of
	Replaces  string            // the commit that the branch is at now; "" when the branch does not exist yet
	Files     map[string][]byte // by path; nil removes the file
	Author    string
	Email     string
	When      time.Time // of author and committer
	Committer string    // "" is the author
	CommEmail string
	Message   string
	alone     bool // it has no past: of Replace
}

// Commit adds a commit to a branch of the repository, or of the mirror, and
// returns it. The branch is moved last, and only when it is where the commit
// says that it is: the error wraps ErrMoved otherwise. No work tree is touched:
// the branch that one shows must not be written.
func (r *Repository) Commit(ctx context.Context, c Commit) (Revision, error) {
	var rev Revision
	do := func() (err error) {
		rev, err = r.write(ctx, c)
		return err
	}
	var err error
	if r.dirs.mirror {
		err = r.locked(do)
	} else {
		err = do()
	}
	if err != nil {
		return Revision{}, fmt.Errorf("commit to %s: %w", c.Branch, err)
	}
	return rev, nil
}

func (r *Repository) write(ctx context.Context, c Commit) (Revision, error) {
	var old id
	if c.Replaces != "" {
		var ok bool
		if old, ok = parseID(c.Replaces); !ok {
			return Revision{}, fmt.Errorf("%q is not a full commit name", c.Replaces)
		}
	}
	i, err := r.writeCommit(ctx, c)
	if err != nil {
		return Revision{}, err
	}
	if err := r.dirs.setRef("refs/heads/"+c.Branch, old, i); err != nil {
		return Revision{}, err
	}
	return r.revision(i)
}

// writeCommit writes the objects of a commit.
func (r *Repository) writeCommit(ctx context.Context, c Commit) (id, error) {
	if err := c.check(); err != nil {
		return id{}, err
	}
	var base, from id
	var err error
	if c.alone {
		from, err = r.objects.put(kindTree, nil)
	} else {
		var on commit
		base, on, err = r.of(c.Base)
		from = on.tree
	}
	if err != nil {
		return id{}, err
	}
	tree, err := r.writeFiles(ctx, from, c.Files)
	if err != nil {
		return id{}, err
	}
	return r.objects.put(kindCommit, c.encode(tree, base))
}

// check refuses what would be read as something else.
func (c Commit) check() error {
	if !validBranch(c.Branch) {
		return errors.New("it is not the name of a branch")
	}
	for _, s := range []string{c.Author, c.Email, c.Committer, c.CommEmail} {
		if strings.ContainsAny(s, "<>\n") || !printable(s) {
			return fmt.Errorf("%q cannot be the name or address of an author", s)
		}
	}
	if strings.Contains(c.Message, "\x00") || strings.TrimSpace(c.Message) == "" {
		return errors.New("it has no message")
	}
	for path := range c.Files {
		if !fs.ValidPath(path) || path == "." {
			return fmt.Errorf("%q is not a path", path)
		}
		for step := range strings.SplitSeq(path, "/") {
			if why := nameProblem(step); why != "" {
				return fmt.Errorf("%q %s", path, why)
			}
		}
	}
	return nil
}

func (c Commit) encode(tree, parent id) []byte {
	by := func(name, email string) string {
		return fmt.Sprintf("%s <%s> %d %s", strings.TrimSpace(name), strings.TrimSpace(email), c.When.Unix(), c.When.Format("-0700"))
	}
	author := by(c.Author, c.Email)
	committer := author
	if c.Committer != "" {
		committer = by(c.Committer, c.CommEmail)
	}
	after := ""
	if parent != (id{}) {
		after = fmt.Sprintf("parent %s\n", parent)
	}
	return fmt.Appendf(nil, "tree %s\n%sauthor %s\ncommitter %s\n\n%s\n",
		tree, after, author, committer, strings.TrimRight(c.Message, "\n"))
}

// writeFiles writes a tree in which some files are others, and returns its name.
func (r *Repository) writeFiles(ctx context.Context, tree id, files map[string][]byte) (id, error) {
	if err := ctx.Err(); err != nil {
		return id{}, err
	}
	nodes, err := r.tree(tree, ".")
	if err != nil {
		return id{}, err
	}
	here := make(map[string][]byte)
	below := make(map[string]map[string][]byte)
	for path, text := range files {
		first, rest, deeper := strings.Cut(path, "/")
		if !deeper {
			here[path] = text
			continue
		}
		if below[first] == nil {
			below[first] = make(map[string][]byte)
		}
		below[first][rest] = text
	}
	for name, text := range here {
		if nodes, err = r.writeFile(nodes, name, text); err != nil {
			return id{}, err
		}
	}
	for name, files := range below {
		if nodes, err = r.writeFolder(ctx, nodes, name, files); err != nil {
			return id{}, err
		}
	}
	if err := checkNames(".", nodes); err != nil {
		return id{}, err
	}
	return r.objects.put(kindTree, encodeTree(nodes))
}

func (r *Repository) writeFile(nodes []node, name string, text []byte) ([]node, error) {
	n, ok := find(nodes, name)
	if ok && n.mode.IsDir() {
		return nil, fmt.Errorf("%q is a folder", name)
	}
	if text == nil {
		return without(nodes, name), nil
	}
	if !ok || !n.mode.IsRegular() {
		n = node{name: name, mode: 0o644}
	}
	var err error
	if n.id, err = r.objects.put(kindBlob, text); err != nil {
		return nil, err
	}
	return with(nodes, n), nil
}

func (r *Repository) writeFolder(ctx context.Context, nodes []node, name string, files map[string][]byte) ([]node, error) {
	n, ok := find(nodes, name)
	if ok && !n.mode.IsDir() {
		return nil, fmt.Errorf("%q is not a folder", name)
	}
	if !ok {
		empty, err := r.objects.put(kindTree, nil)
		if err != nil {
			return nil, err
		}
		n = node{name: name, mode: fs.ModeDir | 0o755, id: empty}
	}
	var err error
	if n.id, err = r.writeFiles(ctx, n.id, files); err != nil {
		return nil, err
	}
	if n.id == hashObject(kindTree, nil) { // git keeps no empty folders
		return without(nodes, name), nil
	}
	return with(nodes, n), nil
}

// with puts a node among others, in the place of the one of its name; nodes stay
// as they are.
func with(nodes []node, n node) []node {
	out := make([]node, 0, len(nodes)+1)
	done := false
	for _, other := range nodes {
		if !done && other.name >= n.name {
			out, done = append(out, n), true
		}
		if other.name != n.name {
			out = append(out, other)
		}
	}
	if !done {
		out = append(out, n)
	}
	return out
}

func without(nodes []node, name string) []node {
	var out []node
	for _, n := range nodes {
		if n.name != name {
			out = append(out, n)
		}
	}
	return out
}

// put writes an object that may be there already, and returns its name. One that
// is there is made young again: git's gc lets go of old ones that nothing leads
// to, and something soon will.
func (s *store) put(kind byte, data []byte) (id, error) {
	i := hashObject(kind, data)
	at, err := s.whereIs(i)
	if err != nil {
		return i, err
	}
	if now := time.Now(); at != "" && os.Chtimes(at, now, now) == nil {
		return i, nil
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(looseHead(kind, int64(len(data))))
	z.Write(data)
	z.Close() // writing to memory does not fail
	if err := writeLoose(loosePath(s.dir, i), b.Bytes()); err != nil {
		return i, fmt.Errorf("write object: %w", err)
	}
	return i, nil
}

// writeLoose writes the file of an object, whole or not at all.
func writeLoose(path string, text []byte) error {
	f, err := createIn(filepath.Dir(path), func(dir string) (*os.File, error) {
		return os.CreateTemp(dir, "tmp_obj_") // git's own name: its gc removes what is left behind
	})
	if err != nil {
		return err
	}
	if err = writeSync(f, text); err == nil {
		err = os.Chmod(f.Name(), 0o444)
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// createIn makes a file in a folder that is made when it is not there. git may
// remove it, being empty, before the file is in it.
func createIn(dir string, create func(dir string) (*os.File, error)) (f *os.File, err error) {
	for range 10 {
		if err := os.MkdirAll(dir, 0o777); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if f, err = create(dir); !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, err
}
