// Package backup copies a user's mail from a mail server into an archive of
// files: over POP3 or IMAP, signed in as a master user, reading only. An archive
// keeps every message that it ever had; a run fetches what it lacks.
//
// The server is not trusted: not to answer, to be brief, or to tell messages
// apart. The archive trusts a name that the server gives a message only as far
// as the rest of the listing bears it out; where it does not, the message is
// fetched and told by the SHA-256 of its bytes.
//
// Imports: reconcile, schema, the clients of knadh/go-pop3 and emersion/go-imap,
// emersion/go-maildir, and the standard library. Who may be backed up is for
// reconcile to say, and settings are for the command.
package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"mailops/schema"
)

// Options says what is backed up, from where and to where.
type Options struct {
	Address schema.Address
	Server  Server
	Dir     string // of the archive
	Storage string // one of [Storages]; "" is what the archive has, else maildir
	Limits  Limits
	Now     func() time.Time // nil is time.Now

	// Progress is told of each message that is stored or known; nil is nobody.
	Progress func(done, of int)
}

// Limits bounds what a server may take of time, disk and memory. The zero value
// is for a mail server of the organization's own.
type Limits struct {
	Idle    time.Duration // how long the server may say nothing; 0 is a minute
	Message int64         // bytes of one message; 0 is 256 MiB
	Listing int64         // bytes of one listing, which is held in memory; 0 is 16 MiB, or half a million messages
	Total   int64         // bytes of one run; 0 is 64 GiB
	Pause   time.Duration // before a lost connection is tried again; 0 is a second
}

// attempts is how often a connection is made without getting one message
// further, and how often one message is asked for.
const attempts = 3

func (l Limits) filled() Limits {
	l.Idle = cmp.Or(l.Idle, time.Minute)
	l.Message = cmp.Or(l.Message, 256<<20)
	l.Listing = cmp.Or(l.Listing, 16<<20)
	l.Total = cmp.Or(l.Total, 64<<30)
	l.Pause = cmp.Or(l.Pause, time.Second)
	return l
}

// The errors that callers tell apart.
var (
	// ErrRunning: another process works on the archive.
	ErrRunning = errors.New("another process works on this archive")
	// ErrIncomplete: some messages could not be fetched. What could is kept.
	ErrIncomplete = errors.New("the backup is not complete")
	// ErrStorage: the archive is of another storage than was asked for.
	ErrStorage = errors.New("the archive has another storage")
)

// Take fetches what the archive lacks. The run is what the manifest remembers of
// it, also when there is an error: what was fetched until then is kept, and the
// next Take goes on from there.
func Take(ctx context.Context, o Options) (Run, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limits = o.Limits.filled()
	a, err := openArchive(o.Dir, o.Address, o.Storage)
	if err != nil {
		return Run{}, fmt.Errorf("open archive: %w", err)
	}
	t := &taker{Options: o, archive: a, tries: make(map[string]int), odd: make(map[string]int)}
	t.run = Run{StartedAt: o.Now().UTC(), Server: o.Server.String(), Protocol: o.Server.Protocol(), State: StateRunning}
	if err = a.begin(t.run); err == nil {
		err = errors.Join(t.sessions(ctx), ctx.Err())
	}
	if err == nil {
		err = t.missing()
	}
	t.close(err)
	return t.run, errors.Join(err, a.end(t.run), a.close())
}

// close writes down how the run went.
func (t *taker) close(err error) {
	t.run.EndedAt, t.run.State, t.run.Odd = t.Now().UTC(), StateCompleted, t.oddities()
	if err != nil {
		t.run.State, t.run.Error = StateFailed, err.Error()
	}
}
