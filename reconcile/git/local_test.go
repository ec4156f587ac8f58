package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile/git"
)

// TestPlaces: a revision is the same wherever the repository lies and however it
// is packed.
func TestPlaces(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", "org/mailops.yaml", "name: acme\n", "org/team/users.yaml", strings.Repeat("user\n", 500), "README.md", "read me\n")
	want := r.commit("Second: longer\n\nAnd why.", "org/team/users.yaml", strings.Repeat("user\n", 500)+"another\n")
	r.git("branch", "other", "HEAD~1")
	elsewhere := filepath.Join(t.TempDir(), "clone")
	places := map[string]func() string{
		"clone":    func() string { return r.dir },
		"file URL": func() string { return "file://" + r.dir },
		"bare": func() string {
			r.git("clone", "-q", "--bare", r.dir, elsewhere+".git")
			return elsewhere + ".git"
		},
		"packed": func() string {
			r.git("clone", "-q", "--no-local", r.dir, elsewhere)
			c := &repo{t: t, dir: elsewhere}
			c.git("pack-refs", "--all")
			return elsewhere
		},
		"borrowed": func() string {
			r.git("clone", "-q", "--shared", r.dir, elsewhere+"-shared")
			return elsewhere + "-shared"
		},
		"worktree": func() string {
			r.git("worktree", "add", "-q", "--detach", elsewhere+"-tree", "main")
			return elsewhere + "-tree"
		},
		"shallow": func() string {
			r.git("clone", "-q", "--depth=1", "file://"+r.dir, elsewhere+"-shallow")
			return elsewhere + "-shallow"
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			repository := open(t, git.Options{URL: place()})
			rev := head(t, repository)
			if rev.Commit != want || rev.Author != "Ana Silva" || rev.Email != "ana@acme.example" || rev.Subject != "Second: longer" || rev.When.Unix() != 1767225720 {
				t.Errorf("head is %+v", rev)
			}
			if err := repository.Fetch(t.Context()); err != nil {
				t.Error(err)
			}
			got := contents(t, repository, rev, "org")
			if diff := cmp.Diff(map[string]string{"mailops.yaml": "name: acme\n", "team/users.yaml": strings.Repeat("user\n", 500) + "another\n"}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestFS holds the laws of io/fs, which fstest knows.
func TestFS(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a.yaml", "a\n", "b/c.yaml", "c\n", "b.yaml", "b\n", "b/d/e.yaml", "", "run", "#!/bin/sh\n")
	for link, to := range map[string]string{"link": "b/c.yaml", "b/up": "../a.yaml", "folder": "b", "out": "../../etc/passwd", "root": "/etc/passwd", "circle": "circle", "nowhere": "x"} {
		if err := os.Symlink(to, filepath.Join(r.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(r.dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	inner := newRepo(t)
	inner.commit("inner", "x.yaml", "x\n")
	r.git("submodule", "--quiet", "add", inner.dir, "module")
	r.commit("all")
	repository := open(t, git.Options{URL: r.dir})
	fsys, err := repository.FS(head(t, repository), ".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(fsys, "module"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the submodule is shown: %v", err)
	}
	for _, link := range []string{"out", "root", "circle", "nowhere"} {
		if _, err := fs.Stat(fsys, link); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s leads to %v", link, err)
		}
		if info, err := fs.Lstat(fsys, link); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("%s is not shown as a link: %v", link, err)
		}
	}
	for link, want := range map[string]string{"link": "c\n", "b/up": "a\n", "folder/c.yaml": "c\n"} {
		if text, err := fs.ReadFile(fsys, link); err != nil || string(text) != want {
			t.Errorf("%s holds %q, %v", link, text, err)
		}
	}
	a, err := fs.Stat(fsys, "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if blob, ok := a.Sys().(git.BlobID); !ok || blob.String() != r.git("rev-parse", "HEAD:a.yaml") || a.Size() != 2 || !a.ModTime().Equal(head(t, repository).Committed) {
		t.Errorf("a.yaml is %v %v", a, a.Sys())
	}
	if b, err := fs.Stat(fsys, "b"); err != nil || b.Sys().(git.TreeID).String() != r.git("rev-parse", "HEAD:b") {
		t.Errorf("b is %v, %v", b, err)
	}
	sub, err := repository.FS(head(t, repository), "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(sub, "up"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link leads out of the folder: %v", err)
	}
	r.git("rm", "-q", "out", "root", "circle", "nowhere")
	r.commit("sound links")
	if fsys, err = repository.FS(head(t, repository), "."); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "a.yaml", "b/c.yaml", "b/d/e.yaml", "link", "run"); err != nil {
		t.Error(err)
	}
}

// TestRandom: what git writes in any form, we read the same; what we say changed
// is what git says.
func TestRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			r := newRepo(t)
			var commits []string
			for range 25 {
				for range 1 + random.IntN(8) {
					name := fmt.Sprintf("d%d/e%d/f%d.yaml", random.IntN(4), random.IntN(3), random.IntN(9))
					if random.IntN(5) == 0 {
						os.Remove(filepath.Join(r.dir, name))
						continue
					}
					old, _ := os.ReadFile(filepath.Join(r.dir, name))
					r.write(name, string(old)+strings.Repeat(fmt.Sprintf("line %d\n", random.IntN(1000)), 1+random.IntN(50)))
				}
				commits = append(commits, r.commit("change"))
			}
			if seed == 1 {
				r.git("repack", "-adq", "--depth=50", "--window=50")
			}
			if seed == 2 {
				r.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adq")
				r.git("-c", "core.looseCompression=0", "commit", "-q", "--allow-empty", "-m", "loose")
			}
			repository := open(t, git.Options{URL: r.dir})
			for range 20 {
				a, b := commits[random.IntN(len(commits))], commits[random.IntN(len(commits))]
				got, err := repository.Changed(t.Context(), resolve(t, repository, a), resolve(t, repository, b), ".")
				if err != nil {
					t.Fatal(err)
				}
				want := strings.Fields(r.git("diff", "--name-only", "--no-renames", a, b))
				if diff := cmp.Diff(strings.Join(want, "\n"), strings.Join(got, "\n")); diff != "" {
					t.Errorf("%s..%s (-want +got)\n%s", a, b, diff)
				}
			}
			for _, commit := range []string{commits[3], commits[24]} {
				for path, text := range contents(t, repository, resolve(t, repository, commit), ".") {
					if want := r.git("cat-file", "-p", commit+":"+path); strings.TrimRight(text, "\n") != want {
						t.Errorf("%s of %s is %q, not %q", path, commit, text, want)
					}
				}
			}
			blameAll(t, r, repository, random)
		})
	}
}

