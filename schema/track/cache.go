package track

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Cache is a folder with the wants of the last revisions that were read whole.
// What is in it is believed as the user's own files are: nobody else may write it.
type Cache struct {
	dir string
}

const (
	mostFiles = 8
	mostBytes = 1 << 30
	suffix    = ".want"
	unnamed   = ".want-" // a file that is being written
	abandoned = time.Hour
)

// ErrForeign says that others may write what is in a folder or file.
var ErrForeign = errors.New("others may write there")

// OpenCache opens a folder, which it makes if it is not there.
func OpenCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is not a folder")
	}
	if err == nil && !private(info) {
		err = ErrForeign
	}
	if err != nil {
		return nil, fmt.Errorf("open the cache %s: %w", dir, err)
	}
	return &Cache{dir}, nil
}

// name is the file of the want of a mark: of a content that a program has read.
func (m Mark) name() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", m.Program, m.Tree))
	return hex.EncodeToString(sum[:16]) + suffix
}

// Want returns the want of a mark, of an instant that is not after at. The error
// wraps fs.ErrNotExist when the cache has none.
func (c *Cache) Want(m Mark, at time.Time, env map[string]string) (*Want, error) {
	name := filepath.Join(c.dir, m.name())
	f, info, err := open(name)
	if err != nil {
		return nil, fmt.Errorf("read the cache: %w", err)
	}
	defer f.Close()
	w, err := Open(f, info.Size(), env)
	if err == nil && at.Before(w.At) {
		err = ErrOther // what has ended since may begin again
	}
	if err != nil {
		return nil, fmt.Errorf("read the cache: %s: %w", name, err)
	}
	now := time.Now()
	_ = os.Chtimes(name, now, now) // it goes last; that it goes earlier does no harm
	return w, nil
}

// open opens a file of the cache that nobody else can have written.
func open(name string) (*os.File, fs.FileInfo, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !private(info)) {
		err = fmt.Errorf("%s: %w", name, ErrForeign)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// Near lists the wants that the same program has made of the same folder and other
// content, those that were used last first.
func (c *Cache) Near(of Mark, at time.Time) []Mark {
	var out []Mark
	for _, file := range c.files() {
		f, info, err := open(filepath.Join(c.dir, file.Name()))
		if err != nil {
			continue
		}
		h, err := readHeader(f, info.Size())
		if m := h.mark; err == nil && m.Program == of.Program && m.Folder == of.Folder && m.Tree != of.Tree && !at.Before(h.at) {
			out = append(out, m)
		}
		f.Close()
	}
	return out
}

// files are those of wants, those that were used last first.
func (c *Cache) files() []fs.FileInfo {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil
	}
	var out []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), suffix) {
			out = append(out, info)
		}
	}
	slices.SortFunc(out, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	return out
}

// Keep writes a want, and removes what has not been used for longest.
func (c *Cache) Keep(w *Want, m Mark, env map[string]string) error {
	err := c.write(w, m, env)
	c.sweep()
	if err != nil {
		return fmt.Errorf("write the cache: %w", err)
	}
	return nil
}

// write makes the file whole under another name first: nobody reads half of it.
func (c *Cache) write(w *Want, m Mark, env map[string]string) error {
	f, err := os.CreateTemp(c.dir, unnamed+"*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(Save(f, w, m, env), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(c.dir, m.name()))
}

func (c *Cache) sweep() {
	var bytes int64
	for n, file := range c.files() {
		if bytes += file.Size(); n >= mostFiles || bytes > mostBytes {
			_ = os.Remove(filepath.Join(c.dir, file.Name())) // the next run tries again
		}
	}
	left, _ := filepath.Glob(filepath.Join(c.dir, unnamed+"*"))
	for _, name := range left {
		if info, err := os.Lstat(name); err == nil && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(name)
		}
	}
}
