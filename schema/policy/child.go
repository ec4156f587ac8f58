package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Child is all that a program does that was started with [ChildArg] alone: it
// reads policies and resources from stdin, under limits that it takes on before
// it looks at them, and writes what it finds to stdout. It returns the exit code.
// Nothing of the program's own should run before it.
func Child(stdin io.Reader, stdout io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			code = exitPanic
		}
	}()
	c := child{in: json.NewDecoder(stdin), out: json.NewEncoder(stdout)}
	var o order
	err := c.in.Decode(&o)
	if err == nil {
		err = confine(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitOrder
	}
	c.order = o
	if err := c.work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// maxStack makes endless recursion end long before it has used up the memory.
const maxStack = 64 << 20

// confine takes on the limits. The memory is watched from inside as well, a
// little below the kernel's bound: that end is cleaner, not every system bounds
// memory, and the race detector does not live with a bound.
func confine(o order) error {
	closeInherited()
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(o.Memory / 4 * 3) // collect harder from here on
	go watchMemory(uint64(o.Memory / 8 * 7))
	return setLimits(o.Memory, o.CPU)
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

// A child is the work of one process.
type child struct {
	order order
	in    *json.Decoder
	out   *json.Encoder
	found int
}

func (c *child) work() error {
	j, s, err := compile(c.order.Policies, func(file string) error {
		return c.out.Encode(report{Compiling: &file})
	})
	if err != nil {
		return err
	}
	if err := c.out.Encode(report{Survey: &s}); err != nil {
		return err
	}
	n := 0
	if len(s.Problems) == 0 {
		if n, err = c.judgeAll(j); err != nil {
			return err
		}
	}
	return c.out.Encode(report{Next: &n})
}

// maxFound is how many violations a child tells before it hands back, so that
// its reports stay within what the parent reads.
const maxFound = 5000

// judgeAll judges units until there are no more, or half of the limits is used.
func (c *child) judgeAll(j *judge) (n int, err error) {
	for {
		var u unit
		if err := c.in.Decode(&u); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if err := c.judgeOne(j, n, u); err != nil {
			return n, err
		}
		n++
		if c.found > maxFound || cpuUsed() > c.order.CPU/2 || memory("/memory/classes/heap/objects:bytes") > uint64(c.order.Memory)/2 {
			return n, nil
		}
	}
}

// judgeOne says what it is about to judge before it does: it may be the last
// thing that it says.
func (c *child) judgeOne(j *judge, n int, u unit) error {
	resource, err := j.resource(u)
	if err != nil {
		return err
	}
	for _, d := range j.definitions[u.Kind] {
		if err := c.out.Encode(report{At: &at{n, d.pos}}); err != nil {
			return err
		}
		for _, v := range j.judge(d, resource) {
			c.found++
			if err := c.out.Encode(report{Found: &found{n, v}}); err != nil {
				return err
			}
		}
	}
	return nil
}