// blameAll compares with git's own blame, which is free to choose among equal
// lines; so texts are compared where commits differ.
func blameAll(t *testing.T, r *repo, repository *git.Repository, random *rand.Rand) {
	files := strings.Fields(r.git("ls-files"))
	rev := head(t, repository)
	same, all := 0, 0
	for range 5 {
		file := files[random.IntN(len(files))]
		for n, line := range strings.Split(r.git("blame", "-l", "-s", "--root", file), "\n") {
			if n%17 != 0 {
				continue
			}
			got, err := repository.Blame(t.Context(), rev, file, n+1)
			if err != nil {
				t.Fatal(err)
			}
			if all++; strings.HasPrefix(line, got.Commit) {
				same++
			}
		}
	}
	if same*10 < all*9 {
		t.Errorf("only %d of %d lines are blamed as git does", same, all)
	}
}

// TestBranches: one that goes and comes, is packed, is not there yet, and a HEAD
// that is no branch.
func TestBranches(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	repository := open(t, git.Options{URL: r.dir})
	if _, err := repository.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) {
		t.Errorf("before the first commit: %v", err)
	}
	first := r.commit("first", "a", "1")
	r.git("branch", "feature/x")
	feature := open(t, git.Options{URL: r.dir, Branch: "feature/x"})
	for _, step := range [][]string{nil, {"pack-refs", "--all"}, {"gc", "-q"}} {
		if step != nil {
			r.git(step...)
		}
		if got := head(t, feature).Commit; got != first {
			t.Errorf("after %v: %s", step, got)
		}
	}
	r.git("branch", "-D", "feature/x")
	if _, err := feature.Head(t.Context()); !errors.Is(err, git.ErrNoBranch) || !strings.Contains(err.Error(), "feature/x") {
		t.Errorf("deleted: %v", err)
	}
	r.git("branch", "feature/x")
	if got := head(t, feature).Commit; got != first {
		t.Errorf("back again: %s", got)
	}
	r.git("checkout", "-q", "--detach")
	if got := head(t, repository).Commit; got != first {
		t.Errorf("detached: %s", got)
	}
	if err := os.WriteFile(filepath.Join(r.dir, ".git", "refs", "heads", "main"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, git.Options{URL: r.dir, Branch: "main"}).Head(t.Context()); !errors.Is(err, git.ErrDamaged) {
		t.Errorf("an empty ref: %v", err)
	}
}

