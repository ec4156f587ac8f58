package backup

import (
	"context"
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// A Marker is a store that writes the state of a user's backup alone, whatever
// else changes in the same moment.
type Marker interface {
	MarkBackup(ctx context.Context, at schema.Address, state string) error
}

// Mark writes the state of a user's backup into the live store.
func Mark(ctx context.Context, s reconcile.Store, at schema.Address, state string) error {
	m, ok := s.(Marker)
	if !ok {
		return fmt.Errorf("mark the backup of %s as %s: this store cannot hold it", at, state)
	}
	return m.MarkBackup(ctx, at, state)
}
