package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
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
	old, new fs.FS // old is nil where the base has no such folder
	tracker  track.Tracker
	base     *track.Want // nil: the declarations of the base are wrong
	now      *track.Want
}

// planRequest plans what --rev asks for since it left --base: what drifts is left
// as it is, and the guards are those of the base.
func (a *app) planRequest(ctx context.Context, flags planFlags, how access) (*planned, error) {
	var live *reading
	if flags.live.file == "" && how == toRead { // who writes a store makes it, and not for wrong declarations
		live = a.readLive(ctx, how)
		defer live.stop()
	}
	r, err := a.request(ctx, flags.base)
	if err != nil {
		return nil, err
	}
	out := &planned{request: r, base: r.name}
	var was schema.State
	if r.base != nil {
		was = r.base.State
	}
	in, err := a.liveInput(ctx, how, flags, live, r.now.Organization, r.now.State, was, out)
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
	in.ByHand = reconcile.ByHand(was, in.Want, in.Live.State, in.Organization.Unmanaged, in.Lacks)
	want, unmet := reconcile.Attainable(in.Want, in.Live.State, in.Organization.Unmanaged, in.Lacks)
	in.Notes = append(in.Notes, reconcile.Unfit(reconcile.Told(reconcile.Since(unmet, was, in.Want), in.Want, in.Organization))...)
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
	problems, err := schema.Problems(nil), fs.ErrNotExist
	if r.old != nil {
		problems, err = a.readBase(ctx, r, at)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.base, r.name = nil, "nothing: "+r.name+" declares nothing here"
		r.now, problems, err = r.tracker.Load(ctx, r.new, at)
	case err == nil && len(problems) > 0:
		r.base, r.name = nil, wrongBase(r.name)
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

// routeRevision is the one whose routes count: where --rev left --base, or --rev.
func (a *app) routeRevision(ctx context.Context, repo *git.Repository) (git.Revision, error) {
	r, err := repo.Resolve(ctx, cmp.Or(a.rev, "HEAD"))
	if err != nil {
		return r, usage("--rev %s: %w", a.rev, err)
	}
	if a.base == "" {
		return r, nil
	}
	from, err := repo.Resolve(ctx, a.base)
	if err == nil {
		from, err = repo.MergeBase(ctx, from, r)
	}
	if err != nil {
		return from, usage("--base %s: %w", a.base, err)
	}
	return from, nil
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
	if r.old, err = r.repo.FS(r.from, r.inside); errors.Is(err, fs.ErrNotExist) {
		r.old, err = nil, nil // the folder is new
	}
	if err == nil {
		r.new, err = r.repo.FS(r.to, r.inside)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return undeclared(a.rev)
	case err != nil:
		return fmt.Errorf("%w: %w", errRepository, err)
	}
	return nil
}

// instantOf is the instant that the command line says, in the time zone of the
// organization that files declare.
func (a *app) instantOf(files fs.FS) (time.Time, error) {
	switch _, err := fs.Stat(files, load.Root); {
	case errors.Is(err, fs.ErrNotExist):
		return time.Time{}, undeclared(a.rev)
	case err != nil:
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

// organizationFile reads the file that says who the organization is, and its time
// zone.
func organizationFile(fsys fs.FS) (*schema.Declarations, error) {
	decls, _, err := organizationProblems(fsys) // what is wrong with it, the whole says
	return decls, err
}

// organizationProblems is organizationFile, with what is wrong with it.
func organizationProblems(fsys fs.FS) (*schema.Declarations, schema.Problems, error) {
	reader, err := load.NewReader()
	if err != nil {
		return nil, nil, err
	}
	if _, err := fs.Stat(fsys, load.Root); err != nil {
		return nil, nil, err
	}
	return reader.Read(fsys, []string{load.Root})
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
	for _, c := range in.ByHand {
		keys = append(keys, c.Key)
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
