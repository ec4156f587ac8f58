package git

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"
)

// The exit codes by which a child tells why it ended.
const (
	exitOrder  = 10 // it could not read its order, or not take on its limits
	exitMemory = 11
	exitPanic  = 12
)

// FetchChild is all that a program does that was started as the Child of
// [Options]: it reads what to fetch from in, under limits that it takes on
// before it speaks to anybody, and writes what it found to out. It returns the
// exit code.
func FetchChild(in io.Reader, out io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = exitPanic
		}
	}()
	signal.Ignore(syscall.SIGINT) // of the terminal: the parent decides
	var o order
	err := json.NewDecoder(in).Decode(&o)
	if err == nil {
		err = confine(o.Limits)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "read the order:", o.Credentials.scrub(err.Error()))
		return exitOrder
	}
	if err := json.NewEncoder(out).Encode(carryOut(context.Background(), o)); err != nil {
		return 1
	}
	return 0
}

// maxStack makes endless recursion end long before it has used up the memory.
const maxStack = 64 << 20

// confine takes on the limits. The memory is watched from inside as well, a
// little below the kernel's bound: that end is cleaner, not every system bounds
// memory, and the race detector does not live with a bound.
func confine(l Limits) error {
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(l.Memory / 4 * 3) // collect harder from here on
	go watchMemory(uint64(l.Memory / 8 * 7))
	return setLimits(l)
}

func watchMemory(limit uint64) {
	for range time.Tick(10 * time.Millisecond) {
		if memory("/memory/classes/total:bytes")-memory("/memory/classes/heap/released:bytes") > limit {
			os.Exit(exitMemory)
		}
	}
}

func memory(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
