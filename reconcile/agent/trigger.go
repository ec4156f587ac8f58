package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// A Cause is why the agent looks.
type Cause string

// The causes.
const (
	CauseStart  Cause = "start"
	CausePoll   Cause = "poll"   // the interval has passed
	CauseSource Cause = "source" // the repository has told that it changed
	CauseHook   Cause = "hook"   // a webhook
	CauseStore  Cause = "store"  // the live store has told that it changed
	CauseTime   Cause = "time"   // a schedule, a pause or a window begins or ends
	CauseHand   Cause = "hand"   // somebody asked for it
	CauseRetry  Cause = "retry"  // the last look did not do everything
)

// triggers collects why one should look, until somebody does.
type triggers struct {
	*triggerState
	wake chan struct{} // holds one when there are causes
}

type triggerState struct {
	sync.Mutex
	causes  []Cause
	pulled  int             // how often it was pulled
	waiting []chan struct{} // closed when the look that took them has ended
	taken   []chan struct{}
	closed  bool
}

func newTriggers() triggers {
	return triggers{&triggerState{}, make(chan struct{}, 1)}
}

func (t triggers) pull(why Cause) {
	t.Lock()
	defer t.Unlock()
	t.pullLocked(why)
}

func (t triggers) pullLocked(why Cause) {
	t.pulled++
	if !slices.Contains(t.causes, why) {
		t.causes = append(t.causes, why)
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

var errEnded = errors.New("the agent has ended")

func (t triggers) pullAndWait(ctx context.Context, why Cause) error {
	t.Lock()
	if t.closed {
		t.Unlock()
		return errEnded
	}
	done := make(chan struct{})
	t.waiting = append(t.waiting, done)
	t.pullLocked(why)
	t.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.Lock()
	defer t.Unlock()
	if t.closed {
		return errEnded
	}
	return nil
}

// take empties the collection: the look that follows answers all of it.
func (t triggers) take() []Cause {
	t.Lock()
	defer t.Unlock()
	causes := t.causes
	t.causes = nil
	t.taken, t.waiting = append(t.taken, t.waiting...), nil
	select {
	case <-t.wake:
	default:
	}
	return causes
}

// answer tells those who waited that a look has ended.
func (t triggers) answer() {
	t.Lock()
	defer t.Unlock()
	for _, done := range t.taken {
		close(done)
	}
	t.taken = nil
}

// depth is how many causes wait.
func (t triggers) depth() int {
	t.Lock()
	defer t.Unlock()
	return len(t.causes)
}

func (t triggers) close() {
	t.Lock()
	t.closed = true
	t.taken, t.waiting = append(t.taken, t.waiting...), nil
	t.Unlock()
	t.answer()
}
