package hosted

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// mostFile is how much of a file is read: none of ours is longer.
const mostFile = 1 << 20

// ReadPrivate reads a file that only its owner may read. One that others may is
// an error: what is in it is no secret any more.
func ReadPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err == nil && len(data) > mostFile {
		return nil, fmt.Errorf("%s is too long", path)
	}
	return data, err
}

// A State is a value that outlives the process, in a private file, with one
// process at a time changing it. Without a path it is kept in memory alone. What
// cannot be read as the value, as after a crash, begins anew.
type State[T any] struct {
	Path string

	memory T
}

// Change reads the value, lets it be changed, and writes it, while no other
// process does. An error of change leaves it as it was. Within a process, the
// caller sees to it that there is one at a time.
func (s *State[T]) Change(change func(*T) error) (err error) {
	if s.Path == "" {
		return change(&s.memory)
	}
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	unlock, err := lock(s.Path + ".lock")
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.Path, err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	value, err := readState[T](s.Path)
	if err != nil {
		return err
	}
	if err := change(&value); err != nil {
		return err
	}
	return writeState(s.Path, value)
}

func readState[T any](path string) (value T, err error) {
	data, err := ReadPrivate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return value, nil
	case err != nil:
		return value, err
	}
	if json.Unmarshal(data, &value) != nil {
		var fresh T
		return fresh, nil
	}
	return value, nil
}

// writeState puts a new file in the place of the old one: a reader, and who comes
// after a crash, sees one or the other.
func writeState[T any](path string, value T) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
