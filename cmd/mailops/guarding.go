package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/schema"
	"mailops/schema/resolve"
)

// guarding is the organization as the commit in force declares it: its guards hold
// what comes after it, so that nobody loosens them and uses that in one step. nil:
// nobody knows, as nothing was applied from a commit that is here.
func (a *app) guarding(ctx context.Context, runs []reconcile.Run) *schema.Organization {
	is, _ := reconcile.Standing(runs)
	if is == nil {
		return nil
	}
	commit, ok := strings.CutPrefix(is.Revision, "git:")
	if !ok {
		return nil
	}
	repo, inside, err := a.clone(ctx)
	if err != nil {
		return nil
	}
	defer repo.Close()
	r, err := repo.Resolve(ctx, commit)
	if err != nil {
		return nil
	}
	files, err := repo.FS(r, inside)
	if err != nil {
		return nil
	}
	decls, err := organizationFile(files)
	if err != nil {
		return nil
	}
	org, problems := resolve.Organization(decls)
	if len(problems) > 0 {
		return nil
	}
	return &org
}

// loosens reports whether a plan that changes nothing has to be recorded all the
// same: its guards are looser than those in force, and hold what comes after it.
func (p *planned) loosens() bool {
	return p.whole && strings.HasPrefix(p.Revision, "git:") && p.in.Guarding != nil &&
		slices.ContainsFunc(p.Findings, func(f reconcile.Finding) bool { return f.Rule == "guard-loosened" })
}

// descends refuses a saved plan of a commit that what is declared now has not grown
// from: it was rewritten, taken back, or never merged. Where there is no repository,
// nobody can tell.
func (a *app) descends(ctx context.Context, p *reconcile.Plan) error {
	commit, ok := strings.CutPrefix(p.Revision, "git:")
	if !ok {
		return nil
	}
	repo, _, err := a.clone(ctx)
	if err != nil {
		return nil
	}
	defer repo.Close()
	head, err := repo.Resolve(ctx, cmp.Or(a.rev, "HEAD"))
	if err != nil {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	of, err := repo.Resolve(ctx, commit)
	var base git.Revision
	if err == nil {
		base, err = repo.MergeBase(ctx, of, head)
	}
	if err != nil || base.Commit != commit {
		return fmt.Errorf("the plan is of commit %.12s, which %s has not grown from: plan again: %w", commit, cmp.Or(a.rev, "HEAD"), reconcile.ErrConflict)
	}
	return nil
}
