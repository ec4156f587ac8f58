package pgtest

import (
	"net"
	"sync"
	"testing"
)

// A Proxy stands between a client and a server, and can lose what they say.
type Proxy struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	watch func(toServer []byte) Fate
}

// A Fate is what becomes of bytes that a client sends.
type Fate int

// The fates.
const (
	Pass       Fate = iota // both ways are open
	LoseAnswer             // the server gets them, the client no answer: the connection breaks
	LoseAsk                // the server never gets them: the connection breaks
)

// NewProxy stands before an address until the test ends. Of all that clients
// send, watch says what becomes of it; nil lets everything pass.
func NewProxy(t testing.TB, server string, watch func(toServer []byte) Fate) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, server: server, watch: watch}
	go p.serve()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Watch changes who says what becomes of what clients send.
func (p *Proxy) Watch(watch func(toServer []byte) Fate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = watch
}

func (p *Proxy) fate(b []byte) Fate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watch == nil {
		return Pass
	}
	return p.watch(b)
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // it was closed
		}
		go p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return // which the client sees
	}
	defer server.Close()
	lost := make(chan struct{}) // answers reach the client no more
	ended := make(chan struct{})
	go func() {
		answers(client, server, lost)
		close(ended)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		fate := p.fate(buffer[:n])
		if fate == LoseAsk {
			return
		}
		if fate == LoseAnswer {
			close(lost)
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if fate == LoseAnswer {
			<-ended // with the answer that nobody hears
			return
		}
	}
}

// answers passes on what the server says, until answers are lost.
func answers(client, server net.Conn, lost <-chan struct{}) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		select {
		case <-lost:
			_ = client.Close()
			return
		default:
		}
		if _, werr := client.Write(buffer[:n]); err != nil || werr != nil {
			_ = client.Close()
			return
		}
	}
}
