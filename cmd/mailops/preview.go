package main

import (
	"bufio"
	"errors"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/git"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// The formats of previews: those that people read in a pull request, and those
// that put notes at its lines.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
	formatHTML     = "html"
	formatSARIF    = "sarif"
	formatGitHub   = "github"
	formatJUnit    = "junit"
)

// view is a plan with all that its previews show.
func (a *app) view(p *planned, flags planFlags) *preview.View {
	v := &preview.View{Plan: p.Plan, Organization: p.in.Organization.Name, Folder: a.folder(), Base: p.base, BaseCommit: p.baseCommit(),
		Before: p.in.Live.State, Drift: p.drift, Moved: p.moved, Snapshot: p.snapshot, Full: flags.full}
	if a.format == formatMarkdown || a.format == formatHTML { // of many users it takes a while
		v.After = p.after()
	}
	if p.in.At.After(a.now()) { // what the clock does until then is nobody's drift
		v.Drift, v.Moved = nil, nil
	}
	if loc, err := time.LoadLocation(p.in.Organization.Timezone); err == nil {
		v.Location = loc
	}
	return v
}

// baseCommit is the commit that a plan is compared with; "" is none.
func (p *planned) baseCommit() string {
	switch {
	case p.request == nil:
		return p.from
	case p.request.base == nil:
		return ""
	}
	return p.request.from.Commit
}

// previewProblems writes what is wrong with the declarations in such a format.
func (a *app) previewProblems(problems schema.Problems) error {
	return a.write(&preview.View{Plan: &reconcile.Plan{}, Folder: a.folder(), Problems: problems}, preview.ProblemNotes(problems, a.folder()))
}

// write writes a preview, or its notes.
func (a *app) write(v *preview.View, notes []preview.Note) error {
	w := bufio.NewWriter(a.out)
	var err error
	switch folder := a.folder(); a.format {
	case formatJSON:
		err = preview.JSON(w, v)
	case formatMarkdown:
		err = preview.Markdown(w, v, preview.MarkdownLimit)
	case formatHTML:
		err = preview.HTML(w, v)
	case formatSARIF:
		err = preview.SARIF(w, notes, version(), folder)
	case formatGitHub:
		err = preview.GitHub(w, notes, folder)
	case formatJUnit:
		err = preview.JUnit(w, notes, folder)
	}
	return errors.Join(err, w.Flush())
}

// folder is where in their repository the declarations lie; "" is its top, or no
// repository.
func (a *app) folder() string {
	_, inside, err := git.Discover(a.dir)
	if err != nil {
		return ""
	}
	return inside
}

// after is the live state when the plan is done.
func (p *planned) after() schema.State {
	after, err := reconcile.Advance(p.in.Live.State, p.Changes)
	if err != nil {
		return nil // its names are missing, and no more
	}
	return after
}
