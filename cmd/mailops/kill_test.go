package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/schema"
)

const (
	killUsers = 300
	kills     = 20
)

// TestKilledApply: an apply of 300 users that is killed at any moment leaves the
// store as it was or as it should be, and the next one goes on from there.
func TestKilledApply(t *testing.T) {
	t.Parallel()
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	live := filepath.Join(dir, ".mailops", "live.db")
	off, on := killRepository(t, dir, "imap-off", false), killRepository(t, dir, "imap-on", true)
	if err := mailops(t, off, live).Run(); err != nil {
		t.Fatal(err)
	}
	outcomes := make(map[int]int)
	for i := range kills {
		before := imapUsers(t, live)
		want := killUsers - before
		cmd := mailops(t, map[int]string{0: off, killUsers: on}[want], live)
		killSomewhere(t, cmd, i%2 == 0, random)
		after := imapUsers(t, live)
		if after != before && after != want {
			t.Fatalf("kill %d: %d of %d users have IMAP", i, after, killUsers)
		}
		outcomes[after]++
	}
	t.Logf("the store was left with so many IMAP users so often: %v", outcomes)
	if err := mailops(t, on, live).Run(); err != nil || imapUsers(t, live) != killUsers {
		t.Errorf("the apply after the last kill: %v", err)
	}
}

// killRepository writes a repository of many users, with IMAP or without.
func killRepository(t *testing.T, dir, name string, imap bool) string {
	t.Helper()
	repository := filepath.Join(dir, name)
	if err := os.MkdirAll(repository, 0o700); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("apiVersion: mailops/v1\nkind: Organization\nname: Acme\ndefaults: {profiles: [all]}\nguards: {updates: {max: 100%}, lockouts: {max: 100%}}\n")
	fmt.Fprintf(&b, "---\nkind: Domain\nname: acme.example\n---\nkind: Profile\nname: all\nmailboxActions: {imap: %v}\n", imap)
	for i := range killUsers {
		fmt.Fprintf(&b, "---\nkind: User\naddress: user%d@acme.example\n", i)
	}
	if err := os.WriteFile(filepath.Join(repository, "mailops.yaml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return repository
}

// mailops is an apply by the real main, in a process of its own.
func mailops(t *testing.T, repository, live string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Args = []string{"mailops", "-C", repository, "--store", "sqlite:" + live, "apply", "--yes"}
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "MAILOPS_STORE=")
	return cmd
}

// killSomewhere starts an apply and kills it: while it still reads, or from when
// it has shown its plan and writes. It may be quicker.
func killSomewhere(t *testing.T, cmd *exec.Cmd, writing bool, random *rand.Rand) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	moment := time.Duration(random.IntN(600)) * time.Millisecond
	if writing {
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.Contains(lines.Text(), " to update, ") {
		}
		moment = time.Duration(random.IntN(150_000)) * time.Microsecond
	}
	ctx, stop := context.WithTimeout(t.Context(), moment)
	defer stop()
	go io.Copy(io.Discard, out)
	<-ctx.Done()
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
}

// imapUsers counts the users with IMAP, and makes sure that all are there and
// the ledger agrees.
func imapUsers(t *testing.T, live string) int {
	t.Helper()
	s, err := sqlite.Open(t.Context(), live, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	is, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	users, imap := 0, 0
	for _, r := range is.State {
		if u, ok := r.(*schema.User); ok {
			users++
			if u.MailboxActions.IMAP {
				imap++
			}
		}
	}
	runs, err := s.Runs(t.Context(), 1)
	if err != nil || users != killUsers || runs[0].LiveUsers != killUsers {
		t.Fatalf("%d users, runs %+v, %v", users, runs, err)
	}
	return imap
}
