//go:build !(linux || darwin || netbsd || openbsd)

package git

import "os"

// setLimits has nothing to set here: the memory is watched from inside, and the
// parent ends a child that takes too long.
func setLimits(Limits) error { return nil }

// lockFile cannot lock here: two processes must not share a mirror.
func lockFile(*os.File) (bool, error) { return true, nil }

func unlockFile(*os.File) {}
