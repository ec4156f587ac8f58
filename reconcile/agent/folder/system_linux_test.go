package folder

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// held counts what this process holds of the system: file descriptors, and the
// watches that the kernel has for it.
func held(t *testing.T) (descriptors, watches int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := os.ReadFile(filepath.Join("/proc/self/fdinfo", e.Name()))
		if err != nil {
			continue // that of the look itself
		}
		descriptors++
		watches += bytes.Count(info, []byte("inotify wd:"))
	}
	return descriptors, watches
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(patience); !holds(); <-pace.C {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestNoWatchLeaks renames folders 10,000 times, in the tree, in and out of it,
// and two for each other, and counts the watches of the kernel.
func TestNoWatchLeaks(t *testing.T) {
	home := files{t, t.TempDir()}
	const each = 20 // folders, two in each
	for i := range each {
		home.write(fmt.Sprintf("tree/f%d/sub/users.yaml", i), "1")
	}
	home.write("tree/other/users.yaml", "1")
	descriptors, none := held(t)
	if none != 0 {
		t.Fatalf("%d watches at the start", none)
	}
	goroutines := runtime.NumGoroutine()
	r, stop := read(t, home.path("tree"), Options{Quiet: 10 * time.Millisecond, Longest: time.Hour}) // nothing is made anew
	r.event()
	for i := range 10_000 {
		name := fmt.Sprintf("tree/f%d", i%each)
		switch to := fmt.Sprintf("tree/other/g%d", i%each); i / each % 4 {
		case 0:
			home.rename(name, to)
		case 1:
			home.rename(to, name)
		case 2:
			home.rename(name, "out")
			home.rename("out", name)
		case 3:
			next := fmt.Sprintf("tree/f%d", (i+1)%each)
			home.must(unix.Renameat2(unix.AT_FDCWD, home.path(name), unix.AT_FDCWD, home.path(next), unix.RENAME_EXCHANGE))
		}
	}
	r.rest()
	want := 1 + 1 + 2*each
	eventually(t, "as many watches as folders", func() bool {
		_, watches := held(t)
		return watches == want
	})
	for i := range each {
		f := fmt.Sprintf("tree/f%d/sub/users.yaml", i)
		if _, err := os.Stat(home.path(f)); err != nil {
			f = fmt.Sprintf("tree/other/g%d/sub/users.yaml", i)
		}
		r.tells(f, func() { home.write(f, "12") })
	}
	// Half of them leave for good, and take no watch along.
	home.must(os.Mkdir(home.path("elsewhere"), 0o755))
	for i := range each / 2 {
		f := fmt.Sprintf("tree/f%d", i)
		if _, err := os.Stat(home.path(f)); err != nil {
			f = fmt.Sprintf("tree/other/g%d", i)
		}
		home.rename(f, fmt.Sprintf("elsewhere/%d", i))
	}
	eventually(t, "fewer watches, as there are fewer folders", func() bool {
		_, watches := held(t)
		return watches == want-each
	})
	stop()
	eventually(t, "nothing is held at the end", func() bool {
		d, w := held(t)
		return d <= descriptors && w == 0 && runtime.NumGoroutine() <= goroutines
	})
}

// TestOverflow lets more happen than the kernel keeps for a program that is
// busy: the watches are made anew, and what was missed is told.
func TestOverflow(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	queue, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	f := files{t, t.TempDir()}
	f.write("a/users.yaml", "1")
	tell := busy(t, f.dir)
	for i := range queue {
		f.write("a/one.yaml", fmt.Sprint(i))
		f.write("a/two.yaml", fmt.Sprint(i))
	}
	f.write("a/made/later/users.yaml", "1")
	hear(t, tell, func(n news) bool { return n.Overflow })
	f.write("a/made/later/users.yaml", "12")
	hear(t, tell, func(n news) bool { return !n.Overflow })
}

// TestMovedIntoNewFolder moves a folder into one that is just made, while the
// follower is busy: it finds the folder there before it hears that it was moved.
func TestMovedIntoNewFolder(t *testing.T) {
	f := files{t, t.TempDir()}
	f.write("old/sub/users.yaml", "1")
	tell := busy(t, f.dir)
	f.write("a.yaml", "1")
	f.write("made/b.yaml", "1")
	f.rename("old", "made/new")
	for rest := true; rest; {
		select {
		case <-tell:
		case <-time.After(silence):
			rest = false
		}
	}
	for _, name := range []string{"made/new/users.yaml", "made/new/sub/users.yaml"} {
		f.write(name, "12")
		hear(t, tell, func(news) bool { return true })
	}
}

// busy follows a folder until the test ends. It is there, and from now on busy,
// as nobody hears what it says.
func busy(t *testing.T, dir string) <-chan news {
	t.Helper()
	tell := make(chan news)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		(&follower{Options: quick.withDefaults(), dir: dir, tell: tell}).follow(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	<-tell
	return tell
}

// hear takes what is told until it is what one wants.
func hear(t *testing.T, tell <-chan news, wanted func(news) bool) {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case n := <-tell:
			if n.err != nil {
				t.Fatal(n.err)
			}
			if wanted(n) {
				return
			}
		case <-end:
			t.Fatal("it is not told")
		}
	}
}

