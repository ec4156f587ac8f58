package backup

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A growing storage holds messages one after another in a file, as an mbox and a
// tar do. A message is spooled in a file of its own and then appended. What lies
// after the last message that the manifest names was in flight when a process
// died, and is cut off.
type growing struct {
	shape
	dir     string
	touched map[string]bool // folders to be synced
}

// A shape is how such a file holds messages.
type shape interface {
	file(folder string) string // the file that a folder's messages are in
	pattern() string           // of all such files
	append(to *bufio.Writer, m appended) error
	reader(section *bufio.Reader, m *Message) (io.Reader, error)
}

// An appended message is on its way from its spool to the end of a file.
type appended struct {
	folder string
	number int64 // where it begins in the file: a name that no other message has
	size   int64
	*bufio.Reader
}

// spoolFile is the message in flight; an archive has one writer.
const spoolFile = "incoming"

// A growingSpool is a message in a file of its own.
type growingSpool struct {
	*growing
	*os.File
	folder string
	grown  *os.File
	start  int64
}

// spool implements storage.
func (s *growing) spool(folder string) (spool, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, spoolFile), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &growingSpool{growing: s, File: f, folder: folder}, nil
}

func (s *growingSpool) finish(m *Message) error {
	name := s.file(s.folder)
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	size, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := s.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if s.grown, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if s.start, err = s.grown.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	to := bufio.NewWriterSize(s.grown, 1<<16)
	err = s.append(to, appended{s.folder, s.start, size, bufio.NewReaderSize(s.File, 1<<16)})
	if err := errors.Join(err, to.Flush(), s.grown.Sync()); err != nil {
		return err
	}
	end, err := s.grown.Seek(0, io.SeekCurrent)
	m.File, m.Offset, m.Length = name, s.start, end-s.start
	return err
}

func (s *growingSpool) publish() error {
	if s.touched == nil {
		s.touched = make(map[string]bool)
	}
	s.touched[filepath.Dir(s.grown.Name())] = true
	return errors.Join(s.grown.Close(), s.Close())
}

func (s *growingSpool) discard() error {
	err := s.Close()
	if s.grown != nil {
		err = errors.Join(err, s.grown.Truncate(s.start), s.grown.Close())
	}
	return err
}

// A section is one message's part of a file.
type section struct {
	io.Reader
	file *os.File
}

// Close closes the file, and whoever reads it.
func (s section) Close() error {
	if c, ok := s.Reader.(io.Closer); ok {
		_ = c.Close()
	}
	return s.file.Close()
}

// open implements storage.
func (s *growing) open(m *Message) (io.ReadCloser, error) {
	path, err := place(s.dir, m.File)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in, err := s.reader(bufio.NewReaderSize(io.NewSectionReader(f, m.Offset, m.Length), 1<<16), m)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return section{in, f}, nil
}

// mend implements storage.
func (s *growing) mend(messages []*Message) error {
	files, err := filepath.Glob(filepath.Join(s.dir, filepath.FromSlash(s.pattern())))
	if err != nil {
		return err
	}
	ends, sizes := ends(messages), make(map[string]int64)
	for _, path := range files {
		name, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		info, err := os.Stat(path)
		if err == nil && info.Size() > ends[name] {
			err = os.Truncate(path, ends[name])
		}
		if err != nil {
			return err
		}
		sizes[name] = info.Size()
	}
	for _, m := range messages {
		m.Damaged = m.Damaged || m.Offset+m.Length > sizes[m.File]
	}
	return remove(filepath.Join(s.dir, spoolFile))
}

// ends are where the named messages of each file end.
func ends(messages []*Message) map[string]int64 {
	ends := make(map[string]int64)
	for _, m := range messages {
		ends[m.File] = max(ends[m.File], m.Offset+m.Length)
	}
	return ends
}

// forget implements storage: what is inside a file stays there.
func (s *growing) forget(*Message) error { return nil }

// strays implements storage: files that are longer than their messages.
func (s *growing) strays(messages []*Message) (int, error) {
	strays := 0
	for name, end := range ends(messages) {
		path, err := place(s.dir, name)
		if err != nil {
			return 0, err
		}
		if info, err := os.Stat(path); err == nil && info.Size() > end {
			strays++
		}
	}
	return strays, nil
}

// sync implements storage.
func (s *growing) sync() error {
	var errs []error
	for dir := range s.touched {
		errs = append(errs, syncDir(dir))
	}
	clear(s.touched)
	return errors.Join(append(errs, syncDir(s.dir))...)
}

// remove removes a file that need not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
