package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/sqlite"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// childStore names the store that a child process of TestKill works on.
const childStore = "MAILOPS_TEST_CHILD_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childStore); path != "" {
		fmt.Fprintln(os.Stderr, applyForEver(context.Background(), path))
		os.Exit(1)
	}
	if path := os.Getenv(childLeader); path != "" {
		fmt.Fprintln(os.Stderr, leadForEver(context.Background(), path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// phases are the two states between which the child goes: 280 users change, 10
// come and 10 go with every batch.
func phases() map[string]schema.State {
	out := make(map[string]schema.State)
	for i, name := range []string{"even", "odd"} {
		s := schema.State{&schema.Domain{Name: "acme.example"}}
		for n := range 290 {
			u := storetest.NewUser(schema.Address(fmt.Sprintf("u%03d@acme.example", n+10*i)))
			u.Name = name
			s = append(s, u)
		}
		out[name] = s
	}
	return out
}

// applyForEver goes from phase to phase, and tells on stdout when it begins (0)
// and which run was done.
func applyForEver(ctx context.Context, path string) error {
	// A killed process leaves the system what it wrote: syncing proves nothing.
	s, err := sqlite.OpenFast(ctx, path)
	if err != nil {
		return err
	}
	states := phases()
	for {
		live, err := reconcile.ReadLive(ctx, s)
		if err != nil {
			return err
		}
		next := "even"
		if u := live.State.Find(states[next][20].Key()); u != nil && u.(*schema.User).Name == next {
			next = "odd"
		}
		batch := reconcile.Batch{Run: reconcile.Run{Plan: next, Changes: reconcile.Diff(live.State, states[next])}}
		fmt.Println(0)
		run, err := s.Apply(ctx, batch)
		if err != nil {
			return err
		}
		fmt.Println(run)
	}
}

// TestKill kills an applying process at random moments. What the process said
// was done is there, and the rest is there whole or not at all.
func TestKill(t *testing.T) {
	for lane := range 4 {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "live.db")
			var runs int64
			pace := time.Minute // how long an apply takes; the first child may finish one
			for range 15 {
				var reported int64
				reported, pace = runApplier(t, path, pace)
				runs = checkKilled(t, path, max(runs, reported))
			}
			if runs == 0 {
				t.Error("every child was killed before its first apply was done")
			}
		})
	}
}

// runApplier runs a child and kills it: one in six while it starts and recovers
// what the last one left, the others at a random moment of an apply, or a
// little later. It returns the run that the child reported, and the pace.
func runApplier(t *testing.T, path string, pace time.Duration) (last int64, newPace time.Duration) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childStore+"="+path, "GOGC=off") // it does not live long
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killWithin := func(most time.Duration) {
		timer := time.AfterFunc(time.Duration(rand.Int64N(int64(most))), func() { _ = child.Process.Kill() }) // it may be dead
		t.Cleanup(func() { timer.Stop() })
	}
	if rand.IntN(6) == 0 {
		killWithin(200 * time.Millisecond)
	}
	var began time.Time
	for lines := bufio.NewScanner(out); lines.Scan(); {
		run, err := strconv.ParseInt(lines.Text(), 10, 64)
		switch {
		case err != nil:
			t.Fatal(err)
		case run == 0 && began.IsZero():
			began = time.Now()
			killWithin(pace + pace/4)
		case run > 0:
			if last = run; pace == time.Minute {
				pace = time.Since(began)
				killWithin(pace)
			}
		}
	}
	_, _ = io.Copy(io.Discard, out)
	if err := child.Wait(); err == nil || child.ProcessState.Exited() {
		t.Fatalf("the child ended by itself: %v", child.ProcessState)
	}
	return last, pace
}

// checkKilled checks what a killed child left, and returns the last run.
func checkKilled(t *testing.T, path string, reported int64) int64 {
	t.Helper()
	s, err := sqlite.OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	live, err := reconcile.ReadLive(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) == 0 {
		if len(live.State) > 0 || reported > 0 {
			t.Fatalf("no run is recorded, but there are %d rows, and run %d was reported", len(live.State), reported)
		}
		return 0
	}
	if runs[0].ID < reported {
		t.Fatalf("run %d was reported, and the last is %d", reported, runs[0].ID)
	}
	if want := phases()[runs[0].Plan]; want.Digest() != live.State.Digest() {
		t.Fatalf("the ledger says %q, and %d changes lead there", runs[0].Plan, len(reconcile.Diff(live.State, want)))
	}
	got := query(t, path, "SELECT integrity_check || ', ' || (SELECT count(*) FROM mailops_before_image"+
		" WHERE run = (SELECT max(id) FROM mailops_run)) FROM pragma_integrity_check")
	if want := fmt.Sprintf("ok, %d", runs[0].Summary.Total()); got != want {
		t.Fatalf("integrity check, and before-images of the last run: %s; want %s", got, want)
	}
	return runs[0].ID
}

// query asks the file itself, as another program does, for one text.
func query(t *testing.T, path, sql string) string {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	if !stmt.Step() {
		t.Fatalf("%s: no row: %v", sql, stmt.Err())
	}
	return stmt.ColumnText(0)
}

// foreign writes to the file as another program does.
func foreign(t *testing.T, path, sql string) error {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Exec(sql)
}
