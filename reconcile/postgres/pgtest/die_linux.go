package pgtest

import "syscall"

// dieWithParent lets a server end when the test dies that started it: of a
// panic, a timeout, or because somebody killed it.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGQUIT }
