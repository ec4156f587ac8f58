package reconcile

import (
	"context"
	"iter"
	"time"
)

// A Witness is a store that notes what others than mailops write to what
// mailops declares, and when: how drift is seen at once, and by whom it was made.
type Witness interface {
	// Notes returns the notes after the one of that id, oldest first. 0 is before
	// the first; ids grow.
	Notes(ctx context.Context, after int64) ([]Note, error)

	// Look reads the resources of these names, of whatever kind, in key order.
	Look(ctx context.Context, names []string) ([]Row, error)

	// ForgetNotes drops the notes that are older than before.
	ForgetNotes(ctx context.Context, before time.Time) error
}

// A Note is one row, or several of one resource, that somebody else wrote.
type Note struct {
	ID   int64     `json:"id"`
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"` // where the store can tell
	Name string    `json:"name"`         // an address or a domain
}

// A Watcher is a store that tells when something may have changed in it.
type Watcher interface {
	// Watch yields a notice whenever the store may have changed, until ctx ends.
	// Whether mailops' own applies are told too is the store's choice. Several
	// changes may be one notice, and after a time without connection one says that
	// anything may have changed.
	Watch(ctx context.Context) iter.Seq[Notice]
}
