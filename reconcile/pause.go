package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mailops/schema"
)

// A Pause keeps an agent from changing a part of the live store for a while.
// Who applies by hand is not bound by it.
type Pause struct {
	Scope  string    `json:"scope"` // an address, a domain, or "all"
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"` // when it began
}

// PauseAll is the scope of everything.
const PauseAll = "all"

// A Pauser is a store that keeps pauses. Every Store of this module is one.
type Pauser interface {
	// Pause writes a pause. An earlier one of the same scope ends.
	Pause(ctx context.Context, p Pause) error

	// Pauses lists them in order of scope and beginning, also those that have
	// ended, for 90 days.
	Pauses(ctx context.Context) ([]Pause, error)

	// Resume ends the pauses of a scope that have not, and returns how many.
	Resume(ctx context.Context, scope string, now time.Time) (int64, error)
}

// Check says what is wrong with a pause that begins now.
func (p Pause) Check(now time.Time) error {
	switch {
	case p.Scope == "":
		return errors.New("a pause needs a scope: an address, a domain, or all")
	case strings.TrimSpace(p.Reason) == "":
		return errors.New("a pause needs a reason")
	case !p.Until.After(now):
		return fmt.Errorf("the pause would have ended already, at %s", p.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

// Holds reports whether the pause is about a resource, at an instant.
func (p Pause) Holds(key schema.Key, at time.Time) bool {
	return at.Before(p.Until) && (p.Scope == PauseAll || p.Scope == key.Name || p.Scope == key.Domain())
}

// Pauses are those that may be in force.
type Pauses []Pause

// Of returns the pause that holds a resource at an instant, the longest of
// several; nil when none does.
func (pauses Pauses) Of(key schema.Key, at time.Time) *Pause {
	var longest *Pause
	for i := range pauses {
		if p := &pauses[i]; p.Holds(key, at) && (longest == nil || p.Until.After(longest.Until)) {
			longest = p
		}
	}
	return longest
}

// InForce are those that hold something at an instant.
func (pauses Pauses) InForce(at time.Time) Pauses {
	return slices.DeleteFunc(slices.Clone(pauses), func(p Pause) bool { return !at.Before(p.Until) })
}
