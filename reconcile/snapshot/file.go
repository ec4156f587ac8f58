package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Why a file cannot become a snapshot.
var (
	// ErrTaken: it is something else, which is not written over.
	ErrTaken = errors.New("is there already, and is no snapshot")
	// ErrFolder: it is a folder.
	ErrFolder = errors.New("is a folder")
)

// A File comes to be whole or not at all. A pipe or a device is written to, and not
// replaced by a file.
type File struct {
	*os.File
	name string // what it becomes; "" is what it is already
}

// Create begins a file that only its owner may read: it says who has which address.
// One that is there is replaced when it is a snapshot, or empty, and the new one
// may be read by whom that one could be, where it was this user's: so readers are
// let in once, and by hand. Else the error wraps ErrTaken or ErrFolder.
func Create(name string) (*File, error) {
	old, err := os.Stat(name)
	switch {
	case err == nil && old.IsDir():
		return nil, ErrFolder
	case err == nil && !old.Mode().IsRegular():
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("save snapshot: %w", err)
		}
		return &File{File: f}, nil
	case err == nil && old.Size() > 0 && !isSnapshot(name):
		return nil, ErrTaken
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".mailops-*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("save snapshot: %w", err)
	}
	out := &File{f, name}
	if old != nil {
		if err := readableAs(f, old); err != nil {
			out.Discard()
			return nil, fmt.Errorf("save snapshot: %w", err)
		}
	}
	return out, nil
}

func isSnapshot(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(f, head)
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && Begins(head[:n])
}

// Keep ends the file. When it returns nil, a power cut takes nothing back.
func (f *File) Keep() error {
	if f.name == "" {
		return saved(f.Close())
	}
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.File.Name(), f.name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(f.name))
	}
	return saved(err)
}

func saved(err error) error {
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// Discard removes what was not kept.
func (f *File) Discard() {
	_ = f.Close()
	if f.name != "" {
		_ = os.Remove(f.File.Name())
	}
}
