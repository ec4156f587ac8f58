package agent

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var soak = flag.Duration("soak", 10*time.Second, "how long TestSoak takes")

// TestSoak lets an agent live through random commits, right and wrong, changes
// that others make in its store, pauses of the process and kills; then for as
// long without kills, to see whether it grows. In the end the live store has what
// is declared. `go test ./examples/agent -run Soak -soak 30m -v -timeout 0` prints the
// figures.
func TestSoak(t *testing.T) {
	s := newSoak(t)
	s.start()
	for end := time.Now().Add(*soak / 2); time.Now().Before(end); {
		s.step(10)
	}
	s.settle()
	before := s.figures()
	for end := time.Now().Add(*soak / 2); time.Now().Before(end); {
		s.step(8)
	}
	s.settle()
	after := s.figures()
	t.Logf("%v; before the quiet half %v, after it %v", s.did, before, after)
	if after.goroutines > before.goroutines+5 || after.files > before.files+5 {
		t.Errorf("it grows: %v, then %v", before, after)
	}
	s.demandSame()
	s.stop()
}

// A soaked agent is one with its repository and store.
type soaked struct {
	*testing.T
	program, dir, at string
	random           *rand.Rand
	cmd              *exec.Cmd
	did              map[string]int
	commits          int
}

const soakUsers = 200

func newSoak(t *testing.T) *soaked {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &soaked{T: t, program: build(t), dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0)), did: make(map[string]int)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.at = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.write("mailops.yaml", "apiVersion: mailops/v1\nkind: Organization\nname: Soak\ndrift: {default: heal, fights: 1000}\n"+
		"guards: {deletes: {max: 50%}, lockouts: {max: 100%}, updates: {max: 100%}, window: {per: 1m, deletes: 100%, lockouts: 100%}}\n---\nkind: Domain\nname: acme.example\n")
	for i := range soakUsers {
		s.user(i)
	}
	s.git("init", "-q", "-b", "main")
	s.commit("begin")
	return s
}

func (s *soaked) write(name, text string) {
	file := filepath.Join(s.dir, "org", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
		s.Fatal(err)
	}
}

// user writes some user, with some settings.
func (s *soaked) user(i int) {
	status := []string{"active", "active", "active", "suspended"}[s.random.IntN(4)]
	s.write(fmt.Sprintf("users/%d/u%d.yaml", i%10, i), fmt.Sprintf("kind: User\naddress: u%d@acme.example\nname: User %d\nstatus: %s\nmailboxActions: {imap: %v, pop: %v}\n",
		i, s.random.IntN(1000), status, s.random.IntN(2) == 0, s.random.IntN(2) == 0))
}

func (s *soaked) git(args ...string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), "git", args...)
	cmd.Dir = filepath.Join(s.dir, "org")
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=Soak", "GIT_AUTHOR_EMAIL=soak@acme.example", "GIT_COMMITTER_NAME=Soak", "GIT_COMMITTER_EMAIL=soak@acme.example")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (s *soaked) commit(message string) {
	s.git("add", "-A")
	s.git("commit", "-q", "--allow-empty", "-m", message)
	s.commits++
}

// start starts the agent, and waits until it answers.
func (s *soaked) start() {
	s.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.program, "agent", "--repo", filepath.Join(s.dir, "org"), "--state", filepath.Join(s.dir, "state"), "--listen", s.at, "--interval", "5s", "--whole", "20s")
	s.cmd.Env = append(os.Environ(), "MAILOPS_STORE=sqlite:"+filepath.Join(s.dir, "live.db"))
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = s.cmd.Process.Kill() })
	s.await("it does not come up", func() bool { return strings.Contains(s.get("/healthz"), "ok") })
}

// stop ends the agent in peace.
func (s *soaked) stop() {
	s.Helper()
	if err := errors.Join(s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait()); err != nil {
		s.Error(err)
	}
}

