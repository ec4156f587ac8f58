//go:build unix

package snapshot

import (
	"fmt"
	"os"
	"syscall"
)

// readableAs lets those read a file who might read another one, unless somebody else
// made that one and its mode. The group is set first: at no moment may another one
// read the file.
func readableAs(f *os.File, old os.FileInfo) error {
	mode := old.Mode().Perm()
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) != os.Geteuid() {
		return nil
	}
	if mode&0o070 != 0 {
		if err := f.Chown(-1, int(was.Gid)); err != nil {
			return fmt.Errorf("give it to the group of the one before: %w", err)
		}
	}
	return f.Chmod(mode &^ 0o111)
}
