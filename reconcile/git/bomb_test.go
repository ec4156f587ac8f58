package git_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// A packer writes packs as they are told, sound or not.
type packer struct {
	count   uint32
	entries bytes.Buffer
}

// add writes an entry that says it is of a size, and a content made by fill.
func (p *packer) add(kind byte, size int64, head []byte, fill func(io.Writer)) {
	p.count++
	b := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		p.entries.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	p.entries.WriteByte(b)
	p.entries.Write(head)
	p.entries.Write(deflated(fill))
}

func deflated(fill func(io.Writer)) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	if err != nil {
		panic(err)
	}
	fill(z)
	z.Close()
	return out.Bytes()
}

// again writes the entry before once more, as often as that. Its base, if it has
// one, is as far away.
func (p *packer) again(from, times int) {
	entry := bytes.Clone(p.entries.Bytes()[from:])
	for range times {
		p.count++
		p.entries.Write(entry)
	}
}

func (p *packer) bytes() []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), p.count)
	out = append(out, p.entries.Bytes()...)
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

func zeros(n int64) func(io.Writer) {
	return func(w io.Writer) {
		block := make([]byte, 1<<20)
		for ; n > 0; n -= int64(len(block)) {
			w.Write(block[:min(n, int64(len(block)))])
		}
	}
}

func text(s []byte) func(io.Writer) { return func(w io.Writer) { w.Write(s) } }

// varints are the sizes that a change begins with.
func varints(a, b uint64) []byte { return binary.AppendUvarint(binary.AppendUvarint(nil, a), b) }

// TestPackBombs: packs that are small on the wire and huge inside are refused by
// the child, soon, and in little memory.
func TestPackBombs(t *testing.T) {
	t.Parallel()
	tip := strings.Repeat("1", 40)
	bombs := map[string]func(*packer){
		"one blob of 2 GB": func(p *packer) { p.add(3, 2<<30, nil, zeros(8<<20)) },
		"many blobs": func(p *packer) {
			p.add(3, 60<<20, nil, zeros(60<<20))
			p.again(0, 99)
		},
		"a blob that is more than it says": func(p *packer) { p.add(3, 10, nil, zeros(20<<20)) },
		"a change to 2 GB": func(p *packer) {
			p.add(3, 1<<16, nil, zeros(1<<16))
			delta := varints(1<<16, 2<<30)
			for range (2 << 30) >> 16 {
				delta = append(delta, 0x80)
			}
			at := p.entries.Len()
			p.add(6, int64(len(delta)), offset(int64(at)), text(delta))
		},
		"a change of 2 GB":                 func(p *packer) { p.add(7, 2<<30, make([]byte, 20), zeros(8<<20)) },
		"4 billion objects":                func(p *packer) { p.add(3, 1, nil, text([]byte("x"))); p.count = 1<<32 - 1 },
		"a change to itself":               func(p *packer) { p.add(6, 4, []byte{0}, text(varints(1, 1))) },
		"a change to before the beginning": func(p *packer) { p.add(6, 4, offset(1<<40), text(varints(1, 1))) },
		"a change to nothing":              func(p *packer) { p.add(7, 2, make([]byte, 20), text(varints(0, 0))) },
		"kind 5":                           func(p *packer) { p.add(5, 1, nil, text([]byte("x"))) },
		"a size without end": func(p *packer) {
			p.count = 1
			p.entries.Write(bytes.Repeat([]byte{0xff}, 100))
		},
	}
	r := newRemote(t)
	for name, fill := range bombs {
		var p packer
		fill(&p)
		if p.entries.Len() > 40<<20 {
			t.Fatalf("%s has %d bytes", name, p.entries.Len())
		}
		o := r.options(t)
		o.URL, o.Auth = fake(t, tip, p.bytes()).URL+"/org.git", git.Auth{}
		start := time.Now()
		err := open(t, o).Fetch(t.Context())
		if !errors.Is(err, git.ErrLimit) && !errors.Is(err, git.ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 30*time.Second { // alone on the machine, and without the race detector: 1 s
			t.Errorf("%s took %s", name, took)
		} else {
			t.Logf("%s: refused in %s: %v", name, took, err)
		}
		if left, _ := filepath.Glob(filepath.Join(o.Dir, "*/mirror/objects/*-*")); len(left) > 0 {
			t.Errorf("%s leaves %v", name, left)
		}
	}
}

// sizeBytes is how many bytes the size of an entry takes.
func sizeBytes(n int) int {
	count := 1
	for n >>= 4; n > 0; n >>= 7 {
		count++
	}
	return count
}

func offset(n int64) []byte {
	out := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		out = append([]byte{0x80 | byte(n&0x7f)}, out...)
	}
	return out
}

