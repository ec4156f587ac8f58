package piecemeal_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// TestSetPassword: it is set once, is in no file, and is no run; and when its answer
// is lost, nothing is left to go on with.
func TestSetPassword(t *testing.T) {
	s, dir := newShop(), t.TempDir()
	s.put(storetest.NewUser("ana@b.example"))
	store := open(t, s, dir)
	p := reconcile.NewPassword{User: "ana@b.example", Text: "Correct-Horse-9", Actor: "root"}
	p.Once = true // which the shop cannot demand, and nobody has to have
	if once, err := store.SetPassword(t.Context(), p); once || err != nil {
		t.Fatal(once, err)
	}
	p.Once = false
	s.cuts["password User/ana@b.example"] = true
	_, err := store.SetPassword(t.Context(), p)
	if err == nil || !strings.Contains(err.Error(), "whether it was done is not known") {
		t.Errorf("the answer was lost, and the error is %v", err)
	}
	if want := slices.Repeat([]string{"User/ana@b.example Correct-Horse-9"}, 2); !slices.Equal(s.passwords, want) {
		t.Errorf("set: %q", s.passwords)
	}
	cut, err := store.CutOff(t.Context())
	if cut != nil || err != nil {
		t.Errorf("cut off: %v, %v", cut, err)
	}
	if run, err := store.GoOn(t.Context(), nil); run != 0 || err != nil {
		t.Errorf("gone on with: run %d, %v", run, err)
	}
	if runs, err := store.Runs(t.Context(), 0); len(runs) > 0 || err != nil {
		t.Errorf("runs: %v, %v", runs, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), p.Text) {
			t.Errorf("the password is in %s", f)
		}
	}
	p.User = "eva@b.example"
	if _, err := store.SetPassword(t.Context(), p); !errors.Is(err, reconcile.ErrNoUser) {
		t.Errorf("nobody's password: %v", err)
	}
	p.User, p.Once, p.Must = "ana@b.example", true, true
	if _, err := store.SetPassword(t.Context(), p); !errors.Is(err, reconcile.ErrNotOnce) {
		t.Errorf("for one sign-in: %v", err)
	}
}

// TestPasswordCutOff: a process that dies while a password is set leaves nothing to go
// on with, and nothing that keeps the next apply from its work.
func TestPasswordCutOff(t *testing.T) {
	s, dir := newShop(), t.TempDir()
	store := open(t, s, dir)
	want := schema.State{&schema.Domain{Name: "b.example"}, storetest.NewUser("ana@b.example")}
	apply := func(changes []reconcile.Change) {
		t.Helper()
		if _, err := store.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Plan: "1", Changes: changes}}); err != nil {
			t.Fatal(err)
		}
	}
	apply(reconcile.Diff(nil, want))
	s.dies = true
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it did not die")
			}
		}()
		_, _ = store.SetPassword(t.Context(), reconcile.NewPassword{User: "ana@b.example", Text: "Correct-Horse-9"})
	}()
	s.dies = false
	store = open(t, s, dir)
	if cut, err := store.CutOff(t.Context()); cut != nil || err != nil {
		t.Errorf("cut off: %v, %v", cut, err)
	}
	live, err := reconcile.ReadLive(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	named := storetest.NewUser("ana@b.example")
	named.Name = "Ana"
	apply(reconcile.Diff(live.State, schema.State{want[0], named}))
}
