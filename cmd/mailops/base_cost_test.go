package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/schema"
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

// TestRenamesOfManyFiles: a pull request that moves ten thousand files and changes
// none of them asks for nothing.
func TestRenamesOfManyFiles(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	const users = 10_000
	for i := range users {
		r.user(fmt.Sprintf("users/%02d/u%05d.yaml", i%100, i), i, "Somebody")
	}
	r.commit("init", "-q", "-b", "main")
	if err := os.Rename(filepath.Join(r.dir, "users"), filepath.Join(r.dir, "people")); err != nil {
		t.Fatal(err)
	}
	r.commit("checkout", "-q", "-b", "pr")
	a := r.app()
	p, err := a.request(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	defer p.repo.Close()
	if len(p.base.State) != users+1 {
		t.Fatalf("the base asks for %d resources", len(p.base.State))
	}
	if changes := reconcile.Diff(p.base.State, p.now.State); len(changes) > 0 {
		t.Errorf("files that are moved change %d resources, the first %s", len(changes), changes[0].Key)
	}
	if got, want := p.now.FileOf(schema.Key{Kind: schema.KindUser, Name: "u7@acme.example"}), "people/07/u00007.yaml"; got != want {
		t.Errorf("u7 is declared in %s, want %s", got, want)
	}
}

// objectsOfPreview counts the objects that are read for a preview of one edit.
func objectsOfPreview(t *testing.T, users int) int64 {
	t.Helper()
	r := newRepository(t)
	for i := range users {
		r.user(fmt.Sprintf("users/%02d/u%03d.yaml", i%20, i), i, "User")
	}
	r.commit("init", "-q", "-b", "main")
	r.user("users/07/u007.yaml", 7, "Somebody")
	r.commit("checkout", "-q", "-b", "pr")
	a := r.app()
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

// A repository is one of declarations that a test writes.
type repository struct {
	*testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	r := repository{t, t.TempDir()}
	r.write("mailops.yaml", "apiVersion: mailops/v1\nkind: Organization\nname: Acme\ntimezone: UTC\n---\nkind: Domain\nname: acme.example\n")
	return r
}

// app plans the branch pr, with a cache of its own.
func (r repository) app() *app {
	return &app{out: io.Discard, err: io.Discard, dir: r.dir, rev: "pr", now: time.Now, env: map[string]string{"MAILOPS_CACHE": filepath.Join(r.TempDir(), "cache")}}
}

func (r repository) user(file string, i int, name string) {
	r.write(file, fmt.Sprintf("kind: User\naddress: u%d@acme.example\nname: %s\n", i, name))
}

func (r repository) write(name, text string) {
	r.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		r.Fatal(err)
	}
}

// commit runs a git command, and commits all that there is then. Nothing is packed
// behind its back: that takes folders away from under the next command.
func (r repository) commit(args ...string) {
	r.Helper()
	for _, args := range [][]string{args, {"add", "-A"}, {"commit", "-q", "-m", "some"}} {
		cmd := exec.CommandContext(r.Context(), "git", append([]string{"-C", r.dir, "-c", "user.name=ana", "-c", "user.email=ana@acme.example", "-c", "gc.auto=0"}, args...)...)
		if said, err := cmd.CombinedOutput(); err != nil {
			r.Fatalf("git %v: %v: %s", args, err, said)
		}
	}
}
