package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// heap returns the bytes that are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestFlood sends what strangers may send, much of it: nothing triggers, and
// nothing of it stays in memory.
func TestFlood(t *testing.T) {
	o := newTarget(t, Options{Secrets: allSecrets()})
	wrong := []request{
		githubPush(body).with("X-Hub-Signature-256", ""),
		githubPush(body).saying(strings.Repeat("1", 10_000)),
		giteaPush(body).with("X-Gitea-Signature", hexSum("another", body)),
		gitlabPush(body).with("X-Gitlab-Token", strings.Repeat("1", 5000)),
		genericPush(body, time.Now()).saying("another"),
		genericPush(body, time.Now().Add(-time.Hour)),
		githubPush(body).of("bitbucket"),
	}
	flood := func(n int) {
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := range n / 8 {
					r := wrong[(worker+i)%len(wrong)]
					if got := o.send(r.with("X-GitHub-Delivery", fmt.Sprint(worker, i))); strings.HasPrefix(got, "2") {
						t.Errorf("answer is %q", got)
					}
				}
			})
		}
		all.Wait()
	}
	flood(1000)
	began := heap()
	flood(20_000)
	if grown := heap() - began; grown > 1<<20 {
		t.Errorf("20,000 requests left %d bytes", grown)
	}
	if n := o.triggered.Load(); n != 0 {
		t.Errorf("%d triggers", n)
	}
	if got := o.send(githubPush(body)); got != triggered {
		t.Errorf("after the flood the answer is %q", got)
	}
}

// TestManyPushes holds that what is remembered of right requests has bounds too.
func TestManyPushes(t *testing.T) {
	o := newTarget(t, Options{Secrets: allSecrets()})
	const all = 12_000
	for i := range all {
		text := fmt.Sprintf(`{"after":"%d"}`, i)
		if got := o.send(githubPush(text).with("X-GitHub-Delivery", fmt.Sprint(i))); got != triggered {
			t.Fatalf("answer %d is %q", i, got)
		}
	}
	for _, c := range []struct {
		i    int
		want string
	}{{all - 1, repeated}, {all - mostSeen/2 + 1, repeated}, {0, triggered}} {
		text := fmt.Sprintf(`{"after":"%d"}`, c.i)
		if got := o.send(githubPush(text).with("X-GitHub-Delivery", fmt.Sprint(c.i))); got != c.want {
			t.Errorf("the second answer to %d is %q, want %q", c.i, got, c.want)
		}
	}
	var s seen
	now := time.Now()
	for i := range 3 * mostSeen {
		s.before(now, "github", fmt.Sprint(i), []byte(fmt.Sprint(i)))
	}
	if len(s.marks) > mostSeen || len(s.queue) != len(s.marks) || cap(s.queue) > 3*mostSeen {
		t.Errorf("%d marks and %d in the queue (of %d), want at most %d", len(s.marks), len(s.queue), cap(s.queue), mostSeen)
	}
}

// TestAtOnce sends one push a hundred times at once: it triggers once.
func TestAtOnce(t *testing.T) {
	o := newTarget(t, Options{Secrets: allSecrets()})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() { o.send(giteaPush(body)) })
	}
	all.Wait()
	if n := o.triggered.Load(); n != 1 || o.results[Repeated] != 99 {
		t.Errorf("%d triggers, results %v", n, o.results)
	}
}

// endless is a body of any length that takes no memory.
type endless struct{ sent atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.sent.Add(int64(len(p)))
	return len(p), nil
}

// TestLargeBodies sends 100 MB to a real server, with and without saying so.
func TestLargeBodies(t *testing.T) {
	o := newTarget(t, Options{Secrets: allSecrets()})
	server := httptest.NewServer(o)
	defer server.Close()
	const size = 100 << 20
	before := heap()
	for name, length := range map[string]int64{"said": size, "chunked": -1} {
		sent := new(endless)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/hooks/github", io.LimitReader(sent, size))
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = length
		for name, value := range githubPush(body).header {
			r.Header.Set(name, value)
		}
		answer, err := server.Client().Do(r)
		if err == nil { // or the connection was shut while the body was being sent
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: answer is %s", name, answer.Status)
			}
		}
		if n := sent.sent.Load(); n > size/2 {
			t.Errorf("%s: %d bytes were taken", name, n)
		}
	}
	server.CloseClientConnections()
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if got := o.results[TooLarge]; got != 2 {
		t.Errorf("results are %v", o.results)
	}
}

// pipes is a listener whose connections are pipes, which a bubble can hold.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// TestSlowBodies sends bodies byte by byte, and some that end in the middle. The
// server itself has no deadlines.
func TestSlowBodies(t *testing.T) {
	signature := "X-Hub-Signature-256: sha256=" + hexSum(secret, body) + "\r\n"
	for name, c := range map[string]struct {
		path, header string
		after        time.Duration // until the connection ends
		result       Result
	}{
		"signed":        {"github", signature, bodyTime, Broken},
		"chunked":       {"github", signature + "Transfer-Encoding: chunked\r\n", bodyTime, Broken},
		"not signed":    {"github", "", bodyTime, Refused},
		"another forge": {"bitbucket", "", bodyTime, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newTarget(t, Options{Secrets: allSecrets()})
				server := &http.Server{Handler: o}
				listener := pipes{make(chan net.Conn), make(chan struct{})}
				go func() { _ = server.Serve(listener) }() // it ends with the test
				here, there := net.Pipe()
				listener.conns <- there
				began := time.Now()
				var writer sync.WaitGroup
				writer.Go(func() {
					length := ""
					if !strings.Contains(c.header, "chunked") {
						length = "Content-Length: 100000\r\n"
					}
					_, err := io.WriteString(here, "POST /hooks/"+c.path+" HTTP/1.1\r\nHost: x\r\n"+length+c.header+"\r\n")
					for err == nil {
						time.Sleep(time.Second)
						_, err = io.WriteString(here, "1")
						if strings.Contains(c.header, "chunked") && err == nil {
							_, err = io.WriteString(here, "\r\n1\r\n")
						}
					}
				})
				_, err := io.Copy(io.Discard, here) // until the server hangs up
				if took := time.Since(began); err != nil || took > c.after+5*time.Second {
					t.Errorf("the connection ended after %s: %v", took, err)
				}
				if c.result != "" && o.results[c.result] != 1 {
					t.Errorf("results are %v, want one %s", o.results, c.result)
				}
				_ = here.Close()
				writer.Wait()
				if err := server.Shutdown(context.Background()); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}
