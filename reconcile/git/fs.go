package git

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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
	steps := strings.Split(name, "/")
	if name == "." {
		return t.top, nil
	}
	way := []node{t.top}
	where := []string{}
	for links := 0; len(steps) > 0; {
		step := steps[0]
		steps = steps[1:]
		switch {
		case step == "." || step == "":
			continue
		case step == "..":
			if len(where) == 0 {
				return node{}, fmt.Errorf("%w: a symbolic link leads out of the folder", fs.ErrNotExist)
			}
			way, where = way[:len(way)-1], where[:len(where)-1]
			continue
		}
		here := way[len(way)-1]
		if !here.mode.IsDir() {
			return node{}, fs.ErrNotExist
		}
		if len(where) >= t.r.options.Read.Depth {
			return node{}, fmt.Errorf("%w: more than %d folders in folders", ErrLimit, t.r.options.Read.Depth)
		}
		nodes, err := t.r.tree(here.id, strings.Join(where, "/"))
		if err != nil {
			return node{}, err
		}
		next, ok := find(nodes, step)
		if !ok || next.mode.Type() == submodule {
			return node{}, fs.ErrNotExist
		}
		if next.mode.Type() != fs.ModeSymlink || len(steps) == 0 && !follow {
			way, where = append(way, next), append(where, step)
			continue
		}
		if links++; links > maxLinks {
			return node{}, fmt.Errorf("%w: symbolic links lead in a circle", fs.ErrNotExist)
		}
		to, err := t.link(next)
		if err != nil {
			return node{}, err
		}
		steps = append(strings.Split(to, "/"), steps...)
	}
	return way[len(way)-1], nil
}

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
	return "", fmt.Errorf("%w: a symbolic link leads out of the folder", fs.ErrNotExist)
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

// An info describes a file, folder or link.
type info struct {
	fs   *treeFS
	node node
	name string
	size int64 // set by measure
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.node.mode }
func (i *info) Type() fs.FileMode  { return i.node.mode.Type() }
func (i *info) ModTime() time.Time { return i.fs.when }
func (i *info) IsDir() bool        { return i.node.mode.IsDir() }

// Sys is the BlobID or TreeID.
func (i *info) Sys() any {
	if i.IsDir() {
		return TreeID(i.node.id)
	}
	return BlobID(i.node.id)
}

// Info is for fs.DirEntry.
func (i *info) Info() (fs.FileInfo, error) {
	measured := *i
	if err := measured.measure(); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: i.name, Err: err}
	}
	return &measured, nil
}

func (i *info) measure() (err error) {
	if !i.IsDir() {
		i.size, err = i.fs.r.objects.size(i.node.id)
	}
	return err
}

// A file is an open file. Its content is read when it is first asked for.
type file struct {
	info *info
	path string
	text *bytes.Reader
}

// Stat describes the file.
func (f *file) Stat() (fs.FileInfo, error) { return f.info.Info() }

// Close lets go of the content.
func (f *file) Close() error {
	f.text = nil
	return nil
}

// Read reads on.
func (f *file) Read(p []byte) (int, error) {
	if f.text == nil {
		data, err := f.info.fs.content(f.info.node)
		if err != nil {
			return 0, &fs.PathError{Op: "read", Path: f.path, Err: err}
		}
		f.text = bytes.NewReader(data)
	}
	return f.text.Read(p)
}

// A folder is an open folder.
type folder struct {
	info  *info
	path  string
	read  bool
	entry []fs.DirEntry
}

// Stat describes the folder.
func (f *folder) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close does nothing.
func (f *folder) Close() error { return nil }

// Read is an error.
func (f *folder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.path, Err: errors.New("is a folder")}
}

// ReadDir lists on.
func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.read {
		entries, err := f.info.fs.entriesOf(f.info.node, f.path)
		if err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: f.path, Err: err}
		}
		f.entry, f.read = entries, true
	}
	if n <= 0 {
		n = len(f.entry)
	} else if len(f.entry) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.entry))
	out := f.entry[:n]
	f.entry = f.entry[n:]
	return out, nil
}
