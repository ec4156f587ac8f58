package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// absent reports whether there is no store at path: no file, or an empty one,
// as an Open leaves that was killed early.
func absent(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return false, &fs.PathError{Op: "open", Path: path, Err: errors.New("not a file")}
	}
	return info.Size() == 0, nil
}

// create makes the file when there is none, with its folder, for this user
// alone: it holds password hashes. A file that is there keeps its mode, so that
// an administrator can open it to the group of the mail servers.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := touch(path, 0o600); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	// SQLite would make it as the umask happens to be.
	return touch(path+"-shm", info.Mode().Perm())
}

// touch makes an empty file, unless there is one: that is never opened.
func touch(path string, mode fs.FileMode) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was quicker
	}
	if err != nil {
		return err
	}
	return f.Close()
}
