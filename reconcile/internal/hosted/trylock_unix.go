//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package hosted

import (
	"errors"
	"os"
	"syscall"
)

// TryLock holds a file for this process alone, or is an error when another one
// does. The lock ends with the process, however it ends.
func TryLock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(os.NewSyscallError("flock", err), f.Close())
	}
	return func() error { return release(f) }, nil
}
