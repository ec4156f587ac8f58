// Package load turns a repository of declarations, any fs.FS, into
// [schema.Declarations] or problems: YAML under limits, the CUE law, and the
// rules about declarations that need no clock. Every problem of every file is
// found in one run. With schema/policy it is the only package that imports CUE.
package load

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"mailops/schema"
)

// Root is the file at the root of a repository that makes it one.
const Root = "mailops.yaml"

// FS reads all declarations below the root of fsys. The declarations that are
// right are returned beside the problems of those that are not, so that later
// rules can be checked in the same run. The error is about reading itself; a
// repository without [Root] is an error that wraps fs.ErrNotExist.
//
// Symbolic links to files are followed as far as fsys allows; pass the FS of
// an os.Root, so that none leads out of it.
func FS(ctx context.Context, fsys fs.FS) (*schema.Declarations, schema.Problems, error) {
	if _, err := fs.Stat(fsys, Root); err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	}
	law, err := compileLaw()
	if err != nil {
		return nil, nil, err
	}
	return law.load(ctx, fsys)
}

// load reads, judges and puts together.
func (l *law) load(ctx context.Context, fsys fs.FS) (*schema.Declarations, schema.Problems, error) {
	files, problems, err := list(ctx, fsys)
	if err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	}
	loaded, err := readAll(ctx, fsys, files, l)
	if err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	}
	decls := &schema.Declarations{Defaults: l.defaults}
	sum := sha256.New()
	for i := range loaded {
		decls.All = append(decls.All, loaded[i].declarations...)
		decls.Policies = append(decls.Policies, loaded[i].policies...)
		problems = append(problems, loaded[i].problems...)
		fmt.Fprintf(sum, "%s\x00%x\n", files[i], loaded[i].sum)
		loaded[i] = result{}
	}
	decls.Digest = hex.EncodeToString(sum.Sum(nil)[:16])
	return decls, append(problems, rules(decls, problems)...).Sorted(), nil
}

// A result is what one file holds.
type result struct {
	declarations []schema.Declaration
	policies     []schema.Source
	problems     schema.Problems
	sum          [sha256.Size]byte
}

// readAll reads the files on all processors, and keeps their order. Each worker
// has a law of its own, the first one the given: CUE values belong to one
// goroutine, and to take the law apart takes longer than most repositories.
func readAll(ctx context.Context, fsys fs.FS, files []string, given *law) ([]result, error) {
	out := make([]result, len(files))
	next := make(chan int)
	workers := min(runtime.GOMAXPROCS(0), max(1, len(files)/64))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			law := given
			if w > 0 {
				law, errs[w] = compileLaw()
			}
			for i := range next {
				if errs[w] == nil {
					out[i], errs[w] = readFile(fsys, files[i], law)
				}
			}
		})
	}
	for i := range files {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return out, cmp.Or(ctx.Err(), errors.Join(errs...))
}

// readFile reads one file. An error is a fault of the file system; anything
// wrong in the file is a problem.
func readFile(fsys fs.FS, file string, law *law) (result, error) {
	text, problem, err := readText(fsys, file)
	if err != nil || problem != nil {
		return result{problems: asProblems(problem)}, err
	}
	r := result{sum: sha256.Sum256(text)}
	if isPolicy(file) {
		r.policies = []schema.Source{{File: file, Text: string(text)}}
		return r, nil
	}
	documents, problems := parse(file, text)
	r.problems = problems
	for _, doc := range documents {
		d, problems := law.declaration(file, doc)
		r.problems = append(r.problems, problems...)
		if d != nil {
			r.declarations = append(r.declarations, *d)
		}
	}
	return r, nil
}

func asProblems(p *schema.Problem) schema.Problems {
	if p == nil {
		return nil
	}
	return schema.Problems{*p}
}

// Text loads declarations from one text, as a file of that name: for tools
// that look at a single document. Rules that span documents are not checked.
func Text(file string, text []byte) ([]schema.Declaration, schema.Problems, error) {
	law, err := compileLaw()
	if err != nil {
		return nil, nil, err
	}
	documents, problems := parse(file, text)
	var out []schema.Declaration
	for _, doc := range documents {
		d, more := law.declaration(file, doc)
		problems = append(problems, more...)
		if d != nil {
			out = append(out, *d)
		}
	}
	return out, slices.Clip(problems.Sorted()), nil
}

// Defaults returns what the law gives to a user and to a list that say nothing.
func Defaults() (*schema.User, *schema.List, error) {
	l, err := compileLaw()
	if err != nil {
		return nil, nil, err
	}
	user, list := &schema.User{}, &schema.List{}
	return user, list, errors.Join(
		schema.Decode(l.defaults[schema.KindUser], user),
		schema.Decode(l.defaults[schema.KindList], list))
}