// step does one thing out of the first so many.
func (s *soaked) step(of int) {
	switch i := s.random.IntN(soakUsers); s.random.IntN(of) {
	case 0, 1, 2:
		s.did["commits"]++
		s.user(i)
		s.commit("edit")
	case 3:
		s.did["wrong commits"]++
		s.write("users/wrong.yaml", "kind: User\naddress: wrong@acme.example\nmailboxActions: {impa: true}\n")
		s.commit("wrong")
		s.rest(300)
		s.git("rm", "-q", "users/wrong.yaml")
		s.commit("mended")
	case 4, 5:
		s.did["drifts"]++
		s.sql(fmt.Sprintf("UPDATE mailuser SET imap = 1 - imap, name = 'by hand' WHERE local = 'u%d'", i))
	case 6:
		s.did["drifts"]++
		s.sql(fmt.Sprintf("DELETE FROM address WHERE local = 'u%d'", i))
	case 7:
		s.did["pauses"]++
		_ = s.cmd.Process.Signal(syscall.SIGSTOP)
		s.rest(200)
		_ = s.cmd.Process.Signal(syscall.SIGCONT)
	default:
		s.did["kills"]++
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.start()
	}
	s.rest(400)
}

// rest lets up to so many milliseconds go by.
func (s *soaked) rest(ms int) {
	<-time.After(time.Duration(s.random.IntN(ms)) * time.Millisecond)
}

func (s *soaked) sql(statement string) {
	s.Helper()
	out, err := exec.CommandContext(s.Context(), "sqlite3", "-cmd", ".timeout 10000", "-cmd", "PRAGMA foreign_keys = ON", filepath.Join(s.dir, "live.db"), statement).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("no such table")) {
		s.Fatalf("%s: %v\n%s", statement, err, out)
	}
}

func (s *soaked) get(path string) string {
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + s.at + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

func (s *soaked) await(what string, is func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "agent.log"))
			s.Fatalf("%s; its log ends with\n%s", what, log[max(0, len(log)-4000):])
		}
		<-time.After(50 * time.Millisecond)
	}
}

// settle waits until the newest commit is in force and the agent has looked.
func (s *soaked) settle() {
	s.Helper()
	head, err := exec.CommandContext(s.Context(), "git", "-C", filepath.Join(s.dir, "org"), "rev-parse", "HEAD").Output()
	if err != nil {
		s.Fatal(err)
	}
	s.await("the newest commit does not come into force", func() bool {
		req, _ := http.NewRequestWithContext(s.Context(), http.MethodPost, "http://"+s.at+"/api/reconcile", nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return strings.Contains(string(body), "git:"+strings.TrimSpace(string(head))) && !strings.Contains(string(body), `"verdict"`)
	})
}

// demandSame holds the live store against the newest commit.
func (s *soaked) demandSame() {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), s.program, "-C", filepath.Join(s.dir, "org"), "plan", "--rev", "HEAD", "--detailed-exitcode")
	cmd.Env = append(os.Environ(), "MAILOPS_STORE=sqlite:"+filepath.Join(s.dir, "live.db"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Errorf("live is not what is declared: %v\n%s", err, out)
	}
}

// figures are what could grow.
type soakFigures struct {
	goroutines, files int
	heap, resident    float64 // MiB
}

func (f soakFigures) String() string {
	return fmt.Sprintf("%d goroutines, %d files, heap %.1f MiB, resident %.1f MiB", f.goroutines, f.files, f.heap, f.resident)
}

func (s *soaked) figures() soakFigures {
	text := s.get("/metrics")
	number := func(name string) float64 {
		m := regexp.MustCompile(`(?m)^` + name + ` ([\d.e+]+)$`).FindStringSubmatch(text)
		if m == nil {
			s.Fatalf("there is no %s in the metrics", name)
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			s.Fatal(err)
		}
		return n
	}
	return soakFigures{int(number("go_goroutines")), int(number("process_open_fds")), number("go_memstats_heap_inuse_bytes") / (1 << 20), number("process_resident_memory_bytes") / (1 << 20)}
}
