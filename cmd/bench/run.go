package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A bench measures organizations of several sizes.
type bench struct {
	mailops string // the program to measure; "" until it is built
	dir     string // where everything is written
	log     io.Writer

	cue, self, law string // cue, this program, and the law as one CUE file
}

// A step is one thing that is measured, its name as the table has it.
type step string

// The steps, in the order of the table. The store is fresh before firstPlan.
const (
	readYAML  step = "read the YAML (floor)"
	cueVet    step = "cue vet, users only"
	validate  step = "mailops validate"
	firstPlan step = "mailops plan, first"
	apply     step = "mailops apply"
	nextPlan  step = "mailops plan, after"
)

var steps = []step{readYAML, cueVet, validate, firstPlan, apply, nextPlan}

// An outcome is the costs of one size.
type outcome struct {
	users int
	runs  int // how many each cost is the median of
	costs map[step]cost
}

// run measures each size in a list, and prints the table.
func (b *bench) run(ctx context.Context, out io.Writer, list string) error {
	sizes, err := numbers(list)
	if err != nil {
		return err
	}
	clean, err := b.prepare(ctx)
	defer clean()
	if err != nil {
		return err
	}
	var outcomes []outcome
	for _, users := range sizes {
		o, failed := b.size(ctx, users)
		if failed != nil {
			err = fmt.Errorf("%d users: %w", users, failed)
			break
		}
		outcomes = append(outcomes, o)
	}
	// What was measured before a failure took its time, and is shown.
	return errors.Join(printTable(out, outcomes), err)
}

// prepare makes the folder and the programs. clean removes the folder again.
func (b *bench) prepare(ctx context.Context) (clean func(), err error) {
	if b.dir, err = os.MkdirTemp(b.dir, "bench-"); err != nil {
		return func() {}, err
	}
	clean = func() { os.RemoveAll(b.dir) }
	if b.self, err = os.Executable(); err != nil {
		return clean, err
	}
	b.cue = filepath.Join(b.dir, "cue")
	if err := b.build(ctx, b.cue, "cuelang.org/go/cmd/cue"); err != nil {
		return clean, err
	}
	if b.mailops == "" {
		b.mailops = filepath.Join(b.dir, "mailops")
		if err := b.build(ctx, b.mailops, "mailops/cmd/mailops"); err != nil {
			return clean, err
		}
	}
	if b.mailops, err = filepath.Abs(b.mailops); err != nil {
		return clean, err
	}
	b.law = filepath.Join(b.dir, "law.cue")
	_, err = measure(ctx, b.dir, b.law, b.mailops, "schema", "cue")
	return clean, err
}

// build builds a program of this module, as the Makefile builds mailops.
func (b *bench) build(ctx context.Context, output, path string) error {
	fmt.Fprintln(b.log, "building", path)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", output, path)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %s", path, err, said)
	}
	return nil
}

// size generates an organization, measures every step on it, and removes it.
// Rounds go through all steps, so that a slow minute of the machine meets all.
func (b *bench) size(ctx context.Context, users int) (outcome, error) {
	const many = 10_000 // users from which on once is enough
	o := outcome{users: users, runs: 3, costs: make(map[step]cost)}
	if users > many {
		o.runs = 1
	}
	dir := filepath.Join(b.dir, fmt.Sprint(users))
	defer os.RemoveAll(dir)
	fmt.Fprintf(b.log, "%d users: generating\n", users)
	// By a process of its own: what this one holds counts in all that it starts.
	if _, err := measure(ctx, b.dir, b.output("generate"), b.self, "generate", "-users", fmt.Sprint(users), dir); err != nil {
		return o, err
	}
	all := make(map[step][]cost)
	for round := range o.runs {
		for _, s := range steps {
			fmt.Fprintf(b.log, "%d users, round %d of %d: %s\n", users, round+1, o.runs, s)
			c, err := b.step(ctx, s, dir)
			if err != nil {
				return o, err
			}
			all[s] = append(all[s], c)
		}
	}
	for s, costs := range all {
		o.costs[s] = median(costs)
	}
	return o, nil
}

// step measures one step in the organization of dir.
func (b *bench) step(ctx context.Context, s step, dir string) (cost, error) {
	store := filepath.Join(dir, ".mailops", "live.db")
	program := func(args ...string) (cost, error) {
		args = append([]string{"-C", dir, "--store", "sqlite:" + store}, args...)
		return measure(ctx, dir, b.output(args[4]), b.mailops, args...)
	}
	switch s {
	case readYAML:
		return measure(ctx, dir, b.output("floor"), b.self, "floor", dir)
	case cueVet:
		return b.vet(ctx, dir)
	case validate:
		return program("validate")
	case firstPlan:
		if err := os.RemoveAll(filepath.Dir(store)); err != nil {
			return cost{}, err
		}
		return program("plan", "--format", "json")
	case apply:
		return program("apply", "--yes")
	}
	return program("plan", "--detailed-exitcode") // fails unless there is nothing to do
}

// output is the file that a program's output goes to.
func (b *bench) output(name string) string { return filepath.Join(b.dir, name+".out") }

// vet holds the user files against the law with cue vet, in as many runs as
// the arguments need. It cannot check what mailops does beyond single files.
func (b *bench) vet(ctx context.Context, dir string) (cost, error) {
	var files []string
	err := walk(filepath.Join(dir, "users"), func(file string) {
		files = append(files, strings.TrimPrefix(file, dir+string(filepath.Separator)))
	})
	if err != nil {
		return cost{}, err
	}
	var total cost
	for _, some := range batches(files) {
		c, err := measure(ctx, dir, b.output("cue"), b.cue, append([]string{"vet", "-c", "-d", "#User", b.law}, some...)...)
		if err != nil {
			return cost{}, err
		}
		total = total.plus(c)
	}
	return total, nil
}
