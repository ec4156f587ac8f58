package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"mailops/reconcile/git"
)

// Git is a branch of a repository, or a folder of it.
type Git struct {
	Repo *git.Repository
	Path string // of the declarations inside the repository; "" is its top
}

var _ Source = (*Git)(nil)

// gitPrefix begins the ids of commits.
const gitPrefix = "git:"

func revisionOf(r git.Revision) Revision {
	return Revision{ID: gitPrefix + r.Commit, Author: r.Author, Email: r.Email, At: r.Committed, Subject: r.Subject, own: r}
}

// Forget lets go of what the repository keeps in memory.
func (g *Git) Forget() { g.Repo.Forget() }

// Close lets go of the repository. An agent that runs on it has ended before.
func (g *Git) Close() error { return g.Repo.Close() }

// own is what git knows of a revision.
func (g *Git) own(ctx context.Context, r Revision) (git.Revision, error) {
	if own, ok := r.own.(git.Revision); ok {
		return own, nil
	}
	return g.Repo.Resolve(ctx, strings.TrimPrefix(r.ID, gitPrefix))
}

// Fetch implements Source.
func (g *Git) Fetch(ctx context.Context) error { return g.Repo.Fetch(ctx) }

// Head implements Source.
func (g *Git) Head(ctx context.Context) (Revision, error) {
	r, err := g.Repo.Head(ctx)
	if err != nil {
		return Revision{}, err
	}
	return revisionOf(r), nil
}

// Find implements Source.
func (g *Git) Find(ctx context.Context, id string) (Revision, error) {
	commit, ok := strings.CutPrefix(id, gitPrefix)
	if !ok {
		return Revision{}, fmt.Errorf("%s is no commit", id)
	}
	r, err := g.Repo.Resolve(ctx, commit)
	if err != nil {
		return Revision{}, err
	}
	return revisionOf(r), nil
}

// FS implements Source.
func (g *Git) FS(ctx context.Context, r Revision) (fs.FS, error) {
	own, err := g.own(ctx, r)
	if err != nil {
		return nil, err
	}
	return g.Repo.FS(own, g.folder())
}

// folder is Path as the repository takes it.
func (g *Git) folder() string { return path.Clean("./" + g.Path) }

// Changed implements Source.
func (g *Git) Changed(ctx context.Context, from, to Revision) ([]string, error) {
	a, err := g.own(ctx, from)
	if err != nil {
		return nil, err
	}
	b, err := g.own(ctx, to)
	if err != nil {
		return nil, err
	}
	return g.Repo.Changed(ctx, a, b, g.folder())
}

// Rewritten implements Source.
func (g *Git) Rewritten(ctx context.Context, from, to Revision) (string, error) {
	a, err := g.own(ctx, from)
	if errors.Is(err, git.ErrNoRevision) {
		return fmt.Sprintf("the commit in force, %s, is gone from the repository", short(from.ID)), nil
	}
	if err != nil {
		return "", err
	}
	b, err := g.own(ctx, to)
	if err != nil {
		return "", err
	}
	switch relation, err := g.Repo.Follows(ctx, a, b); {
	case err != nil:
		return "", err
	case relation == git.Ancestor:
		return "", nil
	case relation == git.Unknown:
		return fmt.Sprintf("the history is shallow: nobody can say whether %s comes after %s", short(to.ID), short(from.ID)), nil
	}
	return fmt.Sprintf("the branch was rewritten: %s does not come after %s", short(to.ID), short(from.ID)), nil
}

// short is a revision's id as people say it.
func short(id string) string {
	kind, name, _ := strings.Cut(id, ":")
	return kind + ":" + name[:min(12, len(name))]
}

// Propose implements Source: as a commit on a branch of its own, which is pushed
// where there is a remote. A branch that is there already says the same.
func (g *Git) Propose(ctx context.Context, p Proposal) (string, error) {
	base, err := g.own(ctx, p.Base)
	if err != nil {
		return "", err
	}
	if _, err := g.Repo.Resolve(ctx, p.Branch); err == nil {
		return p.Branch, g.Repo.Push(ctx, p.Branch)
	}
	files := make(map[string][]byte, len(p.Files))
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		files[path.Join(g.folder(), name)] = p.Files[name]
	}
	_, err = g.Repo.Commit(ctx, git.Commit{Branch: p.Branch, Base: base, Files: files, Message: p.Message,
		Author: p.Author, Email: "mailops@localhost", Committer: actor, CommEmail: "mailops@localhost", When: p.At})
	if err != nil {
		return "", err
	}
	return p.Branch, g.Repo.Push(ctx, p.Branch)
}

// Watch implements Source. Of a remote nothing is heard: it is polled, or a
// webhook tells.
func (g *Git) Watch(ctx context.Context) (<-chan struct{}, error) { return g.Repo.Watch(ctx) }
