// Package agent is the daemon: it follows a repository, keeps the live store as
// the commit in force asks for it, and tells people. One level-triggered loop
// does everything: whatever woke it, it looks at the repository, the clock and
// the store as they are, plans what differs, and applies it.
//
// A commit that is wrong or refused by a guard changes nothing, and the one
// before it stays in force. What others change in the store is told, taken back,
// or proposed as a change of the declarations, as the organization says.
//
// Imports: reconcile, reconcile/git, reconcile/snapshot, schema, schema/load, schema/load/edit,
// schema/resolve, schema/track, schema/window, and Prometheus' client.
package agent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"mailops/reconcile"
)

// A Source is where revisions of the declarations come from.
type Source interface {
	// Fetch brings the source up to date; where there is nothing to fetch it does
	// nothing.
	Fetch(ctx context.Context) error

	// Head returns the newest revision.
	Head(ctx context.Context) (Revision, error)

	// Find returns the revision of that id, as the ledger has it; an error when
	// this source has none of it.
	Find(ctx context.Context, id string) (Revision, error)

	// FS holds the declarations of a revision.
	FS(ctx context.Context, r Revision) (fs.FS, error)

	// Changed lists the files that differ between two revisions.
	Changed(ctx context.Context, from, to Revision) ([]string, error)

	// Rewritten says why to does not come after from: because the branch was
	// rewritten; "" when it does.
	Rewritten(ctx context.Context, from, to Revision) (string, error)

	// Propose puts a change of files on top of a revision, as a branch of that
	// name where the source has such, and returns where it can be seen.
	Propose(ctx context.Context, p Proposal) (string, error)

	// Watch tells when the newest revision may be another one.
	Watch(ctx context.Context) (<-chan struct{}, error)
}

// A Revision is one state of the declarations.
type Revision struct {
	ID      string    `json:"id"` // git:COMMIT or worktree:DIGEST, as in plans and the ledger
	Author  string    `json:"author,omitempty"`
	Email   string    `json:"-"`
	At      time.Time `json:"at,omitzero"` // it was committed
	Subject string    `json:"subject,omitempty"`

	own any // what the source wants to remember
}

// A Proposal is a change of the declarations that somebody should look at.
type Proposal struct {
	Branch  string
	Base    Revision
	Files   map[string][]byte // by path; nil removes the file
	Message string
	Author  string
	At      time.Time
}

// A Store is what an agent keeps true.
type Store interface {
	reconcile.Store
	reconcile.Ledger
	reconcile.Pauser
	reconcile.Leader
	reconcile.Witness
	reconcile.Watcher
}

// Options says how an agent works. Source and Open are needed.
type Options struct {
	Source Source
	Open   func(ctx context.Context) (Store, error) // the live store; asked again while it cannot be opened
	Name   string                                   // of the store, without credentials; Where says another
	Where  Where                                    // nil: the store does not depend on the declarations
	Holder string                                   // who this agent is, among those of the store
	Env    map[string]string                        // that passwords may be in

	Interval    time.Duration // between looks at the repository; 0 is a minute
	Whole       time.Duration // between whole reads of the store; 0 is ten minutes
	AllowRewind bool          // follow a branch that was rewritten
	Branch      string        // for proposals; "" is mailops/drift

	Publish      Publisher     // of snapshots; nil: none are published
	PublishEvery time.Duration // how often at least; 0 is an hour

	Log     *slog.Logger // nil is silent
	Observe Observer     // nil is nobody
	Version string
}

// An Observer is told what happens. It must not block.
type Observer interface {
	// Ran is told of each look that did or found something, with what is known
	// after it.
	Ran(r Report, s *Status)

	// Published is told that a snapshot was published, or could not be: which, the
	// status's Publication says.
	Published(s *Status)
}

// Where reads in the files of a revision where the live state is: what Open opens from
// then on, and its name. Another name is another store.
type Where func(files fs.FS) (name string, err error)

// The times that nobody chooses.
const (
	defaultInterval = time.Minute
	defaultWhole    = 10 * time.Minute
	firstRetry      = 750 * time.Millisecond // as Flux: gitops-anchors §6
	lastRetry       = 15 * time.Minute
	standby         = 5 * time.Second // between tries to lead the store
)

func (o Options) orDefaults() Options {
	if o.Interval == 0 {
		o.Interval = defaultInterval
	}
	if o.Whole == 0 {
		o.Whole = defaultWhole
	}
	if o.PublishEvery == 0 {
		o.PublishEvery = defaultPublish
	}
	if o.Branch == "" {
		o.Branch = "mailops/drift"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = nobody{}
	}
	return o
}

type nobody struct{}

func (nobody) Ran(Report, *Status) {}
func (nobody) Published(*Status)   {}

// An Agent is one that runs, or has not begun to.
type Agent struct {
	Options
	triggers triggers
	status   statusBoard
	desk     desk
}

// New makes an agent. It does nothing until Run.
func New(o Options) *Agent {
	return &Agent{Options: o.orDefaults(), triggers: newTriggers()}
}

// Status is what is known now. It belongs to the caller.
func (a *Agent) Status() Status { return a.status.get() }

// Trigger asks for a look, and says why. Many triggers are one look.
func (a *Agent) Trigger(why Cause) { a.triggers.pull(why) }

// Queue is how many reasons to look wait.
func (a *Agent) Queue() int { return a.triggers.depth() }

// Reconcile asks for a look, and waits for one that began after it was asked
// for. The error is that of ctx, or of an agent that has ended.
func (a *Agent) Reconcile(ctx context.Context) (Status, error) {
	if err := a.triggers.pullAndWait(ctx, CauseHand); err != nil {
		return Status{}, err
	}
	return a.Status(), nil
}

// Run follows the repository until ctx ends, and returns nil then. A look that
// is under way when it ends is abandoned: what it had begun to apply is applied
// whole, or not at all.
func (a *Agent) Run(ctx context.Context) error {
	defer a.triggers.close()
	l := newLoop(a)
	defer l.end()
	err := l.run(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		a.Log.Info("agent: ends")
		return nil
	}
	return err
}
