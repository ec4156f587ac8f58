//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package backup

import (
	"errors"
	"os"
)

// flock is not to be had here, and two writers would spoil an archive.
func flock(*os.File) error { return errors.ErrUnsupported }

func unlock(f *os.File) error { return f.Close() }
