//go:build !linux

package pgtest

import "syscall"

// dieWithParent does nothing where the system has no such means.
func dieWithParent(*syscall.SysProcAttr) {}
