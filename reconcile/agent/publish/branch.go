package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"mailops/reconcile/git"
	"mailops/reconcile/snapshot"
)

// FileName is the file of a branch that holds the snapshot.
const FileName = "live.snapshot"

// A Branch is one whose only commit is replaced by each snapshot, so that neither
// the repository nor a clone of it grows by one each time. Of a branch that holds
// anything else nothing is replaced.
type Branch struct {
	Keys
	// Repo is the repository with the branch. Its Dir is for this alone: what is in
	// it is forgotten.
	Repo git.Options
}

// ErrForeign says that a branch is another one's.
var ErrForeign = errors.New("the branch is not one of snapshots, and is left as it is")

// Where implements agent.Publisher.
func (b *Branch) Where() string { return "branch " + b.Repo.Branch }

// Publish implements agent.Publisher. What the branch is at is asked before the
// store is read: who led it meanwhile, and published something newer, has moved the
// branch.
func (b *Branch) Publish(ctx context.Context, s snapshot.Source, o snapshot.Options) (written snapshot.Written, err error) {
	if b.Repo.Dir != "" { // the snapshots of before would pile up there
		if err := os.RemoveAll(b.Repo.Dir); err != nil {
			return written, fmt.Errorf("forget the last snapshot: %w", err)
		}
	}
	repo, err := git.Open(ctx, b.Repo)
	if err != nil {
		return written, err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	at, err := b.replaceable(ctx, repo)
	if err != nil {
		return written, err
	}
	var text bytes.Buffer
	if written, err = snapshot.Write(ctx, &text, s, b.with(o)); err != nil {
		return written, err
	}
	_, err = repo.Replace(ctx, git.Commit{Branch: b.Repo.Branch, Replaces: at, Files: map[string][]byte{FileName: text.Bytes()},
		Author: "mailops agent", Email: "mailops@localhost", When: o.At,
		Message: fmt.Sprintf("what was live at %s\n\nEach snapshot replaces the one before: this branch has no past.\n", written.At.Format("2006-01-02 15:04 UTC"))})
	return written, err
}

// replaceable is the commit that a snapshot may replace; "" is none.
func (b *Branch) replaceable(ctx context.Context, repo *git.Repository) (commit string, err error) {
	if err := repo.Fetch(ctx); err != nil {
		return "", err
	}
	head, err := repo.Head(ctx)
	if errors.Is(err, git.ErrNoBranch) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	files, err := repo.FS(head, ".")
	if err != nil {
		return "", err
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return "", err
	}
	var other []string
	for _, e := range entries {
		if e.Name() != FileName || e.IsDir() {
			other = append(other, e.Name())
		}
	}
	if len(other) > 0 {
		return "", fmt.Errorf("%s: %w: it holds %s", b.Repo.Branch, ErrForeign, some(other))
	}
	return head.Commit, nil
}

// some names a few files.
func some(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
