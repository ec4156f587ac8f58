package git

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"time"
)

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
