package git

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// maxReply bounds what is read of a child.
const maxReply = 64 << 20

// exchange carries out an order: in a child when there is a command for one.
func (r *Repository) exchange(ctx context.Context, o order) (reply, error) {
	var err error
	if o.Credentials, err = r.options.Auth.read(r.source); err != nil {
		return reply{}, err
	}
	o.Source, o.Branch, o.All = r.source, r.options.Branch, r.options.All
	o.Git = cmp.Or(o.Git, r.dirs.git)
	o.CAFile, o.Limits = r.options.CAFile, r.options.Fetch
	var got reply
	if len(r.options.Child) == 0 {
		got = carryOut(ctx, o)
	} else {
		got, err = runChild(ctx, r.options.Child, o)
	}
	if ctx.Err() != nil {
		return reply{}, ctx.Err()
	}
	return got, errors.Join(err, got.err())
}

// runChild has a child carry out an order. The child gets no environment, its
// order over a pipe, and a deadline that kills it.
func runChild(ctx context.Context, command []string, o order) (reply, error) {
	input, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	const grace = 2 * time.Second // a child that sees the deadline itself says more
	bounded, cancel := context.WithTimeout(ctx, o.Limits.Wall+grace)
	defer cancel()
	stdout, stderr := &head{room: maxReply}, &head{room: 4096}
	cmd := exec.CommandContext(bounded, command[0], command[1:]...)
	cmd.Env, cmd.Stdin, cmd.WaitDelay = []string{}, bytes.NewReader(input), time.Second
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err = cmd.Run()
	var got reply
	switch {
	case ctx.Err() != nil:
		return reply{}, ctx.Err()
	case err == nil && json.NewDecoder(stdout).Decode(&got) == nil:
		return got, nil
	case cmd.ProcessState == nil:
		return reply{}, fmt.Errorf("start the fetching child: %w", err)
	case cmd.ProcessState.ExitCode() == exitOrder:
		return reply{}, fmt.Errorf("the fetching child could not start: %s", strings.TrimSpace(stderr.String()))
	}
	late := errors.Is(bounded.Err(), context.DeadlineExceeded)
	return reply{}, fmt.Errorf("%w: what the remote sends %s", ErrLimit, o.Limits.death(cmd.ProcessState, stderr.String(), late))
}

// death says in words why a child had to be ended.
func (l Limits) death(state *os.ProcessState, stderr string, late bool) string {
	used := state.UserTime() + state.SystemTime()
	killed := state.ExitCode() == -1
	says := func(text string) bool { return strings.Contains(stderr, text) }
	switch {
	case late:
		return fmt.Sprintf("takes longer than %s", l.Wall)
	case killed && used > l.CPU-500*time.Millisecond:
		return fmt.Sprintf("takes more than %s of CPU time", l.CPU)
	case says("stack exceeds"):
		return "makes the fetching child recurse too deeply"
	case state.ExitCode() == exitMemory, says("out of memory"), says("cannot allocate memory"), says("SIGSEGV"):
		return fmt.Sprintf("takes more than %d MiB of memory", l.Memory>>20)
	case state.ExitCode() == exitPanic:
		return "makes the fetching child panic"
	}
	return fmt.Sprintf("ends the fetching child (%s)", state)
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	room int
}

var _ io.Writer = (*head)(nil)

func (h *head) Write(p []byte) (int, error) {
	keep := min(len(p), h.room)
	h.room -= keep
	h.Buffer.Write(p[:keep])
	return len(p), nil
}
