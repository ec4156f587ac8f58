package backup

import (
	"context"
	"errors"
	"fmt"

	"mailops/reconcile"
	"mailops/schema"
)

// A Marker is a store that writes the state of a user's backup alone, whatever
// else changes in the same moment.
type Marker interface {
	MarkBackup(ctx context.Context, at schema.Address, state string) error
}

// An Observer is a store that writes all that is observed of a user at once.
type Observer interface {
	SetObserved(ctx context.Context, at schema.Address, o schema.Observed) error
}

// Mark writes the state of a user's backup into the live store. In a store that
// is an Observer only, what the user changes between the read and the write is
// lost.
func Mark(ctx context.Context, s reconcile.Store, at schema.Address, state string) error {
	err := mark(ctx, s, at, state)
	if err != nil {
		return fmt.Errorf("mark the backup of %s as %s: %w", at, state, err)
	}
	return nil
}

func mark(ctx context.Context, s reconcile.Store, at schema.Address, state string) error {
	if m, ok := s.(Marker); ok {
		return m.MarkBackup(ctx, at, state)
	}
	w, ok := s.(Observer)
	if !ok {
		return errors.New("this store cannot hold it")
	}
	for row, err := range s.Read(ctx) {
		if err != nil {
			return err
		}
		if key := row.Key(); key.Kind == schema.KindUser && key.Address() == at {
			row.Observed.Backup = state
			return w.SetObserved(ctx, at, row.Observed)
		}
	}
	return fmt.Errorf("there is no user %s", at)
}
