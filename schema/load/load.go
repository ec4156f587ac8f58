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
	"path"
	"runtime"
	"slices"
	"strings"
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

// A Reader reads single files of a repository, for who knows which ones differ.
// It belongs to one goroutine.
type Reader struct{ law *law }

// NewReader makes a reader. It takes the law apart once, which takes longer than
// reading a file.
func NewReader() (*Reader, error) {
	law, err := compileLaw()
	if err != nil {
		return nil, err
	}
	return &Reader{law}, nil
}

// Read reads some files, with all that [FS] checks of a document alone. What
// spans documents is not checked. The error is about reading itself.
func (r *Reader) Read(fsys fs.FS, files []string) (*schema.Declarations, schema.Problems, error) {
	decls := &schema.Declarations{Defaults: r.law.defaults}
	x := &index{zones: make(map[string]bool)}
	var problems schema.Problems
	for _, file := range files {
		result, err := readFile(fsys, file, r.law)
		if err != nil {
			return nil, nil, fmt.Errorf("read declarations: %w", err)
		}
		problems = append(problems, result.problems...)
		decls.Policies = append(decls.Policies, result.policies...)
		for i := range result.declarations {
			problems = append(problems, x.values(&result.declarations[i])...)
		}
		decls.All = append(decls.All, result.declarations...)
	}
	return decls, problems.Sorted(), nil
}

// A Role says what a file of a repository is for.
type Role int

// The roles of files.
const (
	Ignored  Role = iota // nothing reads it
	Declares             // it holds declarations
	Judges               // it is a policy
	Doubtful             // it is, or would be, a problem of its own: see FS
)

// RoleOf says what a file is for, by its name and what the file system knows.
// A file that does not exist is judged by its name.
func RoleOf(fsys fs.FS, file string) Role {
	for step := range strings.SplitSeq(file, "/") {
		if strings.HasPrefix(step, ".") {
			return Ignored
		}
	}
	info, err := fs.Lstat(fsys, file)
	lower := strings.ToLower(path.Ext(file))
	switch {
	case err == nil && info.Mode()&fs.ModeSymlink != 0, strings.Count(file, "/") >= maxPath, !printable(file):
		return Doubtful
	case isPolicy(file):
		return Judges
	case isYAML(file) && err == nil && (!info.Mode().IsRegular() || info.Size() > maxFile):
		return Doubtful
	case isYAML(file):
		return Declares
	case lower == ".yaml" || lower == ".yml":
		return Doubtful
	}
	return Ignored
}

// A Name is what a declaration calls another one.
type Name struct {
	Text    string
	Profile bool // it is a profile's, and else an address
	User    bool // it must be a user's address
}

// Names lists what a declaration refers to.
func Names(d *schema.Declaration) []Name {
	var out []Name
	for r := range references(d) {
		out = append(out, Name{r.node.Text, r.what == aProfile, r.what == aUser})
	}
	return out
}

// Exotic reports whether an address reads other than in ASCII, so that it may
// look like another one: see the rule address-confusable.
func Exotic(address string) bool { return !ascii(readable(address)) }

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