// limits is the variable of the environment by which a child of TestLimits knows
// itself.
const limits = "FOLDER_TEST_LIMITS"

// TestLimits lets the system have few watches, and none at all, in a child that
// is alone in a user namespace: limits are counted for each.
func TestLimits(t *testing.T) {
	if os.Getenv(limits) != "" {
		t.Run("few watches", func(t *testing.T) { runOut(t, "/proc/sys/user/max_inotify_watches", 5, "fs.inotify.max_user_watches") })
		t.Run("no instance", func(t *testing.T) {
			runOut(t, "/proc/sys/user/max_inotify_instances", 0, "fs.inotify.max_user_instances")
		})
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLimits$", "-test.v")
	child.Env = append(os.Environ(), limits+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestLimits/no_instance")) {
		t.Fatalf("in a user namespace: %v\n%s", err, out)
	}
}

// runOut holds that a tree is looked through when a limit is reached, what is
// said of it, and that it is watched when the limit is raised.
func runOut(t *testing.T, limit string, most int, says string) {
	home := files{t, t.TempDir()}
	f := files{t, home.path("tree")}
	for i := range 10 {
		f.write(fmt.Sprintf("%d/users.yaml", i), "1")
	}
	set := func(n int) { f.must(os.WriteFile(limit, []byte(strconv.Itoa(n)), 0)) }
	set(most)
	r, _ := read(t, f.dir, quick)
	r.trouble(says)
	if e := r.event(); !e.Looking {
		t.Error("it is not said that the tree is looked through")
	}
	for i := range 3 {
		r.tells("a file is written", func() { f.write("3/users.yaml", strings.Repeat("1", i+2)) })
	}
	if _, watches := held(t); watches != 0 {
		t.Errorf("%d watches are kept though they are too few", watches)
	}
	home.rename("tree", "away")
	r.trouble("no such file")
	home.rename("away", "tree")
	r.trouble(says) // as it is the trouble again
	if e := r.event(); !e.Looking {
		t.Error("it is not said that the tree is still looked through")
	}
	set(1000)
	for r.event().Looking {
	}
	r.tells("a file is written", func() { f.write("3/users.yaml", "123456789") })

	if says == "fs.inotify.max_user_watches" { // the limit is reached while all goes well
		set(12)
		f.write("made/by/somebody/users.yaml", "1")
		r.trouble(says)
		set(1000)
		for r.event().Looking {
		}
		r.tells("a file is written", func() { f.write("made/by/somebody/users.yaml", "12") })
	}
}
