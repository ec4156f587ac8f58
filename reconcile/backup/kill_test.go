package backup_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

// childServer and childDir make the test binary one backup and nothing else.
const (
	childServer  = "MAILOPS_TEST_BACKUP_SERVER"
	childDir     = "MAILOPS_TEST_BACKUP_DIR"
	childStorage = "MAILOPS_TEST_BACKUP_STORAGE"
)

func TestMain(m *testing.M) {
	if os.Getenv(childServer) != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func child() int {
	server, err := backup.ParseServer(os.Getenv(childServer))
	if err != nil {
		return 2
	}
	server.User, server.Password = master, password
	o := backup.Options{Address: carla, Server: server, Dir: os.Getenv(childDir), Storage: os.Getenv(childStorage)}
	if _, err := backup.Take(context.Background(), o); err != nil {
		return 1
	}
	return 0
}

// TestKilledTwice: of 1,000 messages, some 300 and some 700 are there when the
// process is killed. The third ends with all of them, byte by byte, and only the
// message in flight was fetched twice.
func TestKilledTwice(t *testing.T) {
	t.Parallel()
	for _, storage := range backup.Storages {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			messages := append(numbered(1000-len(hostile)), hostile...)
			server := simulate(t, messages)
			o := withStorage(pop(t, server), storage)
			for _, at := range []int{300, 700} {
				kill(t, server, o, at)
			}
			run := take(t, o)
			if run.Known < 690 || run.Stored != run.Fetched {
				t.Errorf("the last run: %+v", run)
			}
			holds(t, o.Dir, messages)
			each, total := server.Fetched()
			if total > len(messages)+2 {
				t.Errorf("%d messages were asked for, of %d", total, len(messages))
			}
			for name, n := range each {
				if n > 2 {
					t.Errorf("%s was asked for %d times", name, n)
				}
			}
			for i, run := range manifest(t, o.Dir).Runs[:2] {
				if run.State != backup.StateFailed || run.Error != "its process ended early" {
					t.Errorf("run %d: %+v", i+1, run)
				}
			}
		})
	}
}

// kill starts a backup in a process of its own, and kills it when the server has
// been asked for that many messages.
func kill(t *testing.T, server *pop3sim.Server, o backup.Options, at int) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childServer+"="+o.Server.String(), childDir+"="+o.Dir, childStorage+"="+o.Storage)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, server, at)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the process was not killed: %v", c.ProcessState)
	}
}
