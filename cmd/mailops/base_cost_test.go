package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mailops/reconcile/git"
)

// TestCostOfBase: with the base in the cache, a preview of one user's edit reads
// as many objects of the repository however many users there are.
func TestCostOfBase(t *testing.T) {
	t.Parallel()
	few, many := objectsOfPreview(t, 20), objectsOfPreview(t, 600)
	t.Logf("%d objects", few)
	if few != many || few > 20 {
		t.Errorf("a preview of one edit reads %d objects with 20 users, and %d with 600", few, many)
	}
}

// objectsOfPreview counts the objects that are read for a preview of one edit.
func objectsOfPreview(t *testing.T, users int) int64 {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	commit := func(args ...string) {
		for _, args := range [][]string{args, {"add", "-A"}, {"commit", "-q", "-m", "some"}} {
			cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=ana", "-c", "user.email=ana@acme.example"}, args...)...)
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v: %s", args, err, said)
			}
		}
	}
	write("mailops.yaml", "apiVersion: mailops/v1\nkind: Organization\nname: Acme\ntimezone: UTC\n---\nkind: Domain\nname: acme.example\n")
	for i := range users {
		write(fmt.Sprintf("users/%02d/u%03d.yaml", i%20, i), fmt.Sprintf("kind: User\naddress: u%d@acme.example\nname: User %d\n", i, i))
	}
	commit("init", "-q", "-b", "main")
	write("users/07/u007.yaml", "kind: User\naddress: u7@acme.example\nname: Somebody\n")
	commit("checkout", "-q", "-b", "pr")
	a := &app{out: io.Discard, err: io.Discard, dir: dir, rev: "pr", now: time.Now, env: map[string]string{"MAILOPS_CACHE": filepath.Join(t.TempDir(), "cache")}}
	ask := func() *git.Repository {
		r, err := a.request(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		return r.repo
	}
	ask().Close() // fills the cache
	repo := ask()
	defer repo.Close()
	return repo.Objects()
}
