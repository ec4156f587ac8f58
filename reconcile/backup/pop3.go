package backup

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/knadh/go-pop3"
)

// A popbox is a mailbox over POP3. The library speaks the protocol; the guard
// bounds what it reads, and the tap takes messages past it.
type popbox struct {
	*pop3.Conn
	guard  *guard
	tap    *tap
	server Server
}

// inbox is the only folder that POP3 has.
const inbox = "INBOX"

// mostUnlisted is how many messages are asked for that STAT counts and LIST
// leaves out: each costs a round trip, and the count may be a lie.
const mostUnlisted = 10_000

// given is a dialer for a connection that is there already.
type given struct{ net.Conn }

// Dial implements pop3.Dialer.
func (g given) Dial(string, string) (net.Conn, error) { return g.Conn, nil }

func enterPOP(g *guard, o Options) (*popbox, error) {
	p := &popbox{guard: g, tap: newTap(g), server: o.Server}
	g.expect(mostLine)
	defer g.rest()
	var err error
	if p.Conn, err = pop3.New(pop3.Opt{Dialer: given{p.tap}}).NewConn(); err != nil {
		return nil, refused(g, o, err)
	}
	if err := p.User(o.Server.name(o.Address)); err != nil {
		return nil, refused(g, o, err)
	}
	if err := p.Pass(o.Server.Password); err != nil {
		return nil, refused(g, o, err)
	}
	return p, nil
}

// list implements mailbox. The library ends a listing at the first line that
// has one word, so what STAT counts, LIST sizes and UIDL names is put together.
func (p *popbox) list() ([]remote, []string, error) {
	count, _, err := p.stat()
	if err != nil {
		return nil, nil, p.fault("count", err)
	}
	sizes, err := p.column(p.List)
	if err != nil {
		return nil, nil, p.fault("list", err)
	}
	names, err := p.column(p.Uidl)
	if err != nil && p.alive() != nil {
		return nil, nil, p.fault("list UIDLs", err)
	}
	l := newListing()
	for _, m := range sizes {
		l.add(m.ID, int64(m.Size), "")
	}
	for _, m := range names {
		l.add(m.ID, -1, m.UID)
	}
	if count > len(l.byNumber)+mostUnlisted {
		p.guard.give(fmt.Errorf("the server counts %d messages and lists %d", count, len(l.byNumber)))
		return nil, nil, p.fault("list", p.alive())
	}
	for number := range count {
		l.add(number+1, -1, "")
	}
	return l.remotes(), l.odd(count, len(sizes), err), nil
}

func (p *popbox) stat() (int, int, error) {
	p.guard.expect(p.guard.limits.Listing)
	defer p.guard.rest()
	return p.Stat()
}

// column asks for one listing of all messages.
func (p *popbox) column(ask func(int) ([]pop3.MessageID, error)) ([]pop3.MessageID, error) {
	p.guard.expect(p.guard.limits.Listing)
	defer p.guard.rest()
	return ask(0)
}

// fetch implements mailbox.
func (p *popbox) fetch(r remote, to io.Writer) error {
	p.guard.expect(p.guard.limits.Message + mostLine)
	defer p.guard.rest()
	p.tap.to = to
	left, err := p.RetrRaw(int(r.number))
	switch {
	case err == nil && left.Len() > 0 || p.tap.to != nil:
		err = errors.Join(err, errors.New("the server's replies are out of step"))
		p.guard.give(err)
	case p.tap.torn != nil:
		p.guard.give(p.tap.torn)
	case err == nil:
		return nil
	}
	return p.fault("fetch", err)
}

// fault words an error: the connection's own where it is over, else what the
// server said.
func (p *popbox) fault(act string, err error) error {
	if broken := p.alive(); broken != nil {
		return fmt.Errorf("%s: %w", act, broken)
	}
	return fmt.Errorf("%s: the server says: %w", act, p.server.said(err))
}

// alive implements mailbox.
func (p *popbox) alive() error { return p.guard.broken() }

// leave implements mailbox.
func (p *popbox) leave() {
	p.guard.expect(mostLine)
	if p.alive() == nil {
		_ = p.Quit()
	}
	_ = p.guard.Close()
}
