package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/spf13/cobra"

	"mailops/schema"
)

// errLimit says that a command took more time or memory than it may.
var errLimit = errors.New("stopped: more than the declarations of one pull request may take")

// A limit bounds what looking at declarations takes, whoever wrote them. Reading
// has limits of its own (sizes, numbers, depths); this one holds for all of it
// together.
type limit struct {
	time   time.Duration
	memory string
}

// limits adds the flags to a command, and bounds its run.
func limits(cmd *cobra.Command) {
	var l limit
	cmd.Flags().DurationVar(&l.time, "limit-time", 10*time.Minute, "give up after this `TIME`; 0 is never")
	cmd.Flags().StringVar(&l.memory, "limit-memory", "6GiB", "give up beyond this much `MEMORY`; 0 is no limit")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop, err := l.bound(cmd.Context())
		if err != nil {
			return err
		}
		defer stop()
		cmd.SetContext(ctx)
		if err := run(cmd, args); err != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errLimit) {
				return cause
			}
			return err
		}
		return nil
	}
}

// bound is a context that ends at the limits.
func (l *limit) bound(ctx context.Context) (context.Context, func(), error) {
	most := schema.Bytes(0)
	if l.memory != "0" {
		var err error
		if most, err = schema.ParseBytes(l.memory); err != nil || most <= 0 {
			return nil, nil, usage("--limit-memory %s: want a size such as 6GiB", l.memory)
		}
	}
	if l.time < 0 {
		return nil, nil, usage("--limit-time %s: is less than nothing", l.time)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if l.time > 0 {
		cause := fmt.Errorf("%w: %s (--limit-time)", errLimit, l.time)
		timer := time.AfterFunc(l.time, func() { cancel(cause); giveUp(cause) })
		context.AfterFunc(ctx, func() { timer.Stop() })
	}
	if most > 0 {
		debug.SetMemoryLimit(int64(most) / 8 * 7) // collect harder before giving up
		go watchMemory(ctx, cancel, int64(most))
	}
	return ctx, func() { cancel(nil) }, nil
}

// watchMemory ends a context when the program holds too much.
func watchMemory(ctx context.Context, cancel context.CancelCauseFunc, most int64) {
	const often = 20 * time.Millisecond
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for tick := time.NewTicker(often); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		metrics.Read(held)
		if int64(held[0].Value.Uint64()-held[1].Value.Uint64()) > most {
			cause := fmt.Errorf("%w: %s of memory (--limit-memory)", errLimit, schema.Bytes(most))
			cancel(cause)
			giveUp(cause)
			return
		}
	}
}

// giveUp ends the program when what runs does not heed that it was told to end.
func giveUp(cause error) {
	const patience = 2 * time.Second
	time.AfterFunc(patience, func() {
		fmt.Fprintln(os.Stderr, "mailops:", cause)
		os.Exit(exitFailure)
	})
}
