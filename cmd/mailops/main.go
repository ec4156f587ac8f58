// Command mailops keeps mail users the way a repository says they are.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
	_ "time/tzdata" // time zones do not depend on what the machine has installed

	"mailops/reconcile/git"
	"mailops/schema/policy"
)

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == policy.ChildArg:
		os.Exit(policy.Child(os.Stdin, os.Stdout))
	case len(os.Args) == 2 && os.Args[1] == git.ChildArg:
		os.Exit(git.FetchChild(os.Stdin, os.Stdout))
	}
	// Most of the heap is declarations, which stay: half the usual slack keeps a
	// hundred thousand users under 600 MB and costs little.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: environ(os.Environ()), now: time.Now}
	code := a.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
