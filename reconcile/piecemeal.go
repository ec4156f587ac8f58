package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mailops/schema"
)

// A Piecemeal is a store without transactions, such as a hosted service behind an
// API: an apply goes through one request at a time, and can end half-way. Its Apply
// compares all rows before it changes the first, as every store's does; what it
// then did and did not is a *PartialError, beside the run that records what it did.
type Piecemeal interface {
	// Cost is how many requests it takes to carry out changes of a live state,
	// reading back included, and how long that is from now on.
	Cost(live schema.State, changes []Change) (Cost, error)

	// CutOff is the apply that was cut off, and has not been resumed; nil is none.
	CutOff(ctx context.Context) (*Run, error)

	// GoOn carries out what is left of the apply that was cut off, after it has
	// asked the service what became of the one operation that was in flight. It
	// returns as Apply does; 0 and no error when there is nothing to resume.
	GoOn(ctx context.Context, progress func(Progress)) (run int64, err error)
}

// A Licensed is a store that knows what was paid for.
type Licensed interface {
	// Licences are what was paid for in each store that knows: for a store that is
	// one, of its first part.
	Licences(ctx context.Context) ([]Licence, error)
}

// A Licence is what was paid for in a store, or in one of several.
type Licence struct {
	schema.Licences        // nil: there is no limit, or it is not known
	Part            int    // which of the routes; 0 of a store that is one
	Store           string // as a plan names it; "": there is one
}

// A Passwords is a store that takes passwords as they are, and shows no hashes: what
// declarations say of them it cannot hold. Users of such a store begin with a
// password that nobody knows.
type Passwords interface {
	// SetPassword gives a live user another password, at once; who is signed in is
	// signed out, where the service does that. It is in the store's journal, without
	// the password. once is whether it holds for one sign-in. A user who is not there
	// is an error that wraps ErrNoUser.
	SetPassword(ctx context.Context, p NewPassword) (once bool, err error)
}

// A NewPassword is what a user shall sign in with.
type NewPassword struct {
	User  schema.Address
	Text  string // secret
	Once  bool   // it is good for one sign-in, at which the user chooses another: where the store can demand that
	Must  bool   // and otherwise nothing is set, with an error that wraps ErrNotOnce
	Actor string // who asks
}

// A Cost is what an apply costs where requests are counted.
type Cost struct {
	Requests int           `json:"requests"`
	Length   time.Duration `json:"-"` // from now on, within the budget
}

// A Progress is how far an apply is that goes through one request at a time.
type Progress struct {
	Done, Of int           // operations
	Left     time.Duration // until it is through, if all goes well
}

// A PartialError is an apply that did not do all that it should have.
type PartialError struct {
	Run    int64        // that records what was done; 0: nothing was
	Done   []schema.Key // as wanted, and read back
	Failed []Failure
	Left   []schema.Key // not begun, or not read back
	Sent   []schema.Key // of those, what was begun
	Err    error        // what ended it early; nil: nothing did
}

// A Failure is a change that a store did not carry out, or not to its end.
type Failure struct {
	Key    schema.Key `json:"key"`
	Reason string     `json:"reason"`
}

// Error says how far the apply came.
func (e *PartialError) Error() string {
	text := fmt.Sprintf("partly applied: %d done, %d failed, %d left", len(e.Done), len(e.Failed), len(e.Left))
	if len(e.Failed) > 0 {
		text += fmt.Sprintf(" (%s: %s)", e.Failed[0].Key, e.Failed[0].Reason)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what ended the apply early.
func (e *PartialError) Unwrap() error { return e.Err }

// ErrCutOff: an apply before this one was cut off, and what became of it is to be
// settled first.
var ErrCutOff = errors.New("an apply was cut off")
