package backup_test

import (
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/backup"
	"mailops/reconcile/mem"
	"mailops/schema"
)

// TestMark: the state is written, and all else stays as it was.
func TestMark(t *testing.T) {
	t.Parallel()
	store := mem.New()
	store.Put(&schema.Domain{Name: "acme.example"})
	store.Put(&schema.User{Address: carla})
	o := schema.Observed{AddOnProtocol: schema.ProtocolPOP, AddOnSaved: true}
	if err := store.SetObserved(t.Context(), carla, o); err != nil {
		t.Fatal(err)
	}
	if err := backup.Mark(t.Context(), store, carla, backup.StateRunning); err != nil {
		t.Fatal(err)
	}
	o.Backup = backup.StateRunning
	if live, err := reconcile.ReadLive(t.Context(), store); err != nil || live.Observed[carla] != o {
		t.Errorf("%+v, %v", live.Observed[carla], err)
	}
	if err := backup.Mark(t.Context(), store, "nobody@acme.example", backup.StateRunning); err == nil {
		t.Error("nobody was marked")
	}
	if err := backup.Mark(t.Context(), struct{ reconcile.Store }{store}, carla, backup.StateRunning); err == nil {
		t.Error("a store that cannot hold the state took it")
	}
}
