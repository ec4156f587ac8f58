package zohomail

import (
	"context"

	"mailops/reconcile/internal/hosted/piecemeal"
)

// Open opens an organization as a live store. Options.State is where it keeps what it
// remembers, too. It asks the service nothing yet.
func Open(ctx context.Context, o Options, readOnly bool) (*piecemeal.Store, error) {
	client, err := New(o)
	if err != nil {
		return nil, err
	}
	return piecemeal.Open(ctx, Service{Client: client}, piecemeal.Options{Dir: o.State, ReadOnly: readOnly, Clock: o.Clock})
}
