//go:build unix

package track

import (
	"io/fs"
	"os"
	"syscall"
)

// private reports whether a file or folder is ours, and nobody else may use it.
func private(info fs.FileInfo) bool {
	system, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(system.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}
