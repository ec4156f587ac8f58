package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// released are rows as the first migrations had them.
const released = `INSERT INTO domain (name) VALUES ('acme.example');
INSERT INTO mailops_run (id, at, actor, revision, plan, undoes, live_users, creates, updates, deletes) VALUES (1, '2026-03-29T00:30:00.5Z', 'ana', 'r', 'p', 0, 0, 1, 0, 0);
INSERT INTO mailops_before_image (run, n, kind, name, op, version, version_after, renamed_from, fields, mailbox)
  VALUES (1, 0, 'Domain', 'acme.example', 'create', '', 'v', '', '[["timezone",null,"UTC",{"file":"a.yaml","line":1,"column":1}]]', '');`

// TestFromOlder: a store that was written before there were agents keeps what it
// holds, and its bringing up to date is no drift.
func TestFromOlder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	old := &Store{path: path, options: Options{BusyTimeout: time.Second}, setup: durable}
	all, err := sqlstore.Migrations(dialect)
	if err != nil {
		t.Fatal(err)
	}
	err = old.writing(t.Context(), func(c *conn) error {
		for _, m := range all[:4] {
			if err := sqlstore.Migrate(c, m, time.Now()); err != nil {
				return err
			}
		}
		return c.Script(released)
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := time.Date(2026, 3, 29, 0, 30, 0, 5e8, time.UTC)
	want := reconcile.Run{ID: 1, At: at, Actor: "ana", Revision: "r", Plan: "p", Summary: reconcile.Summary{Create: 1}}
	runs, err := s.Since(t.Context(), at)
	if diff := cmp.Diff([]reconcile.Run{want}, runs); err != nil || diff != "" {
		t.Errorf("runs: error %v (-want +got)\n%s", err, diff)
	}
	want.Changes = []reconcile.Change{{Key: schema.Key{Kind: schema.KindDomain, Name: "acme.example"}, Op: reconcile.OpCreate, Fields: []reconcile.FieldChange{
		{Path: "timezone", After: `"UTC"`, Origin: &schema.Origin{Pos: schema.Pos{File: "a.yaml", Line: 1, Column: 1}}}}}}
	run, err := s.Run(t.Context(), 1)
	if diff := cmp.Diff(want, run); err != nil || diff != "" {
		t.Errorf("run: error %v (-want +got)\n%s", err, diff)
	}
	l, err := s.Lead(t.Context(), "first")
	if err != nil || l.Epoch() != 1 {
		t.Fatalf("got %+v, error %v", l, err)
	}
	u := storetest.NewUser("ana@acme.example")
	b := reconcile.Batch{Epoch: 1, Run: reconcile.Run{Changes: reconcile.Diff(schema.State{&schema.Domain{Name: "acme.example"}}, schema.State{&schema.Domain{Name: "acme.example"}, u})}}
	if _, err := s.Apply(t.Context(), b); err != nil {
		t.Error(err)
	}
	if notes, err := s.Notes(t.Context(), 0); err != nil || len(notes) > 0 {
		t.Errorf("got notes %+v, error %v", notes, err)
	}
}
