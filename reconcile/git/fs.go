package git

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"
	"time"
)

func (b Budget) orDefaults() Budget {
	return Budget{
		Entries: cmp.Or(b.Entries, 500_000),
		Bytes:   cmp.Or(b.Bytes, 1<<30),
		Depth:   cmp.Or(b.Depth, 64),
	}
}

// FS returns the files of a revision below a folder of it. Folders are read when
// they are looked into and forgotten when they are not; sizes are known without
// contents. Sys of a FileInfo is the [BlobID] of a file or symbolic link, and
// the [TreeID] of a folder. Links are shown as such, and followed inside the
// folder alone; submodules are left out. A folder that holds a name which no
// honest repository has is an error that wraps ErrHostile, and more than the
// [Budget] is one that wraps ErrLimit.
//
// What it returns also is an [fs.ReadDirFS], [fs.StatFS], [fs.ReadFileFS] and
// [fs.ReadLinkFS]. The error wraps fs.ErrNotExist when the revision has no such
// folder.
func (r *Repository) FS(rev Revision, folder string) (fs.FS, error) {
	if !fs.ValidPath(folder) {
		return nil, &fs.PathError{Op: "open", Path: folder, Err: fs.ErrInvalid}
	}
	_, c, err := r.of(rev)
	if err != nil {
		return nil, fmt.Errorf("open revision: %w", err)
	}
	top, err := r.below(c.tree, folder)
	if err == nil && !top.mode.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err != nil {
		return nil, fmt.Errorf("open %s in revision %.12s: %w", folder, rev.Commit, err)
	}
	top.name = "."
	return &treeFS{r: r, top: top, when: c.committer.when}, nil
}

// A treeFS is the files of a revision.
type treeFS struct {
	r       *Repository
	top     node
	when    time.Time
	entries atomic.Int64
	bytes   atomic.Int64
}

var _ interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadFileFS
	fs.ReadLinkFS
} = (*treeFS)(nil)

// maxLinks is how many symbolic links one path may lead over.
const maxLinks = 16

// walk finds what lies at a path. Links on the way are followed, and the last
// step when follow is set.
func (t *treeFS) walk(name string, follow bool) (node, error) {
	w := way{fs: t, nodes: []node{t.top}, steps: strings.Split(name, "/")}
	for len(w.steps) > 0 {
		if err := w.step(follow); err != nil {
			return node{}, err
		}
	}
	return w.here(), nil
}

// A way is how far a walk has come.
type way struct {
	fs    *treeFS
	nodes []node   // from the top to here
	names []string // of nodes, but the top
	steps []string // that are still to be gone
	links int      // that were followed
}

func (w *way) here() node { return w.nodes[len(w.nodes)-1] }

func (w *way) step(follow bool) error {
	name := w.steps[0]
	w.steps = w.steps[1:]
	switch name {
	case ".", "":
		return nil
	case "..":
		if len(w.names) == 0 {
			return errLeadsOut
		}
		w.nodes, w.names = w.nodes[:len(w.nodes)-1], w.names[:len(w.names)-1]
		return nil
	}
	if !w.here().mode.IsDir() {
		return fs.ErrNotExist
	}
	if depth := w.fs.r.options.Read.Depth; len(w.names) >= depth {
		return fmt.Errorf("%w: more than %d folders in folders", ErrLimit, depth)
	}
	nodes, err := w.fs.r.tree(w.here().id, strings.Join(w.names, "/"))
	if err != nil {
		return err
	}
	next, ok := find(nodes, name)
	if !ok || next.mode.Type() == submodule {
		return fs.ErrNotExist
	}
	if next.mode.Type() == fs.ModeSymlink && (len(w.steps) > 0 || follow) {
		return w.link(next)
	}
	w.nodes, w.names = append(w.nodes, next), append(w.names, name)
	return nil
}

