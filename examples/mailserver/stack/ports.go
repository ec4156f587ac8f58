package stack

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// portNames are the listeners of a stack.
var portNames = []string{
	"imap", "imaps", "pop3", "pop3s", "sieve", // Dovecot, for mail programs
	"webmail", "activesync", "backup-imap", "backup-pop3", "doveadm", // Dovecot, for this machine
	"mx", "submission", "submissions", "submit-webmail", "submit-activesync", "reinject", // Postfix
	"rspamd", "rspamd-controller", "sogo", "memcached", "postgres", "sink", "spare",
}

// Ports of a block are below those that the kernel gives to clients (32768 and
// up), so that no connection takes one away between reserving and listening.
const (
	firstPort  = 20000
	lastPort   = 32000
	portsBlock = 40
)

// reservePorts takes a block of ports that no other stack has, in this process
// or another: a locked file stands for it until the test ends.
func reservePorts(t testing.TB) map[string]int {
	t.Helper()
	for base := firstPort; base < lastPort; base += portsBlock {
		lock, err := lockFile(filepath.Join(os.TempDir(), fmt.Sprintf("mailops-stack-%d.lock", base)))
		if err != nil {
			continue
		}
		if ports, ok := freePorts(base); ok {
			t.Cleanup(func() { lock.Close() })
			return ports
		}
		lock.Close()
	}
	t.Fatal("no free ports: do other stacks still run?")
	return nil
}

// lockFile locks a file until it is closed or the process ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// freePorts names the ports of a block, if nothing listens on any of them.
func freePorts(base int) (map[string]int, bool) {
	ports := make(map[string]int)
	for i, name := range portNames {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i))
		if err != nil {
			return nil, false
		}
		l.Close()
		ports[name] = base + i
	}
	return ports, true
}
