// Package hosted is what the stores behind somebody else's HTTP interface share:
// a call as data that a journal can keep, what an answer means, a budget of
// requests that holds over processes, files that nobody else may read, and
// sending within limits. It knows HTTP and no service: what a call is and what
// an answer says, the stores know. Imports: the standard library.
package hosted

import (
	"context"
	"time"
)

// A Clock tells the time and lets it pass. The zero value is the machine's.
type Clock struct {
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // an error is the context's
}

// Time is now.
func (c Clock) Time() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Wait lets a while pass, or ends with the context's error.
func (c Clock) Wait(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
