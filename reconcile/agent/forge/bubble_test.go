package forge

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A pipes listener hands out connections in memory, so that the whole of
// net/http runs on the clock of a bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bubble runs a test with a fake of the named forge and a client of it.
func bubble(t *testing.T, name string, test func(t *testing.T, f *fake, forge Forge)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t, name)
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := &http.Server{Handler: f}
		go func() { _ = server.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial}
		test(t, f, f.client(Options{Transport: transport}))
		transport.CloseIdleConnections()
		_ = server.Close()
		synctest.Wait()
	})
}

// client opens another one: as after a restart.
func (f *fake) client(o Options) Forge {
	f.t.Helper()
	if o.URL == "" {
		o.URL = "http://localhost/"
	}
	o.Repo, o.Token = f.dialect.repo, token+"\n"
	forge, err := f.dialect.open(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return forge
}

// everywhere runs a test on each forge.
func everywhere(t *testing.T, test func(t *testing.T, f *fake, forge Forge)) {
	t.Helper()
	for name := range dialects {
		t.Run(name, func(t *testing.T) { bubble(t, name, test) })
	}
}

// Quirks that forges and what stands before them were seen to have.

func answers5xx(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = io.WriteString(w, "<html><h1>502 Bad Gateway</h1> "+token)
	return true
}

// doesAndBreaks carries out the request, and loses the answer.
func (f *fake) doesAndBreaks(_ http.ResponseWriter, r *http.Request) bool {
	f.mux.ServeHTTP(&lost{}, r)
	panic(http.ErrAbortHandler)
}

// A lost answer goes nowhere.
type lost struct{ header http.Header }

func (l *lost) Header() http.Header {
	if l.header == nil {
		l.header = make(http.Header)
	}
	return l.header
}
func (*lost) Write(p []byte) (int, error) { return len(p), nil }
func (*lost) WriteHeader(int)             {}

// limits answers a rate limit.
func limits(code int, message string, header ...string) quirk {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"message": %q}`, message)
		return true
	}
}

func inSeconds(n int) string { return strconv.FormatInt(time.Now().Unix()+int64(n), 10) }
