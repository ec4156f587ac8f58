// Package piecemeal makes a store of a service that has no transactions: what is
// to be done is worked out as operations, each is written into a journal before it
// is sent and marked after it was read back, and what the service cannot show is
// remembered in a mirror beside it, with the ledger of all that was done. Whatever
// cuts it off, the journal tells where to go on. It knows operations and no service.
// Imports: reconcile, schema, reconcile/internal/hosted, reconcile/internal/sqlstore
// and reconcile/sqlite.
package piecemeal

import (
	"context"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/internal/hosted"
	"mailops/schema"
)

// A Service is what a store needs to know of a hosted service. Its methods may be
// called at the same time.
type Service interface {
	// Read reads what is at some keys: at least these, or everything when keys is
	// nil. What it does not bring of them is not there. It never brings a part as
	// if it were the whole: that is an error.
	Read(ctx context.Context, keys []schema.Key) (Reading, error)

	// Shown is what a read brings of a resource that is as it is wanted: with
	// amounts rounded as the service rounds them, and in the place of what it does
	// not show what Read fills in. Shown of Shown is the same again. It does not
	// change what it is given.
	Shown(r schema.Resource) schema.Resource

	// Newcomer is a resource right after the operation that creates it, for one
	// that is wanted.
	Newcomer(want schema.Resource) schema.Resource

	// Operations are what makes one resource of another, in the order in which
	// they are sent. before is nil for what is to be created: then they are the
	// one that creates it, after which the operations from its Newcomer follow.
	// after is nil for what is to be deleted. No operations is that nothing has to
	// be asked of the service. An error says why what is wanted cannot be. nil
	// handles are for counting: then any will do.
	Operations(before, after schema.Resource, handles Handles) ([]Operation, error)

	// Password is the call that gives a user who is live another password: the
	// secret of that name. once is that it has to be changed at the first sign-in.
	// An error says why that cannot be.
	Password(live *schema.User, secret string, once bool, handles Handles) (hosted.Call, error)

	// Do sends a call that changes something, once it may be, and says what became
	// of it. Passwords of new mailboxes that are not among the secrets it makes up
	// itself, and tells nobody.
	Do(ctx context.Context, call hosted.Call, secrets hosted.Secrets) hosted.Answer

	// Handle is what the answer of an operation that created something tells of
	// how the service names it; "" is nothing: then it is read.
	Handle(key schema.Key, answer hosted.Answer) string

	// Requests is how many requests Read takes for some keys, nil for everything,
	// of a service that has about as much as a state, and Cost how many calls take.
	Requests(keys []schema.Key, live schema.State) int
	Cost(calls []hosted.Call) int

	// Length is how long it takes until so many requests more have been sent.
	Length(requests int) (time.Duration, error)

	// Lacks is what the service cannot do; see [reconcile.Limited].
	Lacks() []reconcile.Lack

	// Together are the paths of fields of users that are told apart by each other
	// alone: that one is not as it was asked for casts doubt on the others.
	Together() [][]string
}

// A Reading is what a service holds, as far as it shows it.
type Reading struct {
	State    schema.State // in key order
	Observed map[schema.Address]schema.Observed
	Unseen   map[schema.Key][]string // the paths of fields that it should have told, and did not
	Handles  Handles
	Cut      []schema.Kind // of which there may be more than it shows
}

// Handles are how a service names resources, where that is not by their address.
type Handles map[schema.Key]string

// An Operation is one call of a change.
type Operation struct {
	Call    hosted.Call `json:"call"`
	Less    bool        `json:"less,omitempty"`    // it takes access away: all of these go before the others
	Creates bool        `json:"creates,omitempty"` // there is nothing there before it
}
