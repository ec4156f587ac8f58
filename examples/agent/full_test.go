package agent

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestDiskFull: where the store's disk takes no more, nothing is half applied, the
// status says what is wrong, and with room again the agent goes on by itself.
func TestDiskFull(t *testing.T) {
	s := newSoak(t)
	s.start()
	s.settle()
	s.room("4096")
	for i := range soakUsers {
		s.user(i)
	}
	s.commit("everybody")
	s.await("the status does not say that the store is full", func() bool { return strings.Contains(s.get("/api/status"), `"storeError"`) })
	if n := s.count("SELECT count(*) FROM mailops_run"); n != 1 {
		t.Errorf("%d runs, want the first alone", n)
	}
	s.room("unlimited")
	s.await("it does not go on", func() bool { return !strings.Contains(s.get("/api/status"), `"storeError"`) })
	s.settle()
	s.demandSame()
	s.stop()
}

// room limits how large a file the agent may write, in bytes: what is beyond
// fails as on a full disk.
func (s *soaked) room(bytes string) {
	s.Helper()
	out, err := exec.CommandContext(s.Context(), "prlimit", "--pid", strconv.Itoa(s.cmd.Process.Pid), "--fsize="+bytes+":unlimited").CombinedOutput()
	if err != nil {
		s.Fatalf("prlimit: %v\n%s", err, out)
	}
}

// count asks the store for a number.
func (s *soaked) count(query string) int {
	s.Helper()
	out, err := exec.CommandContext(s.Context(), "sqlite3", "-readonly", s.dir+"/live.db", query).Output()
	if err != nil {
		s.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		s.Fatal(err)
	}
	return n
}
