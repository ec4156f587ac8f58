package backup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emersion/go-maildir"
)

// maildirs keep one Maildir for each folder, and one file for each message. A
// message is found by its key, also after a mail program has marked it as read.
type maildirs struct {
	dir     string
	touched map[string]bool // folders to be synced
}

// folder is where the Maildir of a folder is, under the archive.
func (s *maildirs) folder(name string) string { return filepath.Join("maildir", FileName(name)) }

// A maildirSpool is a message in tmp, on its way to cur.
type maildirSpool struct {
	file  syncedFile
	place string
}

// A syncedFile is what the library's writers are beneath: a file in tmp, which
// Close moves to cur.
type syncedFile interface {
	io.WriteCloser
	Name() string
	Sync() error
	Chmod(fs.FileMode) error
}

// spool implements storage.
func (s *maildirs) spool(folder string) (spool, error) {
	in := s.folder(folder)
	path := filepath.Join(s.dir, in)
	if !s.touched[in] {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), maildir.Dir(path).Init()); err != nil {
			return nil, err
		}
		if s.touched == nil {
			s.touched = make(map[string]bool)
		}
		s.touched[in] = true
	}
	message, w, err := maildir.Dir(path).Create(nil)
	if err != nil {
		return nil, err
	}
	sp := &maildirSpool{place: filepath.ToSlash(filepath.Join(in, "cur", message.Key()))}
	file, ok := w.(syncedFile)
	if !ok {
		return nil, errors.New("the Maildir library gives no file that can be synced")
	}
	sp.file = file
	return sp, sp.file.Chmod(0o600)
}

// Write implements io.Writer.
func (s *maildirSpool) Write(p []byte) (int, error) { return s.file.Write(p) }

func (s *maildirSpool) finish(m *Message) error {
	m.File, m.Offset, m.Length = s.place, 0, 0
	return s.file.Sync()
}

func (s *maildirSpool) publish() error { return s.file.Close() }

func (s *maildirSpool) discard() error {
	err := os.Remove(s.file.Name())
	_ = s.file.Close() // there is nothing to move any more
	return err
}

// find returns the file of a message.
func (s *maildirs) find(m *Message) (*maildir.Message, error) {
	file, err := place(s.dir, m.File)
	if err != nil {
		return nil, err
	}
	return maildir.Dir(filepath.Dir(filepath.Dir(file))).MessageByKey(filepath.Base(file))
}

// open implements storage.
func (s *maildirs) open(m *Message) (io.ReadCloser, error) {
	found, err := s.find(m)
	if err != nil {
		return nil, err
	}
	return found.Open()
}

// mend implements storage.
func (s *maildirs) mend(messages []*Message) error {
	for _, m := range messages {
		if err := s.finishPublishing(m); err != nil {
			return err
		}
		if size, err := s.size(m); err != nil || size != m.Size {
			m.Damaged = true
		}
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "maildir", "*", "tmp", "*"))
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// finishPublishing moves a message that the journal names from tmp to cur: the
// process was killed between the two.
func (s *maildirs) finishPublishing(m *Message) error {
	file, err := place(s.dir, m.File)
	if err != nil {
		return err
	}
	key := filepath.Base(file)
	tmp := filepath.Join(filepath.Dir(filepath.Dir(file)), "tmp", key)
	if _, err := os.Lstat(tmp); err != nil {
		return nil
	}
	if err := os.Rename(tmp, file+":2,"); err != nil {
		return fmt.Errorf("finish %s: %w", m.File, err)
	}
	return nil
}

func (s *maildirs) size(m *Message) (int64, error) {
	found, err := s.find(m)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(found.Filename())
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// forget implements storage.
func (s *maildirs) forget(m *Message) error {
	var gone *maildir.KeyError
	found, err := s.find(m)
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return err
	}
	return found.Remove()
}

// strays implements storage.
func (s *maildirs) strays(messages []*Message) (int, error) {
	known := make(map[string]bool, len(messages))
	for _, m := range messages {
		known[m.File] = true
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "maildir", "*", "*", "*"))
	strays := 0
	for _, file := range files {
		key, _, _ := strings.Cut(filepath.Base(file), ":")
		in, err := filepath.Rel(s.dir, filepath.Join(filepath.Dir(file), key))
		if err != nil {
			return 0, err
		}
		if state := filepath.Base(filepath.Dir(file)); slices.Contains([]string{"cur", "new"}, state) && !known[filepath.ToSlash(in)] {
			strays++
		}
	}
	return strays, err
}

// sync implements storage.
func (s *maildirs) sync() error {
	var errs []error
	for folder := range s.touched {
		path := filepath.Join(s.dir, folder)
		errs = append(errs, syncDir(filepath.Join(path, "cur")), syncDir(path))
	}
	if len(s.touched) > 0 {
		errs = append(errs, syncDir(filepath.Join(s.dir, "maildir")))
	}
	clear(s.touched)
	return errors.Join(errs...)
}
