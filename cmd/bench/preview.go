package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A previewBench measures what CI runs for a pull request, plan --base, beside the
// floor: git telling what differs, and the sqlite3 shell reading every live row.
type previewBench struct {
	*bench
	org, store, cache string
	users             []string // files that declare one user
}

// A request is a pull request that is previewed.
type request struct {
	name string
	edit func(*previewBench) error // of the working tree of main
}

var requests = []request{
	{"one user", func(p *previewBench) error { return p.rename(1) }},
	{"1,000 users", func(p *previewBench) error { return p.rename(1000) }},
	{"a profile of everybody", func(p *previewBench) error {
		return replace(filepath.Join(p.org, "profiles.yaml"), "features: {forwarding: false}", "features: {forwarding: false}\n  onlyLocalSMTP: true")
	}},
}

// preview measures one size and prints what it found.
func (b *bench) preview(ctx context.Context, out io.Writer, users, peers int) error {
	clean, err := b.prepare(ctx)
	defer clean()
	if err != nil {
		return err
	}
	p := &previewBench{bench: b, org: filepath.Join(b.dir, "organization"), store: filepath.Join(b.dir, "live.db"), cache: filepath.Join(b.dir, "cache")}
	if err := p.begin(ctx, users); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%d users: plan --base\tseconds\tCPU s\tpeak MiB\tof the floor\tcomment\t\n", users)
	for n, r := range requests {
		if err := p.request(ctx, w, fmt.Sprint("pr", n), r); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", r.name, err), w.Flush())
		}
	}
	return errors.Join(w.Flush(), b.terraform(ctx, out, peers))
}

// begin writes the organization, makes a repository of it, and applies it.
func (p *previewBench) begin(ctx context.Context, users int) (err error) {
	if p.users, err = p.repository(ctx, p.org, users); err != nil {
		return err
	}
	fmt.Fprintf(p.log, "%d users: applying\n", users)
	_, err = measure(ctx, p.dir, p.output("apply"), p.mailops, "apply", "-C", p.org, "--store", "sqlite:"+p.store, "--yes")
	return err
}

// repository generates an organization in a repository of its own, and lists the
// files that declare one user.
func (b *bench) repository(ctx context.Context, dir string, users int) (files []string, err error) {
	fmt.Fprintf(b.log, "%d users: generating\n", users)
	if _, err := measure(ctx, b.dir, b.output("generate"), b.self, "generate", "-users", strconv.Itoa(users), dir); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"commit", "-q", "-m", "begin"}} {
		if _, err := git(ctx, dir, args...); err != nil {
			return nil, err
		}
	}
	err = filepath.WalkDir(filepath.Join(dir, "users"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// git runs git in a repository, as somebody who leaves it as it is.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "user.name=bench", "-c", "user.email=bench@acme.example", "-c", "gc.auto=0", "-c", "maintenance.auto=false"}, args...)...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, said)
	}
	return strings.TrimSpace(string(said)), nil
}

// branch commits an edit on a branch.
func (p *previewBench) branch(ctx context.Context, branch string, r request) error {
	fmt.Fprintf(p.log, "%s\n", r.name)
	if err := r.edit(p); err != nil {
		return err
	}
	for _, args := range [][]string{{"checkout", "-q", "-b", branch}, {"commit", "-q", "-a", "-m", r.name}, {"checkout", "-q", "main"}} {
		if _, err := git(ctx, p.org, args...); err != nil {
			return err
		}
	}
	return nil
}

// request measures the preview of an edit without a cache, with one that holds the
// base, and the floor.
func (p *previewBench) request(ctx context.Context, out io.Writer, branch string, r request) error {
	if err := p.branch(ctx, branch, r); err != nil {
		return err
	}
	floor, err := p.floor(ctx, branch)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(p.cache); err != nil {
		return err
	}
	cold, err := p.plan(ctx, branch)
	if err != nil {
		return err
	}
	var warm []cost
	for range 3 {
		c, err := p.plan(ctx, branch)
		if err != nil {
			return err
		}
		warm = append(warm, c)
	}
	comment, err := os.Stat(p.output("plan"))
	if err != nil {
		return err
	}
	row(out, r.name+", no cache", cold, floor, comment.Size())
	row(out, r.name+", base in the cache", median(warm), floor, comment.Size())
	row(out, "floor", floor, floor, 0)
	return nil
}

func row(out io.Writer, name string, c, floor cost, comment int64) {
	fmt.Fprintf(out, "%s\t%.2f\t%.2f\t%.0f\t%.1fx\t%d bytes\t\n", name, c.wall.Seconds(), c.cpu.Seconds(), mib(c), c.wall.Seconds()/floor.wall.Seconds(), comment)
}

func (p *previewBench) plan(ctx context.Context, branch string) (cost, error) {
	return measure(ctx, p.dir, p.output("plan"), "env", "MAILOPS_CACHE="+p.cache, p.mailops, "plan", "-C", p.org, "--store", "sqlite:"+p.store, "--base", "main", "--rev", branch, "--format", "markdown")
}

// floor does the least that a preview could cost with programs of others.
func (p *previewBench) floor(ctx context.Context, branch string) (cost, error) {
	differs, err := measure(ctx, p.dir, p.output("diff"), "git", "-C", p.org, "diff", "--name-only", "main..."+branch)
	if err != nil {
		return cost{}, err
	}
	rows, err := measure(ctx, p.dir, p.output("rows"), "sqlite3", "-readonly", p.store, "SELECT * FROM mailuser; SELECT * FROM address; SELECT * FROM forwarding; SELECT * FROM send_as;")
	return differs.plus(rows), err
}

// rename gives some users another name.
func (p *previewBench) rename(n int) error {
	n = min(n, len(p.users))
	for i := range n {
		if err := rename(p.users[i*len(p.users)/n], i); err != nil {
			return err
		}
	}
	return nil
}

// replace edits one place of a file.
func replace(file, old, new string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	edited := strings.Replace(string(text), old, new, 1)
	if edited == string(text) {
		return fmt.Errorf("%s has no %q", filepath.Base(file), old)
	}
	return os.WriteFile(file, []byte(edited), 0o644)
}
