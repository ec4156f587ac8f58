package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
)

// childLeader names the store that a child process leads.
const childLeader = "MAILOPS_TEST_CHILD_LEADER"

// leadForEver leads, tells so on stdout, and applies whenever a line comes on
// stdin; it tells how that went.
func leadForEver(ctx context.Context, path string) error {
	s, err := sqlite.OpenFast(ctx, path)
	if err != nil {
		return err
	}
	l, err := s.Lead(ctx, "child")
	if err != nil {
		return err
	}
	fmt.Println("leads")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		_, err := s.Apply(ctx, reconcile.Batch{Epoch: l.Epoch(), Run: reconcile.Run{Plan: "child"}})
		fmt.Println(err == nil, errors.Is(err, reconcile.ErrFenced))
	}
	return io.EOF
}

// A leader is a child process that leads a store.
type leader struct {
	*exec.Cmd
	asks  io.Writer
	tells *bufio.Scanner
}

func startLeader(t *testing.T, path string) leader {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childLeader+"="+path)
	asks, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	tells, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	l := leader{child, asks, bufio.NewScanner(tells)}
	l.says(t, "leads")
	return l
}

func (l leader) says(t *testing.T, want string) {
	t.Helper()
	if !l.tells.Scan() || l.tells.Text() != want {
		t.Fatalf("the child says %q, want %q", l.tells.Text(), want)
	}
}

// asked has the child apply once.
func (l leader) asked(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(l.asks, "\n"); err != nil {
		t.Fatal(err)
	}
}

func (l leader) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := l.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// stop stops the child, and waits until it stands.
func (l leader) stop(t *testing.T) {
	t.Helper()
	l.signal(t, syscall.SIGSTOP)
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(l.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("the child did not stop: %v, error %v", status, err)
	}
}

// TestLeaderDies: a leader that is killed is succeeded at once.
func TestLeaderDies(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := quick(t, path)
	for range 10 {
		child := startLeader(t, path)
		if _, err := s.Lead(t.Context(), "child"); !errors.Is(err, reconcile.ErrLed) {
			t.Fatalf("got error %v, want ErrLed", err)
		}
		child.signal(t, syscall.SIGKILL)
		if err := child.Wait(); err == nil {
			t.Fatal("the child was not killed")
		}
		if err := lead(t, s, "heir").Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeaderSleeps: a leader that was stopped, and wakes when another one has
// the store, writes nothing.
func TestLeaderSleeps(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s := quick(t, path)
	for range 20 {
		child := startLeader(t, path)
		child.asked(t)
		child.says(t, "true false")
		child.stop(t)
		child.asked(t)
		if err := os.Remove(path + "-agent"); err != nil {
			t.Fatal(err)
		}
		l := lead(t, s, "heir")
		run := apply(t, s, nil, nil)
		child.signal(t, syscall.SIGCONT)
		child.says(t, "false true")
		if last := latest(t, s); last != run {
			t.Fatalf("run %d was written after %d", last, run)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
		child.signal(t, syscall.SIGKILL)
		_ = child.Wait() // it was killed
	}
}
