package backup

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// An imapbox is a mailbox over IMAP: every folder that is the user's own. The
// library hands out messages as they stream in, and the guard bounds the rest.
type imapbox struct {
	*imapclient.Client
	guard    *guard
	server   Server
	folder   string // the one that is open; "" is none
	validity map[string]uint32
}

// mostReply is how long a reply may be beside the message that it carries.
const mostReply = 64 << 10

func enterIMAP(g *guard, o Options) (*imapbox, error) {
	g.expect(mostReply)
	defer g.rest()
	i := &imapbox{Client: imapclient.New(g, nil), guard: g, server: o.Server, validity: make(map[string]uint32)}
	err := i.WaitGreeting()
	if err == nil {
		err = i.Login(o.Server.name(o.Address), o.Server.Password).Wait()
	}
	if err == nil {
		return i, nil
	}
	var said *imap.Error
	if !errors.As(err, &said) && g.broken() == nil {
		g.give(err) // it speaks no IMAP
	}
	_ = i.Client.Close()
	return nil, refused(g, o, err)
}

// list implements mailbox.
func (i *imapbox) list() ([]remote, []string, error) {
	folders, err := i.folders()
	if err != nil {
		return nil, nil, i.fault("list folders", err)
	}
	var all []remote
	for _, folder := range folders {
		remotes, err := i.messages(folder)
		if err != nil {
			return nil, nil, i.fault("list "+folder, err)
		}
		all = append(all, remotes...)
	}
	return all, nil, nil
}

// folders are those with messages that are the user's own: what others share
// with the user is in their mailboxes.
func (i *imapbox) folders() ([]string, error) {
	i.guard.expect(i.guard.limits.Listing)
	defer i.guard.rest()
	var foreign []imap.NamespaceDescriptor
	if i.Caps().Has(imap.CapNamespace) {
		n, err := i.Namespace().Wait()
		if err != nil {
			return nil, err
		}
		foreign = slices.Concat(n.Other, n.Shared)
	}
	listed, err := i.List("", "*", nil).Collect()
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, l := range listed {
		closed := slices.Contains(l.Attrs, imap.MailboxAttrNoSelect) || slices.Contains(l.Attrs, imap.MailboxAttrNonExistent)
		others := slices.ContainsFunc(foreign, func(n imap.NamespaceDescriptor) bool {
			return n.Prefix != "" && strings.HasPrefix(l.Mailbox, n.Prefix)
		})
		if !closed && !others && !slices.Contains(folders, l.Mailbox) {
			folders = append(folders, l.Mailbox)
		}
	}
	return folders, nil
}

// messages lists one folder.
func (i *imapbox) messages(folder string) ([]remote, error) {
	opened, err := i.open(folder)
	if err != nil || opened.NumMessages == 0 {
		return nil, err
	}
	i.validity[folder] = opened.UIDValidity
	i.guard.expect(i.guard.limits.Listing)
	defer i.guard.rest()
	cmd := i.Fetch(imap.UIDSet{imap.UIDRange{Start: 1}}, &imap.FetchOptions{UID: true, RFC822Size: true}) // 1:*
	var out []remote
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		r := remote{folder: folder, size: -1}
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				r.number = uint32(item.UID)
			case imapclient.FetchItemDataRFC822Size:
				r.size = item.Size
			}
		}
		if r.number != 0 {
			r.uid = fmt.Sprintf("%d/%d", opened.UIDValidity, r.number)
			out = append(out, r)
		}
	}
	return out, cmd.Close()
}

// open selects a folder for reading only.
func (i *imapbox) open(folder string) (*imap.SelectData, error) {
	i.guard.expect(mostReply)
	defer i.guard.rest()
	i.folder = ""
	opened, err := i.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err == nil {
		i.folder = folder
	}
	return opened, err
}

// fetch implements mailbox. BODY.PEEK marks nothing as seen.
func (i *imapbox) fetch(r remote, to io.Writer) error {
	if i.folder != r.folder {
		opened, err := i.open(r.folder)
		if err != nil {
			return i.fault("open "+r.folder, err)
		}
		if opened.UIDValidity != i.validity[r.folder] {
			i.guard.give(errors.New("the server has given all messages new names meanwhile"))
			return i.alive()
		}
	}
	i.guard.expect(mostReply)
	defer i.guard.rest()
	cmd := i.Fetch(imap.UIDSetNum(imap.UID(r.number)), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	got, err := i.receive(cmd, to)
	if err == nil {
		err = cmd.Close()
	}
	if err != nil {
		return i.fault("fetch", err)
	}
	if !got {
		return errors.New("fetch: the server sends nothing for it")
	}
	return nil
}

// receive takes the body out of the replies to one fetch.
func (i *imapbox) receive(cmd *imapclient.FetchCommand, to io.Writer) (got bool, err error) {
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		for item := m.Next(); item != nil; item = m.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil || got {
				continue
			}
			if err := i.copy(body.Literal, to); err != nil {
				return false, err
			}
			got = true
		}
	}
	return got, nil
}

// copy takes a literal. One that is not taken whole ends the connection; it is
// then read to its first error, and no further: the library's reader waits for
// that, and goes on beside whoever reads more.
func (i *imapbox) copy(l imap.LiteralReader, to io.Writer) error {
	once := &readOnce{Reader: l}
	err := errTooLong
	if size := l.Size(); size <= i.guard.limits.Message {
		i.guard.allow(size)
		var n int64
		if n, err = io.Copy(to, once); err == nil && n == size {
			return nil
		} else if err == nil {
			err = errors.Join(i.alive(), io.ErrUnexpectedEOF)
		}
	}
	i.guard.give(err)
	_, _ = io.Copy(io.Discard, once)
	return err
}

// A readOnce is not read again after its first error.
type readOnce struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (r *readOnce) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.Reader.Read(p)
	r.err = err
	return n, err
}

// fault words an error: the connection's own where it is over, else what the
// server said.
func (i *imapbox) fault(act string, err error) error {
	var said *imap.Error
	switch {
	case i.alive() != nil:
		err = i.alive()
	case errors.As(err, &said):
		return fmt.Errorf("%s: the server says: %w", act, i.server.said(err))
	default:
		i.guard.give(fmt.Errorf("the server speaks no IMAP that is understood: %w", i.server.said(err)))
		err = i.alive()
	}
	return fmt.Errorf("%s: %w", act, err)
}

// alive implements mailbox.
func (i *imapbox) alive() error { return i.guard.broken() }

// leave implements mailbox.
func (i *imapbox) leave() {
	i.guard.expect(mostReply)
	if i.alive() == nil {
		_ = i.Logout().Wait()
	}
	_ = i.guard.Close()
	_ = i.Client.Close()
}
