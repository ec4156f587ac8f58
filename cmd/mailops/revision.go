package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"mailops/reconcile/git"
	"mailops/schema"
)

// clone opens the git repository that the declarations lie in, and says where in
// it they are.
func (a *app) clone(ctx context.Context) (*git.Repository, string, error) {
	dir, err := filepath.Abs(a.dir)
	if err != nil {
		return nil, "", err
	}
	top, inside, err := git.Discover(dir)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s lies in no git repository: %w", errRepository, a.dir, err)
	}
	repo, err := git.Open(ctx, git.Options{URL: top})
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errRepository, err)
	}
	return repo, filepath.ToSlash(inside), nil
}

// committed reads the declarations of --rev.
func (a *app) committed(ctx context.Context) (*schema.Declarations, schema.Problems, error) {
	repo, inside, err := a.clone(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer repo.Close()
	r, err := repo.Resolve(ctx, a.rev)
	if err != nil {
		return nil, nil, usage("--rev %s: %w", a.rev, err)
	}
	files, err := repo.FS(r, inside)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	a.commit = &r
	return a.load(ctx, files, path.Join(a.rev+":"+inside))
}

// revision names what was read, as plans and the ledger have it.
func (a *app) revision(decls *schema.Declarations) string {
	if a.commit != nil {
		return "git:" + a.commit.Commit
	}
	return "worktree:" + decls.Digest
}

// setBy is who set a line, as explain shows it.
type setBy struct {
	Commit  string `json:"commit"`
	Author  string `json:"author"`
	Date    string `json:"date"`
	Subject string `json:"subject"`
}

// blame says which commit set a line of the declarations; nil when that is not
// known: it is not committed, or they lie in no repository.
func (a *app) blame(ctx context.Context, at schema.Pos) *setBy {
	repo, inside, err := a.clone(ctx)
	if err != nil || at.Line == 0 {
		return nil
	}
	defer repo.Close()
	r := a.commit
	if r == nil {
		head, err := repo.Resolve(ctx, "HEAD")
		if err != nil || !a.asCommitted(repo, head, inside, at.File) {
			return nil
		}
		r = &head
	}
	by, err := repo.Blame(ctx, *r, path.Join(inside, at.File), at.Line)
	if err != nil {
		return nil
	}
	return &setBy{by.Commit, by.Author, by.When.Format("2006-01-02"), by.Subject}
}

// asCommitted reports whether a file of the work tree is as a revision has it:
// the lines of an edited one are other lines.
func (a *app) asCommitted(repo *git.Repository, r git.Revision, inside, file string) bool {
	files, err := repo.FS(r, inside)
	if err != nil {
		return false
	}
	committed, err := fs.ReadFile(files, file)
	if err != nil {
		return false
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return false
	}
	defer root.Close()
	edited, err := fs.ReadFile(root.FS(), file)
	return err == nil && bytes.Equal(committed, edited)
}

// since reads what a revision asked for when it left the history of what is
// planned.
func (a *app) since(ctx context.Context, base string, p *planned) error {
	repo, _, err := a.clone(ctx)
	if err != nil {
		return err
	}
	defer repo.Close()
	from, err := repo.Resolve(ctx, base)
	if err != nil {
		return usage("--base %s: %w", base, err)
	}
	head, err := repo.Resolve(ctx, cmp.Or(a.rev, "HEAD"))
	if err != nil {
		return usage("--base %s: %w", base, err)
	}
	if from, err = repo.MergeBase(ctx, from, head); err != nil {
		return usage("--base %s: %w", base, err)
	}
	before := *a
	before.rev, before.commit = from.Commit, nil
	_, was, err := before.want(ctx)
	if problems := (schema.Problems)(nil); errors.As(err, &problems) {
		p.base = wrongBase(base + " (" + from.Commit[:12] + ")")
		return nil
	}
	if err != nil {
		return fmt.Errorf("--base %s: %w", base, err)
	}
	p.base, p.from, p.was = base+" ("+from.Commit[:12]+")", from.Commit, was
	return nil
}
