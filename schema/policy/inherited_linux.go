package policy

import (
	"os"
	"strconv"
	"syscall"
)

// closeInherited closes files that the starter of the program left open for it,
// and so for this child. What the program opens itself is marked to be closed
// on exec; the runtime's own files are left alone by that sign.
func closeInherited() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return // no proc here: nothing that CUE can reach lies in these files
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 {
			continue
		}
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			syscall.Close(fd)
		}
	}
}
