//go:build linux || darwin || netbsd || openbsd

package policy

import (
	"fmt"
	"syscall"
	"time"
)

// setLimits bounds the process by the kernel. No file can be opened or written
// any more, and nothing is left behind by a crash. Reaching RLIMIT_CPU kills.
func setLimits(memory int64, cpu time.Duration) error {
	limits := []struct {
		what  int
		value uint64
	}{
		{syscall.RLIMIT_CORE, 0},
		{syscall.RLIMIT_FSIZE, 0},
		{syscall.RLIMIT_NOFILE, 3},
		{syscall.RLIMIT_CPU, uint64(cpu / time.Second)},
		{syscall.RLIMIT_DATA, uint64(memory)},
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

// cpuUsed is the processor time that this process has used.
func cpuUsed() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
