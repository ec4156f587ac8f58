package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
	"mailops/schema/track"
)

// want reads the declarations, resolves them at the instant of --at, and holds
// the result against the organization's policies. Every problem of every step
// is in the error, a schema.Problems.
func (a *app) want(ctx context.Context) (*schema.Declarations, *resolve.Want, error) {
	defer a.progress("reading the declarations")()
	decls, problems, err := a.declarations(ctx)
	if err != nil {
		return nil, nil, err
	}
	at, err := a.instant(decls)
	if err != nil {
		return nil, nil, err
	}
	w, more := resolve.At(decls, at, a.env)
	if len(problems) > 0 {
		// What could not be read is missing from the want: sums and policies
		// would blame what is right.
		return decls, w, append(problems, more.Without("licence-limit", "storage-limit", "schema")...).Err()
	}
	violations, err := track.Judge(ctx, decls.Policies, w)
	if err != nil {
		return nil, nil, err
	}
	return decls, w, append(more, violations...).Err()
}

// instant is that of --at, in the time zone that declarations of the organization
// say, or now.
func (a *app) instant(decls *schema.Declarations) (time.Time, error) {
	if a.at == "" {
		return a.now(), nil
	}
	org, _ := resolve.Organization(decls)
	return parseAt(a.at, org.Timezone)
}

// declarations reads the repository under -C, or a revision of it.
func (a *app) declarations(ctx context.Context) (*schema.Declarations, schema.Problems, error) {
	if a.rev != "" {
		return a.committed(ctx)
	}
	root, err := os.OpenRoot(a.dir) // a fence: no link leads out of it
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errRepository, err)
	}
	defer root.Close()
	return a.load(ctx, root.FS(), a.dir)
}

// load reads declarations out of a file system, which messages call place.
func (a *app) load(ctx context.Context, fsys fs.FS, place string) (*schema.Declarations, schema.Problems, error) {
	if _, err := fs.Stat(fsys, load.Root); errors.Is(err, fs.ErrNotExist) {
		if a.rev != "" {
			return nil, nil, undeclared(a.rev)
		}
		return nil, nil, fmt.Errorf("%w: there is no %s in %s: %w", errRepository, load.Root, place, fs.ErrNotExist)
	}
	decls, problems, err := load.FS(ctx, fsys)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", errRepository, place, err)
	}
	return decls, problems, nil
}

// parseAt reads the instant of --at: RFC 3339, or a wall-clock time in the
// organization's time zone.
func parseAt(s, timezone string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil && t.UTC().Year() <= 9999 {
		return t, nil
	}
	loc, err := time.LoadLocation(timezone)
	if err != nil {
		loc = time.UTC
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() < 9999 {
			return resolve.Wall(t, loc, false), nil
		}
	}
	return time.Time{}, usage("--at %s: want a time such as 2026-12-24T18:00", s)
}

// window is since when runs count: for the budget of the day that is planned, and
// never after the one that ends now.
func (a *app) window(org schema.Organization) time.Time {
	from := a.now()
	if at, err := parseAt(a.at, org.Timezone); err == nil && at.Before(from) {
		from = at
	}
	return from.Add(-time.Duration(org.Guards.Window.Per))
}

// notes are findings about what the environment does not say.
func notes(unset []resolve.Unset) []reconcile.Finding {
	var out []reconcile.Finding
	for _, u := range unset {
		out = append(out, reconcile.Finding{Rule: "password-unset", Severity: reconcile.Warning,
			Text: fmt.Sprintf("the variable %s is not set, so the password of %s is left as it is", u.Variable, u.Address),
			Keys: []schema.Key{{Kind: schema.KindUser, Name: string(u.Address)}}})
	}
	return out
}