// TestChildDies: a child that reaches a limit of the kernel, or is killed, is an
// error that says which.
func TestChildDies(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	var p packer // each object is small, and all are a lot of work
	p.add(3, 1<<16, nil, zeros(1<<16))
	delta := varints(1<<16, 60<<20)
	for range (60 << 20) >> 16 {
		delta = append(delta, 0x80)
	}
	at := p.entries.Len()
	p.add(6, int64(len(delta)), offset(int64(at)), text(delta))
	one := bytes.Clone(p.entries.Bytes()[at:])
	back := len(offset(int64(at)))
	for p.count < 3000 { // the same change again, with the base further away
		far := p.entries.Len()
		p.count++
		p.entries.Write(one[:sizeBytes(len(delta))])
		p.entries.Write(offset(int64(far)))
		p.entries.Write(one[sizeBytes(len(delta))+back:])
	}
	s := fake(t, strings.Repeat("1", 40), p.bytes())
	for name, c := range map[string]struct {
		limits git.Limits
		says   string
	}{
		"CPU":    {git.Limits{CPU: time.Second}, "takes more than 1s of CPU time"},
		"memory": {git.Limits{Memory: 24 << 20}, "takes more than 24 MiB of memory"},
		"bytes":  {git.Limits{Bytes: 1000}, "more than 1000 bytes"},
		"number": {git.Limits{Objects: 10}, "more than 10"},
		"object": {git.Limits{Object: 1000}, "more than 1000"},
	} {
		o := r.options(t)
		o.URL, o.Auth, o.Fetch = s.URL+"/org.git", git.Auth{}, c.limits
		if err := fetch(t, open(t, o), git.ErrLimit); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := r.options(t)
	o.Child = []string{"/nonexistent"}
	if err := open(t, o).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "start the fetching child") {
		t.Errorf("no child: %v", err)
	}
	o.Child = []string{"/bin/sh", "-c", "kill -9 $$"}
	fetch(t, open(t, o), git.ErrLimit)
}

// TestSilence: a remote that says nothing more is given up, and one that is
// asked no more as well.
func TestSilence(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	release := make(chan struct{})
	asked := make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked <- struct{}{}
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	for _, child := range []bool{true, false} {
		o := r.options(t)
		o.URL, o.Auth, o.Fetch.Wall = s.URL+"/org.git", git.Auth{}, 300*time.Millisecond
		if !child {
			o.Child = nil
		}
		fetch(t, open(t, o), git.ErrUnreachable)
		for len(asked) > 0 { // on a busy machine the child may have come to nothing before it asked
			<-asked
		}
		o.Fetch.Wall = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-asked
			cancel()
		}()
		if err := open(t, o).Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	}
}

// TestChildHidesSecrets: the child is told what it must know over a pipe alone.
func TestChildHidesSecrets(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	said := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var seen strings.Builder
		all, _ := filepath.Glob("/proc/[0-9]*")
		for _, proc := range all {
			args, _ := os.ReadFile(proc + "/cmdline")
			if !strings.Contains(string(args), git.ChildArg) {
				continue
			}
			env, _ := os.ReadFile(proc + "/environ")
			fmt.Fprintf(&seen, "%s %s\n", args, env)
		}
		select {
		case said <- seen.String():
		default:
		}
		http.Error(w, "no", http.StatusInternalServerError)
	}))
	t.Cleanup(s.Close)
	o := r.options(t)
	o.URL = s.URL + "/org.git"
	fetch(t, open(t, o), git.ErrUnreachable)
	if seen := <-said; !strings.Contains(seen, git.ChildArg) || strings.Contains(seen, "canary") || strings.Contains(seen, "PATH") {
		t.Errorf("seen of the child: %q", seen)
	}
	if shown := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(shown, "ss word") {
		t.Error("options show the password")
	}
	o.Auth.Password = password
	if shown := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(shown, "ss word") {
		t.Error("options show the password")
	}
}

// TestKilledChild: kill -9 of the child in the middle of a pack leaves a mirror
// that works.
func TestKilledChild(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	files := backend(t, filepath.Dir(r.bare.dir))
	kill := true
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && kill {
			kill = false
			io.WriteString(w, "0008NAK\n")
			w.(http.Flusher).Flush()
			end(t, req)
			<-req.Context().Done()
			return
		}
		files.ServeHTTP(w, req)
	}))
	t.Cleanup(s.Close)
	o := r.options(t)
	o.URL, o.Auth = s.URL+"/org.git", git.Auth{}
	mirror := open(t, o)
	fetch(t, mirror, git.ErrLimit)
	fetch(t, mirror, nil)
	if len(contents(t, mirror, head(t, mirror), ".")) != 2 {
		t.Error("the mirror is not whole")
	}
}

// end kills the child that asks: the one child of ours that holds the other end
// of the connection is found by the port.
func end(t *testing.T, req *http.Request) {
	_, port, _ := strings.Cut(req.RemoteAddr, ":")
	self := fmt.Sprint(os.Getpid())
	children, err := exec.Command("ps", "-o", "pid=", "--ppid", self).Output()
	if err != nil {
		t.Error(err)
	}
	for pid := range strings.FieldsSeq(string(children)) {
		args, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if !strings.Contains(string(args), git.ChildArg) || !holds(pid, port) {
			continue
		}
		var n int
		fmt.Sscan(pid, &n)
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// holds reports whether a process has a socket of a local port.
func holds(pid, port string) bool {
	var n int
	fmt.Sscan(port, &n)
	table, _ := os.ReadFile("/proc/net/tcp")
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 10 || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
			continue
		}
		links, _ := filepath.Glob("/proc/" + pid + "/fd/*")
		for _, link := range links {
			if to, _ := os.Readlink(link); to == "socket:["+f[9]+"]" {
				return true
			}
		}
	}
	return false
}
