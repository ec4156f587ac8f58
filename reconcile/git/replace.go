package git

import (
	"context"
	"fmt"
)

// Replace makes a commit without a past all that a branch holds: of Files alone,
// whatever Base is. The branch is that of a local repository or, where this is a
// mirror, of its remote, and is moved only when it is at c.Replaces ("" is a branch
// that is not there): the error wraps ErrMoved otherwise, and ErrDenied when the
// remote does not let go of what the branch holds. Nothing leads to that any more
// then, and git's gc removes it.
func (r *Repository) Replace(ctx context.Context, c Commit) (Revision, error) {
	c.alone = true
	var rev Revision
	var err error
	if r.dirs.mirror {
		err = r.locked(func() error {
			rev, err = r.replaceThere(ctx, c)
			return err
		})
	} else {
		rev, err = r.write(ctx, c)
	}
	if err != nil {
		return Revision{}, fmt.Errorf("replace %s of %s: %w", c.Branch, r.source, err)
	}
	return rev, nil
}

// replaceThere replaces a branch of the remote.
func (r *Repository) replaceThere(ctx context.Context, c Commit) (Revision, error) {
	i, err := r.writeCommit(ctx, c)
	if err != nil {
		return Revision{}, err
	}
	if _, err := r.exchange(ctx, order{Push: &push{Ref: "refs/heads/" + c.Branch, New: i.String(), Replace: true, Old: c.Replaces}}); err != nil {
		return Revision{}, err
	}
	if err := r.pushed(c.Branch, i); err != nil {
		return Revision{}, err
	}
	return r.revision(i)
}

// packAlone gathers a commit without a past, when the remote's branch is where it
// was when somebody looked at what it replaces.
func (r *Repository) packAlone(tip, old id, seen string) ([]byte, error) {
	was, _ := parseID(seen)
	switch {
	case old == was:
	case was == id{}:
		return nil, fmt.Errorf("%w: somebody made the remote's branch meanwhile, at %s", ErrMoved, old)
	case old == id{}:
		return nil, fmt.Errorf("%w: somebody removed the remote's branch meanwhile", ErrMoved)
	default:
		return nil, fmt.Errorf("%w: the remote's branch is at %s, and was at %s", ErrMoved, old, was)
	}
	g := &gathering{r: r, seen: make(map[id]bool)}
	if err := g.commit(tip); err != nil {
		return nil, err
	}
	return g.pack()
}
