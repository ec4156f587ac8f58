//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package sqlite

import (
	"fmt"
	"os"
	"runtime"
)

// lock cannot be had: without it nobody knows whether another agent is alive.
func lock(*os.File) error {
	return fmt.Errorf("an agent needs the file lock flock, which %s does not have: use PostgreSQL for the store", runtime.GOOS)
}

func unlock(*os.File) error { return nil }
