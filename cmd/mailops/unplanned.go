package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// unplanned says, in the format that was asked for, why there is no plan: where a
// comment or a report stands already, it must not go on telling of another plan.
func (a *app) unplanned(ctx context.Context, err error, flags planFlags) error {
	var problems schema.Problems
	var wrong usageError
	switch {
	case a.format == formatText, errors.As(err, &wrong) && wrong.misspelling:
		return err
	case errors.As(err, &problems) && a.format == formatJSON:
		return errors.Join(a.problemsJSON(problems), said(err))
	case errors.As(err, &problems):
		v, changed := a.planless(ctx, flags.base)
		v.Problems = theirs(problems, changed)
		return errors.Join(a.write(v, preview.ProblemNotes(v.Problems, v.Folder)), said(err))
	case a.format == formatJSON:
		return err
	}
	v, _ := a.planless(ctx, flags.base)
	v.Failure = err.Error()
	const title = "preview" // where notes name a rule
	note := preview.Note{Level: preview.LevelError, Rule: title, Text: "the preview could not be made: " + preview.Plain(err.Error())}
	return errors.Join(a.write(v, []preview.Note{note}), err)
}

// planless is what is known of a preview without its plan, and the files that the
// pull request changes. What cannot be read is left out: something is wrong.
func (a *app) planless(ctx context.Context, base string) (*preview.View, []string) {
	v := &preview.View{Plan: &reconcile.Plan{}, Folder: a.folder()}
	repo, inside, err := a.clone(ctx)
	if err != nil {
		return v, nil
	}
	defer repo.Close()
	to, err := repo.Resolve(ctx, cmp.Or(a.rev, "HEAD"))
	if err != nil {
		return v, nil
	}
	if a.rev != "" {
		v.Revision = "git:" + to.Commit
	}
	if files, err := repo.FS(to, inside); err == nil {
		v.Organization = organizationName(files)
	}
	from, err := repo.Resolve(ctx, cmp.Or(base, "HEAD"))
	if err == nil {
		from, err = repo.MergeBase(ctx, from, to)
	}
	if err != nil || base == "" {
		return v, nil
	}
	v.Base = base + " (" + from.Commit[:12] + ")"
	if files, err := repo.FS(from, inside); err == nil {
		v.Organization = cmp.Or(v.Organization, organizationName(files))
	}
	changed, err := repo.Changed(ctx, from, to, inside)
	if err != nil {
		return v, nil
	}
	return v, changed
}

// organizationName is who the organization is, by its own file; "" when that does
// not say it.
func organizationName(files fs.FS) string {
	decls, err := organizationFile(files)
	if err != nil || decls == nil {
		return ""
	}
	org, _ := resolve.Organization(decls)
	return org.Name
}

// theirs places what two files bring about together in the one that the pull
// request changes: its author reads it there.
func theirs(problems schema.Problems, changed []string) schema.Problems {
	out := slices.Clone(problems)
	for i := range out {
		p := &out[i]
		if p.Also.File != "" && !slices.Contains(changed, p.Pos.File) && slices.Contains(changed, p.Also.File) {
			p.Pos, p.Also = p.Also, p.Pos
		}
	}
	return out
}

// undeclared is what is wrong with a revision that declares nothing.
func undeclared(revision string) schema.Problems {
	return schema.Problems{{Pos: schema.Pos{File: load.Root, Line: 1, Column: 1}, Rule: "organization-one",
		Message: "there is no " + load.Root + " in " + revision, Hint: "bring it back: it says who the organization is, and begins the declarations"}}
}

// wrongBase is what a plan is compared with when nothing can be.
func wrongBase(name string) string { return "nothing: the declarations of " + name + " are wrong" }
