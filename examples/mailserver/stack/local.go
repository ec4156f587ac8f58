package stack

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-smtp"

	"mailops/schema"
)

// LMTP brings a message to Dovecot without Postfix, as one that is in the queue
// already.
func (s *Stack) LMTP(to schema.Address) error {
	conn, err := net.Dial("unix", s.Path("spool/private/dovecot-lmtp"))
	if err != nil {
		return err
	}
	c := smtp.NewClientLMTP(patient{conn})
	defer c.Close()
	if err := c.Mail("queued@elsewhere.example", nil); err != nil {
		return err
	}
	return c.Rcpt(string(to), nil)
}

// AuthTest asks Dovecot whether a user with [Password] may sign in to a service,
// and returns what it answers.
func (s *Stack) AuthTest(t testing.TB, user schema.Address, service string, more ...string) string {
	t.Helper()
	args := []string{"-c", s.Path("etc/dovecot/dovecot.conf"), "auth", "test", "-x", "service=" + service, "-x", "rip=127.0.0.1", "-x", "lip=127.0.0.1"}
	args = append(append(args, more...), string(user), Password)
	out, _ := exec.Command("/usr/bin/doveadm", args...).CombinedOutput() // a refusal is an exit code, too
	return string(out)
}

// Forget makes Dovecot and Postfix open the store anew: their helpers that hold
// it open are ended, and started again when they are needed.
func (s *Stack) Forget(t testing.TB) {
	t.Helper()
	for _, d := range s.daemons {
		for _, pid := range descendants(t, d.pid()) {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			switch strings.TrimSpace(string(name)) {
			case "auth", "dict", "proxymap":
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
			}
		}
	}
}

// descendants lists the processes that a process started, and that they did.
func descendants(t testing.TB, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // a process that has ended has none
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), descendants(t, child)...)
			}
		}
	}
	return all
}