// TestRepack: objects that others put elsewhere while we read are still found.
func TestRepack(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	for n := range 10 {
		r.commit("change", "a.yaml", strings.Repeat("line\n", n*10), fmt.Sprintf("f%d.yaml", n), "x\n")
	}
	repository := open(t, git.Options{URL: r.dir})
	rev := head(t, repository)
	fsys, err := repository.FS(rev, ".")
	if err != nil {
		t.Fatal(err)
	}
	for n, step := range []string{"repack -adq", "repack -adfq --depth=1", "unpack", "gc -q --prune=now"} {
		if step == "unpack" {
			packs, err := filepath.Glob(filepath.Join(r.dir, ".git/objects/pack/*.pack"))
			if err != nil || len(packs) != 1 {
				t.Fatal(packs, err)
			}
			text, err := os.ReadFile(packs[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{packs[0], strings.TrimSuffix(packs[0], "pack") + "idx"} {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			r.input(text, "unpack-objects", "-q")
		} else {
			r.git(strings.Fields(step)...)
		}
		if text, err := fs.ReadFile(fsys, fmt.Sprintf("f%d.yaml", n)); err != nil || string(text) != "x\n" {
			t.Errorf("after %s: %q, %v", step, text, err)
		}
	}
	next := r.commit("next", "a.yaml", "next\n")
	if got := head(t, repository).Commit; got != next {
		t.Errorf("head is %s", got)
	}
}

// TestOpenRefuses: repositories that would be misread, and what is none.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.commit("first", "a", "1")
	sha256 := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", "--object-format=sha256", sha256).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for name, c := range map[string]struct{ url, branch, says string }{
		"sha256":        {sha256, "", "sha256"},
		"no repository": {t.TempDir(), "", "is not a git repository"},
		"no folder":     {"/nonexistent", "", "is not a git repository"},
		"bad branch":    {r.dir, "../../x", "not the name of a branch"},
		"bad lock":      {r.dir, "x.lock", "not the name of a branch"},
	} {
		if _, err := git.Open(t.Context(), git.Options{URL: c.url, Branch: c.branch}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	top, inside, err := git.Discover(r.dir)
	if err != nil || inside != "." {
		t.Errorf("%s %s %v", top, inside, err)
	}
	r.write("deep/er/a", "1")
	if top, inside, err = git.Discover(filepath.Join(r.dir, "deep/er")); err != nil || inside != "deep/er" || top != r.dir {
		t.Errorf("%s %s %v", top, inside, err)
	}
	if _, _, err = git.Discover("/"); err == nil {
		t.Error("a repository at the root")
	}
}
