package reconcile

import (
	"context"
	"iter"

	"mailops/schema"
)

// InterfaceVersion is the version of the views that this program's gates read.
const InterfaceVersion = 1

// A Gate answers as the mail servers on a store do, from the views that they
// read, and with no more rights than theirs. Its errors wrap ErrUnreachable,
// ErrBusy or ErrNewer where they fit.
type Gate interface {
	// Access tells of each user what a sign-in would meet now. Who does not
	// exist is not in the answer.
	Access(ctx context.Context, users []schema.Address) (map[schema.Address]Access, error)

	// ClosedTo returns the list that refuses a message of a sender to a
	// recipient, because only its members may post and the sender is none; ""
	// when none does.
	ClosedTo(ctx context.Context, sender, recipient schema.Address) (schema.Address, error)

	// Watch yields a notice for each change of the store, by whomever, until ctx
	// ends. Notices may be put together, and after a time without connection one
	// says that anything may have changed.
	Watch(ctx context.Context) iter.Seq[Notice]

	// Close releases the gate.
	Close() error
}

// Access is what a user's sign-in would meet.
type Access struct {
	Password schema.Secret     // the fingerprint of the hash, to see that it changes
	Networks []string          // sign-in is allowed from these only; none: from anywhere
	Refused  map[string]string // the services that are refused, with the words the client sees
	Masters  map[string]bool   // who may sign in as the user
}

// A Notice says that a store changed.
type Notice struct {
	Users []schema.Address // whose rows; none says that nobody knows
	By    string           // who did it, where the store can tell
}
