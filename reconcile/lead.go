package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Leader is a store that has one agent at a time.
type Leader interface {
	// Lead makes the caller the one agent of the store. While another one holds
	// it, the error is a *LedError. A holder that comes again takes over from
	// itself at once.
	Lead(ctx context.Context, holder string) (Lease, error)
}

// A Lease is the right to be the agent of a store. Its epoch grows with each:
// an Apply whose [Batch] carries an older one is refused in its transaction, so
// that an agent that slept through its end cannot write.
type Lease interface {
	Epoch() int64

	// Renew says that the holder is alive; it is called every [LeasePace]. The
	// error wraps ErrFenced when somebody else holds the store now.
	Renew(ctx context.Context) error

	// Release gives the store free for the next one.
	Release(ctx context.Context) error
}

// How long a lease lasts without being renewed, where the store cannot tell that
// its holder died, and how often it is renewed: the figures of Kubernetes'
// leader election, 35 and 10 seconds.
const (
	LeaseTime = 35 * time.Second
	LeasePace = 10 * time.Second
)

var (
	// ErrLed: another agent holds the store.
	ErrLed = errors.New("another agent holds the store")
	// ErrFenced: another agent has taken the store over.
	ErrFenced = errors.New("another agent has taken the store over")
)

// A LedError says who holds the store. It wraps ErrLed.
type LedError struct {
	Holder string
	Since  time.Time
}

// Error names the holder.
func (e *LedError) Error() string {
	return fmt.Sprintf("%v: %s, since %s", ErrLed, e.Holder, e.Since.UTC().Format(time.RFC3339))
}

// Unwrap returns ErrLed.
func (e *LedError) Unwrap() error { return ErrLed }
