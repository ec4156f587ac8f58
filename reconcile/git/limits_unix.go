//go:build linux || darwin || netbsd || openbsd

package git

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// setLimits bounds the process by the kernel. Reaching RLIMIT_CPU kills.
func setLimits(l Limits) error {
	limits := []struct {
		what  int
		value uint64
	}{
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_FSIZE, uint64(l.Bytes + 1<<20)},
		{syscall.RLIMIT_CPU, uint64(l.CPU / time.Second)},
		{syscall.RLIMIT_DATA, uint64(l.Memory)},
	}
	if raceDetector {
		limits = limits[:len(limits)-1] // its shadow memory alone is larger
	}
	for _, l := range limits {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("set limit %d to %d: %w", l.what, l.value, err)
		}
	}
	return nil
}

// lockFile waits for no one: it reports false when another process holds the
// lock. The kernel lets go of it when its holder ends, however that happens.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

// unlockFile lets go even while a process that is about to start holds a copy
// of the file.
func unlockFile(f *os.File) { syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
