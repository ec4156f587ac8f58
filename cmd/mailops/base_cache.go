package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mailops/reconcile/git"
	"mailops/schema/track"
)

// cache opens the folder of wants: $MAILOPS_CACHE, or one of the user's. nil is
// none. Who has asked for it is told why.
func (a *app) cache() *track.Cache {
	asked := a.env["MAILOPS_CACHE"]
	dir := asked
	if asked == "" && a.env["HOME"]+a.env["LocalAppData"] != "" { // else nobody's, who has no such folder
		if own, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(own, "mailops")
		}
	}
	if dir == "" || asked == "off" {
		return nil
	}
	c, err := track.OpenCache(dir)
	if err == nil && a.tracked(dir) {
		err = fmt.Errorf("open the cache %s: it lies in the repository, where a revision could bring files", dir)
	}
	if err != nil {
		if asked != "" {
			fmt.Fprintln(a.err, "mailops:", err)
		}
		return nil
	}
	return c
}

// tracked reports whether a folder lies where git puts the files of revisions.
func (a *app) tracked(dir string) bool {
	top, _, err := git.Discover(a.dir)
	if err != nil {
		return true
	}
	var ends [2]string
	for n, end := range []string{top, dir} {
		if end, err = filepath.Abs(end); err == nil {
			ends[n], err = filepath.EvalSymlinks(end)
		}
		if err != nil {
			return true
		}
	}
	inside, err := filepath.Rel(ends[0], ends[1])
	return err == nil && filepath.IsLocal(inside) && strings.Split(filepath.ToSlash(inside), "/")[0] != ".git"
}

// mark says what the base is.
func (r *request) mark() (track.Mark, error) {
	info, err := fs.Stat(r.old, ".")
	if err != nil {
		return track.Mark{}, err
	}
	return track.Mark{Program: track.Program(), Tree: fmt.Sprint(info.Sys()), Folder: r.inside, Commit: r.from.Commit}, nil
}

// recall returns a want of the cache, and the way from it to the base; nil when
// nothing there is of use.
func (a *app) recall(ctx context.Context, cache *track.Cache, mark track.Mark, r *request, at time.Time) (*track.Want, track.Step) {
	w, err := cache.Want(mark, at, a.env)
	if err == nil {
		return w, track.Step{Old: r.old, New: r.old}
	}
	a.doubt(err)
	from, step := r.nearest(ctx, cache.Near(mark, at))
	if from == nil {
		return nil, step
	}
	if w, err = cache.Want(*from, at, a.env); err != nil {
		a.doubt(err)
		return nil, step
	}
	return w, step
}

// nearest finds among other revisions the one that differs from the base in the
// fewest files, and how. From there one gets to the same, whether the one has
// grown from the other or not.
func (r *request) nearest(ctx context.Context, known []track.Mark) (best *track.Mark, step track.Step) {
	const (
		mostTried = 4
		mostFiles = 10_000 // to read so many again is no faster than to read the whole
	)
	for _, m := range known[:min(mostTried, len(known))] {
		from, err := r.repo.Resolve(ctx, m.Commit)
		if err != nil {
			continue // it is of another repository, or forgotten
		}
		changed, err := r.repo.Changed(ctx, from, r.from, r.inside)
		if err != nil || len(changed) > mostFiles || best != nil && len(changed) >= len(step.Changed) {
			continue
		}
		if old, err := r.repo.FS(from, r.inside); err == nil {
			best, step = &m, track.Step{Old: old, New: r.old, Changed: changed}
		}
	}
	return best, step
}

// doubt tells of what the cache should not hold. That it has nothing, or nothing
// of today, is no news.
func (a *app) doubt(err error) {
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, track.ErrOther) {
		fmt.Fprintln(a.err, "mailops:", err)
	}
}
