package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A cost is what one run of a program took.
type cost struct {
	wall   time.Duration
	cpu    time.Duration // user and system, of all processors together
	memory int64         // at its peak, in bytes
}

// mib is the memory in MiB.
func mib(c cost) float64 { return float64(c.memory) / (1 << 20) }

// plus is the cost of two runs one after the other.
func (c cost) plus(d cost) cost {
	return cost{c.wall + d.wall, c.cpu + d.cpu, max(c.memory, d.memory)}
}

// median is the cost with the middle time; its memory is the middle one of its
// own, because the two need not be of the same run.
func median(costs []cost) cost {
	wall, cpu, memory := make([]time.Duration, len(costs)), make([]time.Duration, len(costs)), make([]int64, len(costs))
	for i, c := range costs {
		wall[i], cpu[i], memory[i] = c.wall, c.cpu, c.memory
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	slices.Sort(memory)
	mid := len(costs) / 2
	return cost{wall[mid], cpu[mid], memory[mid]}
}

// measure runs a program to its end, with its output in a file as a redirecting
// shell would have it. Any exit code but 0 is an error that tells what the
// program said.
func measure(ctx context.Context, dir, output, program string, args ...string) (cost, error) {
	out, err := os.Create(output)
	if err != nil {
		return cost{}, fmt.Errorf("measure: %w", err)
	}
	defer out.Close()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, &said
	start := time.Now()
	err = cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return cost{}, fmt.Errorf("measure: %s: %w: %s%s", filepath.Base(program), err, said.Bytes(), beginning(output))
	}
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peakMemory(cmd.ProcessState)}, nil
}

// beginning is the first of what a program wrote, for an error.
func beginning(file string) []byte {
	const enough = 2000 // bytes
	text, _ := os.ReadFile(file)
	return text[:min(len(text), enough)]
}

// batches cuts arguments into as few lists as the system's limit asks for.
// Linux allows a quarter of the stack's limit, 2 MiB as a rule, for arguments
// and environment with a pointer for each (execve(2)); macOS allows 1 MiB
// (ARG_MAX in sys/syslimits.h). The rest of that is for the environment. cue vet
// holds all its files open at once, and 20,000 are more than some systems allow.
func batches(args []string) [][]string {
	const (
		limit   = 768 << 10 // bytes
		pointer = 9         // bytes an argument takes beside its text: a pointer and a zero
		most    = 10_000    // arguments
	)
	var out [][]string
	start, size := 0, 0
	for i, arg := range args {
		if size += len(arg) + pointer; size > limit || i-start == most {
			out = append(out, args[start:i])
			start, size = i, len(arg)+pointer
		}
	}
	return append(out, args[start:])
}
