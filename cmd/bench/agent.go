package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An agentBench measures an agent that follows a repository, beside the floor:
// git telling what differs, and the sqlite3 shell writing one row.
type agentBench struct {
	*bench
	org, store string
	daemon     *exec.Cmd
	looks      chan look // that it wrote into its log
	url        string
	users      []string // files that declare one user
}

// A look is what the agent's log says of one.
type look struct {
	Message  string `json:"msg"`
	At       string `json:"at"`
	Result   string `json:"result"`
	Revision string `json:"revision"`
	seen     time.Time
}

// agent measures one size and prints what it found.
func (b *bench) agent(ctx context.Context, out io.Writer, users, commits int, idle time.Duration) error {
	clean, err := b.prepare(ctx)
	defer clean()
	if err != nil {
		return err
	}
	a := &agentBench{bench: b, org: filepath.Join(b.dir, "organization"), store: filepath.Join(b.dir, "live.db")}
	if a.users, err = b.repository(ctx, a.org, users); err != nil {
		return err
	}
	start := time.Now()
	if err := a.begin(ctx, "--repo", a.org); err != nil {
		return err
	}
	defer a.end()
	if _, err := a.applied(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d users: the first commit is applied after %.1f s\n", users, time.Since(start).Seconds())
	if err := a.quiet(ctx); err != nil {
		return err
	}
	if err := a.commits(ctx, out, commits); err != nil {
		return err
	}
	if err := a.idle(ctx, out, idle); err != nil {
		return err
	}
	a.end()
	return a.storm(ctx, out)
}

// begin starts the agent and waits until it serves.
func (a *agentBench) begin(ctx context.Context, source ...string) error {
	a.daemon = exec.CommandContext(ctx, a.mailops, append([]string{"agent", "--store", "sqlite:" + a.store, "--state", filepath.Join(a.dir, "state"), "--listen", "127.0.0.1:0"}, source...)...)
	log, err := a.daemon.StderrPipe()
	if err != nil {
		return err
	}
	if err := a.daemon.Start(); err != nil {
		return err
	}
	a.looks = make(chan look, 1000)
	go follow(log, a.looks)
	for l := range a.looks {
		if l.Message == "agent: serves" {
			a.url = l.At
			return nil
		}
	}
	return errors.New("the agent ended before it served")
}

// follow reads the log of an agent.
func follow(log io.Reader, into chan<- look) {
	defer close(into)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"agent: change"`) {
			continue
		}
		l := look{seen: time.Now()}
		if json.Unmarshal(lines.Bytes(), &l) == nil {
			into <- l
		}
	}
}

// end stops the agent.
func (a *agentBench) end() {
	if a.daemon != nil {
		_ = a.daemon.Process.Signal(syscall.SIGTERM)
		_ = a.daemon.Wait()
		a.daemon = nil
	}
}

// applied waits for a look that applied something.
func (a *agentBench) applied(ctx context.Context) (look, error) {
	for {
		select {
		case <-ctx.Done():
			return look{}, ctx.Err()
		case l, open := <-a.looks:
			switch {
			case !open:
				return l, errors.New("the agent has ended")
			case l.Result == "applied":
				return l, nil
			case l.Result == "failed" || l.Result == "refused":
				return l, fmt.Errorf("a look ended as %s", l.Result)
			}
		}
	}
}

// commits moves the branch by one file each, and measures until the agent says
// that it is applied, and how many objects it read for that.
func (a *agentBench) commits(ctx context.Context, out io.Writer, n int) error {
	var took, floor []time.Duration
	var objects []int64
	for i := range n {
		file := a.users[(i*7919)%len(a.users)]
		if err := rename(file, i); err != nil {
			return err
		}
		if _, err := git(ctx, a.org, "add", file); err != nil {
			return err
		}
		tree, err := git(ctx, a.org, "write-tree")
		if err != nil {
			return err
		}
		commit, err := git(ctx, a.org, "commit-tree", "-p", "HEAD", "-m", "edit", tree)
		if err != nil {
			return err
		}
		f, err := a.floor(ctx, commit, i)
		if err != nil {
			return err
		}
		before, err := a.metric("mailops_agent_git_objects_read_total")
		if err != nil {
			return err
		}
		start := time.Now()
		if _, err := git(ctx, a.org, "update-ref", "HEAD", commit); err != nil {
			return err
		}
		l, err := a.applied(ctx)
		if err != nil {
			return err
		}
		after, err := a.metric("mailops_agent_git_objects_read_total")
		if err != nil {
			return err
		}
		took, floor, objects = append(took, l.seen.Sub(start)), append(floor, f), append(objects, int64(after-before))
	}
	slices.Sort(took)
	slices.Sort(floor)
	fmt.Fprintf(out, "one-file commit, from before git update-ref to applied: median %.0f ms, worst %.0f of %d; at most %d objects read\n",
		ms(took[n/2]), ms(took[n-1]), n, slices.Max(objects))
	fmt.Fprintf(out, "floor, git diff-tree and one UPDATE by sqlite3: median %.0f ms; ratio %.1f\n", ms(floor[n/2]), ms(took[n/2])/ms(floor[n/2]))
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// rename gives the user of a file another name.
func rename(file string, i int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, regexp.MustCompile(`(?m)^name: .*$`).ReplaceAll(text, fmt.Appendf(nil, "name: Edited %d", i)), 0o644)
}

// floor does the least that a commit could cost with programs of others.
func (a *agentBench) floor(ctx context.Context, commit string, i int) (time.Duration, error) {
	db := filepath.Join(a.dir, "floor.db")
	if i == 0 {
		if _, err := measure(ctx, a.dir, a.output("sqlite3"), "sqlite3", db, "PRAGMA journal_mode = WAL; CREATE TABLE t (k INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 0)"); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if _, err := git(ctx, a.org, "diff-tree", "-r", "HEAD", commit); err != nil {
		return 0, err
	}
	_, err := measure(ctx, a.dir, a.output("sqlite3"), "sqlite3", "-cmd", "PRAGMA synchronous = FULL", db, "UPDATE t SET v = v + 1")
	return time.Since(start), err
}

// metric reads one number of the agent's metrics.
func (a *agentBench) metric(name string) (float64, error) {
	resp, err := http.Get(a.url + "metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum, found := 0.0, false
	for _, m := range regexp.MustCompile(`(?m)^`+name+`(?:\{.*\})? (\S+)$`).FindAllSubmatch(text, -1) {
		n, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return 0, err
		}
		sum, found = sum+n, true
	}
	if !found {
		return 0, fmt.Errorf("the metrics have no %s", name)
	}
	return sum, nil
}

// idle leaves the agent alone, and says what it takes.
func (a *agentBench) idle(ctx context.Context, out io.Writer, length time.Duration) error {
	cpu, err := a.metric("process_cpu_seconds_total")
	if err != nil {
		return err
	}
	const after = 10 * time.Second // the last commit
	time.Sleep(after)
	start, most := time.Now(), int64(0)
	for time.Since(start) < length && ctx.Err() == nil {
		time.Sleep(length / 20)
		now, err := resident(a.daemon.Process.Pid)
		if err != nil {
			return err
		}
		most = max(most, now)
	}
	now, err := a.metric("process_cpu_seconds_total")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "idle for %s: at most %d MiB resident, %.2f %% of a core\n", length, most>>20, 100*(now-cpu)/time.Since(start).Seconds())
	return ctx.Err()
}

// resident is the memory that a process holds now.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm of %d: %q", pid, text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// storm writes 10,000 times into the folder that an agent watches, and says how
// many runs that was.
func (a *agentBench) storm(ctx context.Context, out io.Writer) error {
	const writes = 10_000
	if err := a.begin(ctx, "--watch", a.org); err != nil {
		return err
	}
	defer a.end()
	if err := a.quiet(ctx); err != nil {
		return err
	}
	before, err := a.metric("mailops_agent_runs_total")
	if err != nil {
		return err
	}
	start := time.Now()
	for i := range writes {
		if err := rename(a.users[i%100], i); err != nil {
			return err
		}
	}
	wrote := time.Since(start)
	if err := a.quiet(ctx); err != nil {
		return err
	}
	after, err := a.metric("mailops_agent_runs_total")
	fmt.Fprintf(out, "%d writes in a watched folder, in %.1f s: %.0f runs\n", writes, wrote.Seconds(), after-before)
	return err
}

// quiet waits until the agent has looked, and has nothing to do.
func (a *agentBench) quiet(ctx context.Context) error {
	const still = 5 // readings in a row
	for last, same := -1.0, 0; same < still; {
		time.Sleep(time.Second)
		runs, err := a.metric("mailops_agent_runs_total")
		if err == nil && runs > 0 && runs == last {
			same++
		} else {
			same = 0
		}
		if last = runs; errors.Join(err, ctx.Err()) != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return nil
}
