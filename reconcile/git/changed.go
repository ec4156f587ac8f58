package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Changed returns the files below a folder that differ between two revisions, by
// their paths below it, in order: made, removed, or with another content or mode.
// Folders that are equal are not looked into, so the cost is what changed. A
// folder that is not there counts as empty.
func (r *Repository) Changed(ctx context.Context, from, to Revision, path string) ([]string, error) {
	c := comparison{ctx: ctx, r: r, depth: r.options.Read.Depth}
	err := c.revisions(from, to, path)
	if err != nil {
		return nil, fmt.Errorf("compare %.12s with %.12s: %w", from.Commit, to.Commit, err)
	}
	slices.Sort(c.files)
	return slices.Compact(c.files), nil
}

// A comparison is one Changed under way.
type comparison struct {
	ctx     context.Context
	r       *Repository
	depth   int
	entries int64
	files   []string
}

func (c *comparison) revisions(from, to Revision, path string) error {
	if !fs.ValidPath(path) {
		return &fs.PathError{Op: "compare", Path: path, Err: fs.ErrInvalid}
	}
	var sides [2]node
	for n, rev := range []Revision{from, to} {
		_, found, err := c.r.of(rev)
		if err != nil {
			return err
		}
		sides[n], err = c.r.below(found.tree, path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return c.nodes(".", sides[0], sides[1], 0)
}

// nodes compares what lies at one path on both sides; the zero node is nothing.
func (c *comparison) nodes(path string, a, b node, depth int) error {
	if a.id == b.id && a.mode == b.mode {
		return nil
	}
	for _, n := range []node{a, b} {
		if n.id != (id{}) && !n.mode.IsDir() && n.mode.Type() != submodule {
			c.files = append(c.files, path)
		}
	}
	if !a.mode.IsDir() && !b.mode.IsDir() {
		return nil
	}
	return c.folders(path, a, b, depth)
}

// folders compares two folders, or one with nothing.
func (c *comparison) folders(path string, a, b node, depth int) error {
	if depth > c.depth {
		return fmt.Errorf("%w: %q lies more than %d folders deep", ErrLimit, path, c.depth)
	}
	old, err := c.list(path, a)
	if err != nil {
		return err
	}
	now, err := c.list(path, b)
	if err != nil {
		return err
	}
	for len(old) > 0 || len(now) > 0 {
		var x, y node
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].name < now[0].name:
			x, old = old[0], old[1:]
		case len(old) == 0 || now[0].name < old[0].name:
			y, now = now[0], now[1:]
		default:
			x, y, old, now = old[0], now[0], old[1:], now[1:]
		}
		if err := c.nodes(join(path, cmp.Or(x.name, y.name)), x, y, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) list(path string, n node) ([]node, error) {
	if err := c.ctx.Err(); err != nil || !n.mode.IsDir() {
		return nil, err
	}
	nodes, err := c.r.tree(n.id, path)
	if c.entries += int64(len(nodes)); err == nil && c.entries > c.r.options.Read.Entries {
		err = fmt.Errorf("%w: more than %d files", ErrLimit, c.r.options.Read.Entries)
	}
	return nodes, err
}
