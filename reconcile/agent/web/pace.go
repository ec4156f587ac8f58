package web

import (
	"net/netip"
	"sync"
	"time"
)

// pace makes who tries tokens wait longer and longer. It knows people by their
// network. It does not slow everybody down for somebody's tries: that would lock
// administrators out, and a token is too long to be guessed from many places.
type pace struct {
	mu   sync.Mutex
	from map[netip.Prefix]*tries
}

type tries struct {
	wrong int
	next  time.Time // not before then
}

// The measures of patience.
const (
	freeTries   = 5
	longestWait = time.Minute
	mostSources = 4096
)

// wait is how long somebody has to wait before the next try.
func (p *pace) wait(from netip.Addr, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.from[network(from)]; t != nil {
		return max(0, t.next.Sub(now))
	}
	return 0
}

// wrong notes a try that failed.
func (p *pace) wrong(from netip.Addr, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.from[network(from)]
	if t == nil {
		p.makeRoom(now)
		t = &tries{}
		p.from[network(from)] = t
	}
	t.fail(now)
}

func (t *tries) fail(now time.Time) {
	if now.Sub(t.next) > 10*longestWait {
		t.wrong = 0 // long ago
	}
	t.wrong++
	t.next = now
	if over := t.wrong - freeTries; over >= 0 {
		t.next = now.Add(min(time.Second<<min(over, 10), longestWait))
	}
}

// makeRoom forgets who need not wait any more, and then anybody: a map of all
// the world's addresses does not fit.
func (p *pace) makeRoom(now time.Time) {
	if p.from == nil {
		p.from = make(map[netip.Prefix]*tries)
	}
	for n, t := range p.from {
		if len(p.from) < mostSources {
			return
		}
		if t.next.Before(now) || len(p.from) >= 2*mostSources {
			delete(p.from, n)
		}
	}
}

// right forgets the tries of who knew the token in the end.
func (p *pace) right(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.from, network(from))
}

// network is what one person may have all addresses of.
func network(from netip.Addr) netip.Prefix {
	bits := 32
	if from.Is6() {
		bits = 64
	}
	n, _ := from.Prefix(bits) // the zero value for an address that is not known
	return n
}