// link goes where a symbolic link leads, next.
func (w *way) link(n node) error {
	if w.links++; w.links > maxLinks {
		return fmt.Errorf("%w: symbolic links lead in a circle", fs.ErrNotExist)
	}
	to, err := w.fs.link(n)
	if err != nil {
		return err
	}
	w.steps = append(strings.Split(to, "/"), w.steps...)
	return nil
}

// errLeadsOut is a link to what is not in the folder: to its reader, to nothing.
var errLeadsOut = fmt.Errorf("%w: a symbolic link leads out of the folder", fs.ErrNotExist)

// maxLink is the longest path that a symbolic link may hold.
const maxLink = 4096

// link reads where a symbolic link leads.
func (t *treeFS) link(n node) (string, error) {
	if size, err := t.r.objects.size(n.id); err != nil || size > maxLink {
		return "", errors.Join(err, fmt.Errorf("%w: a symbolic link is too long", fs.ErrNotExist))
	}
	data, err := t.content(n)
	if err != nil {
		return "", err
	}
	if to := string(data); !path.IsAbs(to) {
		return to, nil
	}
	return "", errLeadsOut
}

// content reads a file under the budget, which is asked before.
func (t *treeFS) content(n node) ([]byte, error) {
	size, err := t.r.objects.size(n.id)
	if err != nil {
		return nil, err
	}
	if room := t.r.options.Read.Bytes; t.bytes.Add(size) > room {
		return nil, fmt.Errorf("%w: more than %d bytes of files", ErrLimit, room)
	}
	return t.r.objects.read(n.id, kindBlob)
}

func (t *treeFS) find(op, name string, follow bool) (*info, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, err := t.walk(name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return &info{fs: t, node: n, name: path.Base(name)}, nil
}

// Open opens a file or folder.
func (t *treeFS) Open(name string) (fs.File, error) {
	i, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if i.IsDir() {
		return &folder{info: i, path: name}, nil
	}
	return &file{info: i, path: name}, nil
}

// Stat describes what lies at a path, links followed.
func (t *treeFS) Stat(name string) (fs.FileInfo, error) { return t.stat("stat", name, true) }

// Lstat describes what lies at a path, a link itself.
func (t *treeFS) Lstat(name string) (fs.FileInfo, error) { return t.stat("lstat", name, false) }

func (t *treeFS) stat(op, name string, follow bool) (fs.FileInfo, error) {
	i, err := t.find(op, name, follow)
	if err != nil {
		return nil, err
	}
	if err := i.measure(); err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return i, nil
}

// ReadLink returns where a symbolic link leads.
func (t *treeFS) ReadLink(name string) (string, error) {
	i, err := t.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if i.node.mode.Type() != fs.ModeSymlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	data, err := t.content(i.node)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(data), nil
}

// ReadFile reads a whole file.
func (t *treeFS) ReadFile(name string) ([]byte, error) {
	i, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	var data []byte
	if i.IsDir() {
		err = errors.New("is a folder")
	} else {
		data, err = t.content(i.node)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return bytes.Clone(data), nil // the caller may change it
}

// ReadDir lists a folder, in the order of names.
func (t *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	i, err := t.find("open", name, true)
	if err != nil {
		return nil, err
	}
	out, err := t.entriesOf(i.node, name)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return out, nil
}

// entriesOf charges the budget for everything that it lists, each time: equal
// folders cost nothing to read again, and there may be 10 billion of them.
func (t *treeFS) entriesOf(n node, name string) ([]fs.DirEntry, error) {
	if !n.mode.IsDir() {
		return nil, errors.New("is not a folder")
	}
	nodes, err := t.r.tree(n.id, name)
	if err != nil {
		return nil, err
	}
	if room := t.r.options.Read.Entries; t.entries.Add(int64(len(nodes))) > room {
		return nil, fmt.Errorf("%w: more than %d files", ErrLimit, room)
	}
	out := make([]fs.DirEntry, 0, len(nodes))
	for _, n := range nodes {
		if n.mode.Type() != submodule {
			out = append(out, &info{fs: t, node: n, name: n.name})
		}
	}
	return out, nil
}
