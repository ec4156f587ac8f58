package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A mailbox is a session with a server, signed in to one user's mail. It only
// reads: nothing is moved or deleted, and over IMAP nothing is marked. (Over POP3
// a server may mark what it hands out, as Dovecot does unless
// pop3_no_flag_updates is set.) An error of the server's about one message leaves
// the session usable; alive says whether it is.
type mailbox interface {
	// list names every message that the server has, with what is odd about it.
	list() ([]remote, []string, error)
	// fetch writes the exact bytes of a message.
	fetch(r remote, to io.Writer) error
	// alive is why the session is over; nil while it is not.
	alive() error
	// leave signs out; the error does not matter any more.
	leave()
}

// A remote is a message on the server.
type remote struct {
	folder string
	uid    string // "": the server has no name for it, or none that can be trusted
	size   int64  // as listed; -1 is unknown
	number uint32 // what this session calls it
}

// key tells messages apart as far as the server does, over sessions.
func (r remote) key() string {
	if r.uid != "" {
		return fmt.Sprintf("%s uid %s size %d", r.folder, r.uid, r.size)
	}
	return fmt.Sprintf("%s number %d size %d", r.folder, r.number, r.size)
}

// String names the message to people.
func (r remote) String() string {
	if r.uid != "" {
		return fmt.Sprintf("%s %q", r.folder, r.uid)
	}
	return fmt.Sprintf("%s number %d", r.folder, r.number)
}

// errSignIn: the server does not let the master user in. Trying again would
// only lock it out.
var errSignIn = errors.New("sign in")

// enter signs in to the user's mail.
func enter(ctx context.Context, o Options) (mailbox, error) {
	g, err := connect(ctx, o.Server, o.Limits)
	if err != nil {
		return nil, err
	}
	var box mailbox
	if o.Server.Protocol() == "pop" {
		box, err = enterPOP(g, o)
	} else {
		box, err = enterIMAP(g, o)
	}
	if err != nil {
		_ = g.Close()
		return nil, err
	}
	return box, nil
}

// refused tells a server that says no from a connection that broke, and from a
// server that says not now.
func refused(g *guard, o Options, err error) error {
	if broken := g.broken(); broken != nil {
		return fmt.Errorf("sign in to %s: %w", o.Server, broken)
	}
	for _, passing := range []string{"[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]", "[UNAVAILABLE]"} {
		if strings.Contains(err.Error(), passing) {
			return fmt.Errorf("sign in to %s: %w", o.Server, o.Server.said(err))
		}
	}
	return fmt.Errorf("%w to %s as %s: %w", errSignIn, o.Server, o.Server.name(o.Address), o.Server.said(err))
}
