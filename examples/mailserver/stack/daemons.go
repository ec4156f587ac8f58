package stack

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A daemon is a program that a stack has started.
type daemon struct {
	name    string
	cmd     *exec.Cmd
	pids    string        // a file with the id of the process to end, when that is another one
	done    chan struct{} // closed when it has ended
	closing chan struct{} // closed when it is told to end
	held    io.Closer     // closing it ends the daemon, and so does the end of the test's process
}

// patience is how long a daemon may take to start or to stop.
const patience = 30 * time.Second

// startDaemons starts Dovecot before Postfix: without it, the first smtpd dies
// with "no SASL authentication mechanisms".
func (s *Stack) startDaemons(t testing.TB) {
	t.Helper()
	s.makeQueue(t)
	s.StartDovecot(t)
	if s.Rspamd {
		s.startRspamd(t)
	}
	s.StartPostfix(t)
	if s.SOGo {
		s.startSOGo(t)
	}
}

// StartDovecot starts Dovecot; tests of faults stop it and start it again.
func (s *Stack) StartDovecot(t testing.TB) {
	t.Helper()
	s.chown(t, s.Path("vmail"), "nobody")
	s.start(t, "dovecot", []string{"imap", "imaps", "pop3s", "sieve", "webmail", "doveadm"}, "/usr/sbin/dovecot", "-F", "-c", s.Path("etc/dovecot/dovecot.conf"))
}

// makeQueue makes Postfix's folders, in which Dovecot puts sockets.
func (s *Stack) makeQueue(t testing.TB) {
	t.Helper()
	s.chown(t, s.Path("postfix"), "postfix")
	if out, err := exec.Command("/usr/sbin/postfix", "-c", s.Path("etc/postfix"), "check").CombinedOutput(); err != nil {
		t.Fatalf("postfix check: %v\n%s", err, out)
	}
}

// StartPostfix starts Postfix.
func (s *Stack) StartPostfix(t testing.TB) {
	t.Helper()
	s.start(t, "postfix", []string{"mx", "submission", "submissions", "submit-webmail", "reinject"}, "/usr/sbin/postfix", "-c", s.Path("etc/postfix"), "start-fg")
}

func (s *Stack) startRspamd(t testing.TB) {
	t.Helper()
	s.chown(t, s.Path("rspamd"), "_rspamd")
	touchFor(t, s, s.Path("log/rspamd.log"), "_rspamd")
	s.start(t, "rspamd", []string{"rspamd"}, "/usr/bin/rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", "/etc/rspamd/rspamd.conf",
		"--var", "LOCAL_CONFDIR="+s.Path("etc/rspamd"), "--var", "DBDIR="+s.Path("rspamd"), "--var", "RUNDIR="+s.Path("rspamd"), "--var", "LOGDIR="+s.Path("log"))
}

// touchFor makes an empty file that a daemon may write.
func touchFor(t testing.TB, s *Stack, name, owner string) {
	t.Helper()
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.chown(t, name, owner)
}

// chown gives a file to a user and their group.
func (s *Stack) chown(t testing.TB, name, owner string) {
	t.Helper()
	u, err := user.Lookup(owner)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(name, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// start starts a program and waits until it listens. It ends with the test, and
// with the process of the test, however that ends.
func (s *Stack) start(t testing.TB, name string, listens []string, program string, args ...string) *daemon {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := os.OpenFile(s.Path("log", name+".out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	d := &daemon{name: name, cmd: cmd, done: make(chan struct{}), closing: make(chan struct{})}
	if name == "postfix" {
		d.pids = s.Path("spool/pid/master.pid")
	}
	go func() {
		_ = cmd.Wait() // how it ended is of no interest: that it ended is
		close(d.done)
	}()
	s.daemons = append(s.daemons, d)
	t.Cleanup(func() { d.stop(t) })
	if d.held, err = d.watch(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	for _, port := range listens {
		if err := d.await(s.Address(port)); err != nil {
			t.Fatalf("start %s: %v\n%s", name, err, s.Tail(name))
		}
	}
	return d
}

// await waits until somebody listens at an address.
func (d *daemon) await(address string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-d.done:
			return fmt.Errorf("it ended")
		case <-deadline:
			return err
		case <-tick.C:
		}
	}
}

// Tail is the end of what a daemon wrote.
func (s *Stack) Tail(name string) string {
	var text string
	for _, file := range []string{name + ".out", name + ".log"} {
		if b, err := os.ReadFile(s.Path("log", file)); err == nil {
			text += string(b[max(0, len(b)-3000):])
		}
	}
	return text
}

// watch starts a process that ends the daemon when its input does. (A signal at
// the parent's death would not do: it is lost when a daemon changes its user.)
func (d *daemon) watch() (io.Closer, error) {
	script := "read end; kill $1"
	if d.pids != "" {
		script = "read end; kill $(cat $2)"
	}
	watcher := exec.Command("/bin/sh", "-c", script, "sh", strconv.Itoa(d.pid()), d.pids)
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := watcher.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := watcher.Start(); err != nil {
		return nil, err
	}
	go func() {
		select {
		case <-d.done: // nobody is left to end
			_ = watcher.Process.Kill()
		case <-d.closing:
		}
		_ = watcher.Wait()
	}()
	return in, nil
}

// stop ends a daemon and what it started.
func (d *daemon) stop(t testing.TB) {
	if !d.running() {
		return
	}
	close(d.closing)
	_ = d.held.Close()
	wait := patience
	if d.name == "sogo" { // it waits for its workers, who have nothing to lose
		wait = time.Second
	}
	select {
	case <-d.done:
	case <-time.After(wait):
		if wait == patience {
			t.Errorf("%s did not stop", d.name)
		}
		_ = syscall.Kill(-d.pid(), syscall.SIGKILL)
		<-d.done
	}
}

func (d *daemon) running() bool {
	select {
	case <-d.done:
		return false
	default:
		return true
	}
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }
