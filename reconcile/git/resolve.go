package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Head returns the newest commit of the branch. The error wraps ErrNoBranch when
// there is none.
func (r *Repository) Head(ctx context.Context) (Revision, error) {
	i, err := r.tip()
	if err != nil {
		return Revision{}, fmt.Errorf("find the branch: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return Revision{}, err
	}
	rev, err := r.revision(i)
	if err != nil {
		return Revision{}, fmt.Errorf("find the branch: %w", err)
	}
	return rev, nil
}

// headRef is the ref that the repository's revisions come from.
func (r *Repository) headRef() string {
	switch {
	case r.dirs.mirror:
		return originPrefix + cmp.Or(r.options.Branch, "HEAD")
	case r.options.Branch == "":
		return "HEAD"
	}
	return "refs/heads/" + r.options.Branch
}

// branchName is the branch as people call it: also where HEAD says which it is.
func (r *Repository) branchName() string {
	if r.options.Branch != "" {
		return r.options.Branch
	}
	_, next, err := r.dirs.refOnce(r.headRef())
	if err != nil || next == "" {
		return "HEAD"
	}
	return strings.TrimPrefix(strings.TrimPrefix(next, "refs/heads/"), originPrefix)
}

// tip is the commit that the branch is at.
func (r *Repository) tip() (id, error) {
	i, err := r.dirs.ref(r.headRef())
	if errors.Is(err, errNoRef) {
		return id{}, fmt.Errorf("%w: %s", ErrNoBranch, r.branchName())
	}
	return i, err
}

// Resolve finds the commit that people mean: a full or shortened name, a branch,
// a tag, origin/main, HEAD, and any of these with ~2, ^ or ^2. The error wraps
// ErrNoRevision when nothing is meant.
func (r *Repository) Resolve(ctx context.Context, text string) (Revision, error) {
	name, steps, err := splitSteps(text)
	if err != nil {
		return Revision{}, err
	}
	i, err := r.named(name)
	if err == nil {
		i, err = r.peel(i)
	}
	for _, s := range steps {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			i, err = r.parent(i, s, text)
		}
	}
	if err != nil {
		return Revision{}, fmt.Errorf("resolve %q: %w", text, err)
	}
	rev, err := r.revision(i)
	if err != nil {
		return Revision{}, fmt.Errorf("resolve %q: %w", text, err)
	}
	return rev, nil
}

// maxSteps bounds what a revision like HEAD~999999999 costs.
const maxSteps = 100_000

// splitSteps reads the ~ and ^ behind a name: each step is which parent to go to.
func splitSteps(text string) (name string, steps []int, err error) {
	at := strings.IndexAny(text, "~^")
	if at < 0 {
		return text, nil, nil
	}
	name = text[:at]
	for rest := text[at:]; rest != ""; {
		sign := rest[0]
		rest = rest[1:]
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n := 1
		if digits > 0 {
			n, err = strconv.Atoi(rest[:digits])
		}
		rest = rest[digits:]
		if err != nil || n+len(steps) > maxSteps || rest != "" && rest[0] != '~' && rest[0] != '^' {
			return "", nil, fmt.Errorf("%w: %q is not how one is written", ErrNoRevision, text)
		}
		if sign == '^' {
			steps = append(steps, n)
			continue
		}
		for range n {
			steps = append(steps, 1)
		}
	}
	return name, steps, nil
}

// parent goes to the nth parent; ^0 is the commit itself.
func (r *Repository) parent(i id, n int, text string) (id, error) {
	if n == 0 {
		return i, nil
	}
	c, err := r.commit(i)
	if err != nil {
		return id{}, err
	}
	if n > len(c.parents) {
		return id{}, fmt.Errorf("%w: %s has %d parents", ErrNoRevision, i, len(c.parents))
	}
	cut, err := r.cut()
	if err != nil {
		return id{}, err
	}
	if cut[i] {
		return id{}, fmt.Errorf("%w at %s", ErrShallow, i)
	}
	return c.parents[n-1], nil
}

// named finds what a name means, in the order of gitrevisions(7). In a mirror,
// the branches are the remote's.
func (r *Repository) named(name string) (id, error) {
	if i, ok := parseID(strings.ToLower(name)); ok {
		return i, nil
	}
	if name == "@" || name == "" {
		name = "HEAD"
	}
	tries := []string{"refs/" + name, "refs/tags/" + name, "refs/heads/" + name, "refs/remotes/" + name, "refs/remotes/" + name + "/HEAD"}
	if strings.HasPrefix(name, "refs/") {
		tries = append([]string{name}, tries...)
	}
	if name == "HEAD" {
		tries = []string{name}
	}
	if name == "HEAD" && r.dirs.mirror {
		tries = []string{r.headRef()}
	}
	if r.dirs.mirror {
		tries = append(tries, originPrefix+name)
	}
	for _, try := range tries {
		if i, err := r.dirs.ref(try); err == nil || !errors.Is(err, errNoRef) {
			return i, err
		}
	}
	return r.shortened(name)
}

// shortened finds the one commit whose name begins so.
func (r *Repository) shortened(name string) (id, error) {
	digits := strings.ToLower(name)
	if len(digits) < 4 || len(digits) > 40 || strings.Trim(digits, "0123456789abcdef") != "" {
		return id{}, ErrNoRevision
	}
	all, err := r.objects.prefixed(digits)
	if err != nil {
		return id{}, err
	}
	var commits []id
	for _, i := range all {
		if kind, err := r.objects.kindOf(i); err == nil && (kind == kindCommit || kind == kindTag) {
			commits = append(commits, i)
		}
	}
	switch len(commits) {
	case 0:
		return id{}, ErrNoRevision
	case 1:
		return commits[0], nil
	}
	return id{}, fmt.Errorf("%w: several begin so, write more of it", ErrNoRevision)
}

// peel follows tags to the commit.
func (r *Repository) peel(i id) (id, error) {
	for range 8 {
		kind, err := r.objects.kindOf(i)
		switch {
		case errors.Is(err, errMissing):
			return id{}, fmt.Errorf("%w: nothing has that name here", ErrNoRevision)
		case err != nil:
			return id{}, r.objects.blame(err)
		case kind == kindCommit:
			return i, nil
		case kind != kindTag:
			return id{}, fmt.Errorf("%w: it is a %s, not a commit", ErrNoRevision, kinds[kind])
		}
		data, err := r.objects.read(i, kindTag)
		if err != nil {
			return id{}, err
		}
		line, _, _ := bytes.Cut(data, []byte("\n"))
		to, ok := parseID(strings.TrimPrefix(string(line), "object "))
		if !ok {
			return id{}, fmt.Errorf("%w: a tag of nothing", ErrDamaged)
		}
		i = to
	}
	return id{}, fmt.Errorf("%w: tags of tags without end", ErrDamaged)
}
