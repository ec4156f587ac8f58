package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// slowest is the rate, in bytes a second, under which a reply is given up: a
// server that sends a byte a minute is never silent, and never done.
const slowest = 1 << 10

var (
	// errTooLong: a reply is longer than is allowed. The rest of it is in the
	// way, so the connection is over.
	errTooLong = errors.New("the server sends more than is allowed")
	// errTotal: the run has fetched as much as it may.
	errTotal = errors.New("the run has fetched as many bytes as it may")
)

// A guard is a connection whose server need not answer, nor ever end. Each reply
// has a time and a number of bytes; between replies there is no deadline. The
// clients' own deadlines are not let through.
type guard struct {
	net.Conn
	limits Limits
	stop   func() bool // waiting for the end of the context

	mu    sync.Mutex
	since time.Time // when the reply under way was asked for; zero is none
	got   int64     // bytes of it
	most  int64
	fault error // why the connection is over
}

// connect connects to the server. The connection ends with ctx.
func connect(ctx context.Context, s Server, limits Limits) (*guard, error) {
	dialing, cancel := context.WithTimeout(ctx, limits.Idle)
	defer cancel()
	conn, err := s.dial(dialing)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s, err)
	}
	g := &guard{Conn: conn, limits: limits}
	g.stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
	return g, nil
}

// Close implements net.Conn.
func (g *guard) Close() error {
	g.stop()
	return g.Conn.Close()
}

// expect begins a reply of at most so many bytes.
func (g *guard) expect(most int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since, g.got, g.most = time.Now(), 0, most
	g.deadline()
}

// allow lets the reply under way be longer: its length is known now.
func (g *guard) allow(more int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most += more
}

// rest ends a reply.
func (g *guard) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Time{}
	g.deadline()
}

// deadline sets until when the next byte must be here. A failure shows at the
// next read.
func (g *guard) deadline() {
	if g.since.IsZero() {
		_ = g.Conn.SetReadDeadline(time.Time{})
		return
	}
	next := time.Now().Add(g.limits.Idle)
	if last := g.since.Add(10*g.limits.Idle + time.Duration(g.got/slowest)*time.Second); last.Before(next) {
		next = last
	}
	_ = g.Conn.SetReadDeadline(next)
}

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	if err := g.broken(); err != nil {
		return 0, err
	}
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.got += int64(n); g.got > g.most && err == nil {
		err = errTooLong
	}
	if err == nil {
		g.deadline()
		return n, nil
	}
	if g.fault == nil {
		g.fault = plain(err)
	}
	return n, g.fault
}

// plain words the end of a connection without its addresses, so that one that
// comes again is the same.
func plain(err error) error {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the server closed the connection")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("the server is silent or too slow")
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// Write implements net.Conn.
func (g *guard) Write(p []byte) (int, error) {
	if err := g.Conn.SetWriteDeadline(time.Now().Add(g.limits.Idle)); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// broken is why the connection is over; nil while it is not.
func (g *guard) broken() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fault
}

// SetDeadline implements net.Conn, and does nothing.
func (g *guard) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn, and does nothing.
func (g *guard) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn, and does nothing.
func (g *guard) SetWriteDeadline(time.Time) error { return nil }

// give ends the connection for a reason that its reader found.
func (g *guard) give(fault error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault == nil {
		g.fault = fault
	}
	_ = g.Close()
}
