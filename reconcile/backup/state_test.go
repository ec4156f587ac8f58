package backup_test

import (
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/backup"
	"mailops/reconcile/mem"
	"mailops/schema"
)

// observing is a store that can only write all that is observed at once.
type observing struct {
	reconcile.Store
	backup.Observer
}

// TestMark: every kind of store ends with the state, and with all else as it was.
func TestMark(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(*mem.Store) reconcile.Store{
		"marker":   func(s *mem.Store) reconcile.Store { return s },
		"observer": func(s *mem.Store) reconcile.Store { return observing{s, s} },
		"neither":  func(s *mem.Store) reconcile.Store { return struct{ reconcile.Store }{s} },
	} {
		store := mem.New()
		store.Put(&schema.Domain{Name: "acme.example"})
		store.Put(&schema.User{Address: carla})
		o := schema.Observed{AddOnProtocol: schema.ProtocolPOP, AddOnSaved: true}
		if err := store.SetObserved(t.Context(), carla, o); err != nil {
			t.Fatal(err)
		}
		err := backup.Mark(t.Context(), wrap(store), carla, backup.StateRunning)
		if name != "neither" {
			o.Backup = backup.StateRunning
		}
		live, readErr := reconcile.ReadLive(t.Context(), store)
		if readErr != nil || (err == nil) != (name != "neither") || live.Observed[carla] != o {
			t.Errorf("%s: %+v, %v, %v", name, live.Observed[carla], err, readErr)
		}
		if err := backup.Mark(t.Context(), wrap(store), "nobody@acme.example", backup.StateRunning); err == nil {
			t.Errorf("%s: nobody was marked", name)
		}
	}
}
