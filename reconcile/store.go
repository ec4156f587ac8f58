package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"mailops/schema"
)

// A Store is where live state is. All its methods may be called at the same
// time from several goroutines, and from several processes.
type Store interface {
	// Read yields every live resource in key order ([schema.Key.Compare]). An
	// error is yielded last, with a zero Row, and ends it; a read that failed
	// never looks like a store with fewer resources. Breaking off is allowed.
	Read(ctx context.Context) iter.Seq2[Row, error]

	// Apply carries out the changes of a batch and records them, with what was
	// there before, as a run of the ledger, whose id it returns.
	//
	// Each change is compared with the row as it is now: when a row's version
	// is not the one that the change saw, the error is a *ConflictError naming
	// every such row, and nothing is written. An address that another kind of
	// resource holds is a conflict too. A batch without changes records a run.
	// Apply is whole or not at all, also when the process dies; a [Piecemeal]
	// store alone goes half-way.
	Apply(ctx context.Context, b Batch) (run int64, err error)

	// Close releases the store. It does not wait for readers.
	Close() error
}

// A Ledger is what mailops remembers beside a store. Every Store of this
// module is one; it is an interface of its own because hosted services keep
// theirs elsewhere.
type Ledger interface {
	// Runs returns the past runs, newest first, without their changes; at most
	// limit of them, all when limit is 0.
	Runs(ctx context.Context, limit int) ([]Run, error)

	// Since returns the runs since a time, newest first, without their changes, and
	// the newest in any case.
	Since(ctx context.Context, since time.Time) ([]Run, error)

	// History returns the newest runs that changed what has a name, newest first, at
	// most limit of them, each with the changes of that name alone.
	History(ctx context.Context, name string, limit int) ([]Run, error)

	// Run returns one run with its changes, in the order in which they were
	// carried out. An unknown id is an error that wraps ErrNoRun.
	Run(ctx context.Context, id int64) (Run, error)
}

// A Recorder is a store that keeps fields which nothing behind it enforces:
// that they are set changes what is written there, and nobody's mail.
type Recorder interface {
	// Recorded lists the paths of those fields.
	Recorded() []string
}

// A Row is a live resource as it was read, and for a user what the user owns.
type Row struct {
	schema.Resource
	Observed schema.Observed
}

// A Batch is what Apply carries out.
type Batch struct {
	Run                    // what the ledger records; ID and LiveUsers are set by the store
	Secrets schema.Secrets // hashes for the fingerprints that the changes set; those that the store remembers may be missing
	Epoch   int64          // of the agent that applies; when it is not the store's, the error wraps ErrFenced. 0: no agent

	Progress func(Progress) // told as a Piecemeal store goes on; nil: nobody asks
}

// A Run is one apply, as the ledger remembers it.
type Run struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"` // when it was carried out
	Actor     string    `json:"actor,omitempty"`
	Revision  string    `json:"revision,omitempty"` // of the declarations
	Plan      string    `json:"plan"`               // the plan's id
	Undoes    int64     `json:"undoes,omitempty"`   // the run that it took back
	Summary   Summary   `json:"summary"`
	Counts    Counts    `json:"counts"`
	Whole     bool      `json:"whole,omitempty"` // all that the revision asks for is live after it: nothing was left out or waits
	LiveUsers int       `json:"liveUsers"`       // how many users the store had when it was done
	Changes   []Change  `json:"changes,omitempty"`
}

// Standing is how the ledger stands, from its runs, newest first: the newest run
// of a revision, which is in force, and the newest one after which all that its
// revision asks for was live. They differ while a part waits. nil is none. What
// an undo left is no revision's.
func Standing(runs []Run) (is, whole *Run) {
	for i := range runs {
		r := &runs[i]
		if r.Undoes != 0 {
			continue
		}
		if is == nil {
			is = r
		}
		if r.Whole {
			return is, r
		}
	}
	return is, nil
}

// The errors that callers tell apart. What a store returns wraps one of them,
// or is a fault of its own.
var (
	// ErrConflict: a row is not as the change saw it. See [ConflictError].
	ErrConflict = errors.New("the live store has moved")
	// ErrNoRun: the ledger has no run of that id.
	ErrNoRun = errors.New("no such run")
	// ErrNoUser: the live store has no such user.
	ErrNoUser = errors.New("there is no such user in the live store")
	// ErrHashes: the store takes hashes of passwords, and these are declared.
	ErrHashes = errors.New("it takes the hashes of passwords, which are declared")
	// ErrNotOnce: the store cannot demand of a user to choose another password.
	ErrNotOnce = errors.New("nothing makes a user choose another password there")
	// ErrUnreachable: the store cannot be opened, read or written at all.
	ErrUnreachable = errors.New("store unreachable")
	// ErrBusy: another apply holds the store.
	ErrBusy = errors.New("another apply is running on this store")
	// ErrNewer: the store was written by a newer mailops.
	ErrNewer = errors.New("the store was written by a newer mailops")
	// ErrNoSecret: a change sets a password whose hash nobody has any more.
	ErrNoSecret = errors.New("the password hash is not at hand")
)

// A ConflictError names the rows that are not as their changes saw them. It
// wraps ErrConflict.
type ConflictError struct {
	Conflicts []Conflict
}

// A Conflict is one row that moved.
type Conflict struct {
	Key    schema.Key `json:"key"`
	Reason string     `json:"reason"` // such as "changed since the plan was made"
}

// The reasons of conflicts.
const (
	ReasonChanged = "changed since the plan was made"
	ReasonSince   = "changed since the run" // that is to be taken back
	ReasonGone    = "is gone"
	ReasonExists  = "exists already"
	ReasonTaken   = "its address is taken by another resource"
	ReasonInUse   = "still has addresses" // a domain that is to be deleted
)

// Error names every row that moved.
func (e *ConflictError) Error() string {
	rows := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		rows[i] = fmt.Sprintf("%s %s", c.Key, c.Reason)
	}
	return ErrConflict.Error() + ": " + strings.Join(rows, "; ")
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Live is the whole of what a store holds.
type Live struct {
	State    schema.State
	Observed map[schema.Address]schema.Observed // of users that have anything to observe
}

// ReadLive reads a store whole. A store that yields out of order is an error:
// the difference of two states relies on it.
func ReadLive(ctx context.Context, s Store) (Live, error) {
	live := Live{Observed: make(map[schema.Address]schema.Observed)}
	var last schema.Key
	for row, err := range s.Read(ctx) {
		if err != nil {
			return Live{}, fmt.Errorf("read live state: %w", err)
		}
		key := row.Key()
		if len(live.State) > 0 && last.Compare(key) >= 0 {
			return Live{}, fmt.Errorf("read live state: %s came after %s", key, last)
		}
		last = key
		live.State = append(live.State, row.Resource)
		if row.Observed != (schema.Observed{}) {
			live.Observed[key.Address()] = row.Observed
		}
	}
	return live, nil
}
