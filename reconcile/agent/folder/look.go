package folder

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fingerprint sums up a tree in a number: names, sizes, times and modes, of what
// links lead to as well. It reads no file. Folders have no time in it: hidden
// names change that too.
func fingerprint(ctx context.Context, root string) (uint64, error) {
	sum := fnv.New64a()
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == root:
			return err
		case err != nil:
			fmt.Fprintf(sum, "%s\x00unreadable\x00", name)
			return nil
		case name == root:
			return nil
		case hidden(e.Name()) && e.IsDir():
			return fs.SkipDir
		case hidden(e.Name()):
			return nil
		}
		write(sum, name, e)
		return nil
	})
	return sum.Sum64(), err
}

func write(sum io.Writer, name string, e fs.DirEntry) {
	info, err := e.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(name)
	}
	switch {
	case err != nil:
		fmt.Fprintf(sum, "%s\x00gone\x00", name)
	case info.IsDir():
		fmt.Fprintf(sum, "%s\x00%o\x00", name, info.Mode())
	default:
		fmt.Fprintf(sum, "%s\x00%o %d %d\x00", name, info.Mode(), info.Size(), info.ModTime().UnixNano())
	}
}
