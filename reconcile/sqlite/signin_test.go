package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestSignIns: what mail servers write down in their own file is shown with
// what else is observed, and a file that is no good costs nothing but that.
func TestSignIns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s, err := OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := schema.State{&schema.Domain{Name: "acme.example"}, storetest.NewUser("ana@acme.example"), storetest.NewUser("bruno@acme.example")}
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, want)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetObserved(t.Context(), "bruno@acme.example", schema.Observed{StorageUsed: 7, LastSignInUnix: 300}); err != nil {
		t.Fatal(err)
	}
	observed := func() map[schema.Address]schema.Observed {
		t.Helper()
		live, err := reconcile.ReadLive(t.Context(), s)
		if err != nil || len(live.State) != 3 {
			t.Fatalf("%d resources, error %v", len(live.State), err)
		}
		return live.Observed
	}
	if got := observed(); got["bruno@acme.example"].LastSignInUnix != 300 || len(got) != 1 {
		t.Errorf("without the file: %+v", got)
	}
	file := filepath.Join(filepath.Dir(path), SignIns)
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite3.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Exec(`CREATE TABLE last_login (email TEXT NOT NULL, service TEXT NOT NULL, last_login INTEGER NOT NULL, PRIMARY KEY (email, service));
		INSERT INTO last_login VALUES ('ana@acme.example', 'imap', 100), ('ana@acme.example', 'pop3', 200), ('bruno@acme.example', 'imap', 250), ('gone@acme.example', 'imap', 1)`)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := observed()
	if got["ana@acme.example"].LastSignInUnix != 200 || got["bruno@acme.example"] != (schema.Observed{StorageUsed: 7, LastSignInUnix: 300}) || len(got) != 2 {
		t.Errorf("with the file: %+v", got)
	}
	rows, err := s.Look(t.Context(), []string{"bruno@acme.example", "ana@acme.example", "acme.example"})
	if err != nil || len(rows) != 3 || rows[1].Observed != got["ana@acme.example"] || rows[2].Observed != got["bruno@acme.example"] {
		t.Errorf("looked up: %+v, error %v", rows, err)
	}
	if wrong, err := s.Check(t.Context()); err != nil || len(wrong) > 0 {
		t.Errorf("a good file: %q, %v", wrong, err)
	}
	// Mail servers go on writing while one reads.
	for row, err := range s.Read(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Exec("UPDATE last_login SET last_login = last_login + 1"); err != nil {
			t.Errorf("while %s is read: %v", row.Key(), err)
		}
	}
	if err := db.Exec("DROP TABLE last_login"); err != nil {
		t.Fatal(err)
	}
	if got := observed(); len(got) != 1 {
		t.Errorf("with a file without table: %+v", got)
	}
	if wrong, err := s.Check(t.Context()); err != nil || len(wrong) != 1 || !strings.Contains(wrong[0], "last sign-ins") {
		t.Errorf("a file without table: %q, %v", wrong, err)
	}
}
