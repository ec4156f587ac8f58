package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
	"mailops/schema/track"
)

// A request is what a pull request asks for: two revisions of the declarations,
// and the want of either. The base is read whole, or taken from the cache; of the
// head what differs is read, and what it reaches.
type request struct {
	repo     *git.Repository
	inside   string
	name     string // of the base, as people say it
	from, to git.Revision
	old, new fs.FS
	tracker  track.Tracker
	base     *track.Want // nil: the declarations of the base are wrong
	now      *track.Want
}

// planRequest plans what --rev asks for since it left --base: what drifts is left
// as it is, and the guards are those of the base.
func (a *app) planRequest(ctx context.Context, flags planFlags, how access) (*planned, error) {
	r, err := a.request(ctx, flags.base)
	if err != nil {
		return nil, err
	}
	out := &planned{request: r, base: r.name}
	var was schema.State
	if r.base != nil {
		was = r.base.State
	}
	in, err := a.liveInput(ctx, how, flags, r.now.Organization, r.now.State, was, out)
	if err != nil {
		return nil, err
	}
	if in.Allow, err = allowances(flags.allow); err != nil {
		return nil, err
	}
	in.Want, in.WantDigest, in.Organization, in.At, in.Revision = r.now.State, r.now.Digest(), r.now.Organization, r.now.At.UTC(), "git:"+r.to.Commit
	in.Only, in.Exclude, in.Notes = flags.only, flags.exclude, notes(r.now.Unset)
	if r.base != nil {
		out.narrow(&in, r.base.State, r.base.Organization)
	}
	if err := matching(in); err != nil {
		return nil, err
	}
	if out.want, err = r.trace(ctx, &in); err != nil {
		return nil, err
	}
	if out.Plan, err = reconcile.New(in); err != nil {
		return nil, usageError{err, true}
	}
	out.in = in
	return out, nil
}

// narrow leaves alone what was asked for before and drifts, and takes the guards
// of what it was asked by.
func (p *planned) narrow(in *reconcile.Input, was schema.State, guarding schema.Organization) {
	in.Base, in.Guarding = was, &guarding
	want := reconcile.LeaveAlone(in.Want, in.Live.State, in.Organization.Unmanaged)
	in.Want, p.drift = reconcile.Settle(want, in.Live.State, reconcile.Terms{At: in.At, Base: was, Drift: schema.Drift{Default: schema.DriftReport}})
}

// request reads both ends. A base that is wrong cannot be compared with: the head
// is read whole then.
func (a *app) request(ctx context.Context, base string) (*request, error) {
	defer a.progress("reading the declarations")()
	r := &request{tracker: track.Tracker{Env: a.env}}
	if err := a.ends(ctx, base, r); err != nil {
		return nil, err
	}
	at, err := a.instantOf(r.new)
	if err != nil {
		return nil, err
	}
	var problems schema.Problems
	switch problems, err = a.readBase(ctx, r, at); {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(problems) > 0:
		r.base, r.name = nil, "nothing: the declarations of "+r.name+" are wrong"
		r.now, problems, err = r.tracker.Load(ctx, r.new, at)
	case err == nil:
		var changed []string
		if changed, err = r.repo.Changed(ctx, r.from, r.to, r.inside); err == nil {
			r.now, problems, err = r.tracker.Next(ctx, r.base, track.Step{Old: r.old, New: r.new, Changed: changed}, at)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	return r, problems.Err()
}

// ends finds the two revisions, and their files.
func (a *app) ends(ctx context.Context, base string, r *request) (err error) {
	if r.repo, r.inside, err = a.clone(ctx); err != nil {
		return err
	}
	if r.from, err = r.repo.Resolve(ctx, base); err != nil {
		return usage("--base %s: %w", base, err)
	}
	if r.to, err = r.repo.Resolve(ctx, a.rev); err != nil {
		return usage("--rev %s: %w", a.rev, err)
	}
	if r.from, err = r.repo.MergeBase(ctx, r.from, r.to); err != nil {
		return usage("--base %s: %w", base, err)
	}
	r.name = base + " (" + r.from.Commit[:12] + ")"
	a.commit = &r.to
	if r.old, err = r.repo.FS(r.from, r.inside); err == nil {
		r.new, err = r.repo.FS(r.to, r.inside)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	return nil
}

// instantOf is the instant that the command line says, in the time zone of the
// organization that files declare.
func (a *app) instantOf(files fs.FS) (time.Time, error) {
	if _, err := fs.Stat(files, load.Root); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errRepository, err)
	}
	if a.at == "" {
		return a.now(), nil // to read what no one asks for would take longer than the plan
	}
	org, err := organizationFile(files)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", errRepository, err)
	}
	return a.instant(org)
}

// readBase reads the base: from disk, where an earlier run has left it or a
// revision near it, and else whole. What it had to read is left there.
func (a *app) readBase(ctx context.Context, r *request, at time.Time) (problems schema.Problems, err error) {
	cache := a.cache()
	mark, err := r.mark()
	if err != nil {
		return nil, err
	}
	var old *track.Want
	var step track.Step
	if cache != nil {
		old, step = a.recall(ctx, cache, mark, r, at)
	}
	if old != nil {
		r.base, problems, err = r.tracker.Next(ctx, old, step, at)
	} else {
		r.base, problems, err = r.tracker.Load(ctx, r.old, at)
	}
	r.tracker.Forget() // saving needs memory too
	known := old != nil && len(step.Changed) == 0 && r.base != nil && r.base.Stands(old)
	if r.base == nil || cache == nil || known || at.After(a.now()) {
		return problems, err
	}
	if err := cache.Keep(r.base, mark, a.env); err != nil {
		fmt.Fprintln(a.err, "mailops:", err)
	}
	return nil, nil
}

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

// organizationFile reads the file that says who the organization is, and its time
// zone.
func organizationFile(fsys fs.FS) (*schema.Declarations, error) {
	reader, err := load.NewReader()
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(fsys, load.Root); err != nil {
		return nil, err
	}
	decls, _, err := reader.Read(fsys, []string{load.Root}) // what is wrong with it, the whole says
	return decls, err
}

// trace reads where the values of what changes come from, and where what is no
// longer declared was. It returns what is known of the first, with its secrets.
func (r *request) trace(ctx context.Context, in *reconcile.Input) (*resolve.Want, error) {
	var keys, gone []schema.Key
	for _, c := range reconcile.Diff(in.Live.State, in.Want) {
		if keys = append(keys, c.Key); c.Op == reconcile.OpDelete {
			gone = append(gone, c.Key)
		}
	}
	now, err := r.tracker.Details(ctx, r.now, r.new, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	in.Provenance = now
	if r.base == nil || len(gone) == 0 {
		return now, nil
	}
	before, err := r.tracker.Details(ctx, r.base, r.old, gone)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	in.Former = before
	return now, nil
}

// upcoming is what happens by itself until a time, and would not without the
// request.
func (r *request) upcoming(ctx context.Context) ([]resolve.Transition, error) {
	until := r.now.At.Add(preview.Ahead)
	out, err := r.tracker.Upcoming(ctx, r.now, r.new, until, mostComing)
	if err != nil || r.base == nil {
		return out, err
	}
	known, err := r.tracker.Upcoming(ctx, r.base, r.old, until, mostComing)
	return slices.DeleteFunc(out, func(t resolve.Transition) bool { return slices.ContainsFunc(known, t.Equal) }), err
}
