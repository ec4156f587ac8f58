// Package track keeps the want while revisions and time go by, so that the next
// want costs what differs from the one before: of a hundred thousand users it
// reads the one whose file has changed. What it keeps is small, the effective
// resources and where they are declared; declarations are read again when
// somebody asks where a value comes from.
//
// What the short way accepts, [load.FS] and [resolve.At] accept, and the want is
// the same; whatever it is not sure of, it leaves to them. Imports: schema,
// schema/load, schema/resolve, schema/policy.
package track

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/policy"
	"mailops/schema/resolve"
)

// A Want is what a revision asks for at an instant. Nobody changes it: the next
// one shares with it what is the same.
type Want struct {
	At           time.Time
	Organization schema.Organization
	State        schema.State
	Unset        []resolve.Unset
	Timed        map[schema.Address]resolve.Transition // of each user that changes by itself, the next time

	shared   *schema.Declarations // the organization, domains, profiles and policies
	files    []string             // names of files; some may be gone
	places   []int32              // of each resource of State, its file
	versions [][16]byte           // of each resource of State; zero is not known yet
	doubts   doubts

	variables []string // of the environment, that passwords are said to be in
}

// A Tracker makes wants. It belongs to one goroutine.
type Tracker struct {
	// Env holds the environment variables that passwords may be in.
	Env map[string]string

	reader *load.Reader

	loaded  *Want         // the last want that was loaded whole, until Forget
	details *resolve.Want // and all that is known of it
}

// Load reads a revision whole. With problems there is no want.
func (t *Tracker) Load(ctx context.Context, fsys fs.FS, at time.Time) (*Want, schema.Problems, error) {
	decls, problems, err := load.FS(ctx, fsys)
	if err != nil {
		return nil, nil, err
	}
	w, more := resolve.At(decls, at, t.Env)
	if len(problems) > 0 {
		return nil, append(problems, more.Without("licence-limit", "storage-limit", "schema")...).Sorted(), nil
	}
	violations, err := Judge(ctx, decls.Policies, w)
	if err != nil {
		return nil, nil, err
	}
	if problems = append(more, violations...).Sorted(); len(problems) > 0 {
		return nil, problems, nil
	}
	t.loaded, t.details = keep(decls, w), w
	return t.loaded, nil, nil
}

// Forget lets go of what Load has left for Details: all the declarations.
func (t *Tracker) Forget() { t.loaded, t.details = nil, nil }

// Judge holds the effective resources against the organization's own CUE, and
// places each violation at the line that set the value.
func Judge(ctx context.Context, policies []schema.Source, w *resolve.Want) (schema.Problems, error) {
	violations, err := policy.Check(ctx, policies, w.State, policy.Limits{})
	if err != nil {
		return nil, err
	}
	var problems schema.Problems
	for _, v := range violations {
		if v.Key.Name == "" {
			problems = append(problems, schema.Problem{Pos: v.Policy, Rule: "policy", Message: v.Message, Hint: v.Hint})
			continue
		}
		problems = append(problems, w.Problem(v.Key, v.Path, "policy", fmt.Sprintf("%s: %s", v.Policy, v.Message), v.Hint))
	}
	return problems, nil
}

// keep takes from a whole load what a want keeps.
func keep(decls *schema.Declarations, w *resolve.Want) *Want {
	out := &Want{At: w.At, Organization: w.Organization, State: compact(w.State), Unset: w.Unset, Timed: compactTimed(w.Timed),
		shared:   &schema.Declarations{Defaults: decls.Defaults, Policies: decls.Policies},
		places:   make([]int32, len(w.State)),
		versions: make([][16]byte, len(w.State))}
	table := make(map[string]int32)
	var files []string
	for i, r := range w.State {
		file := placeOf(w, r)
		at, known := table[file]
		if !known {
			at = int32(len(files))
			table[file] = at
			files = append(files, file)
		}
		out.places[i] = at
	}
	out.files = together(files)
	for _, d := range decls.All {
		if isShared(d.Kind) {
			out.shared.All = append(out.shared.All, d)
		}
	}
	out.doubts = doubtsOf(decls)
	out.variables = variablesOf(decls.All)
	return out
}

// variablesOf are the environment variables that declarations name, in order.
func variablesOf(decls []schema.Declaration) []string {
	var out []string
	for i := range decls {
		if v := decls[i].Body.At("password.fromEnv"); v != nil {
			out = append(out, strings.Clone(v.Text))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// placeOf is the file that declares a resource; of the alias that a rename
// leaves, the user's.
func placeOf(w *resolve.Want, r schema.Resource) string {
	if pos, ok := w.Declared(r.Key()); ok {
		return pos.File
	}
	if o := w.Origin(r.Key(), "to"); o != nil {
		return o.File
	}
	return ""
}

// isShared reports whether a declaration can be about everybody.
func isShared(k schema.Kind) bool {
	return k == schema.KindOrganization || k == schema.KindDomain || k == schema.KindProfile
}

// Next is the next time at which the want changes by itself; nil is never.
func (w *Want) Next() *resolve.Transition {
	var next *resolve.Transition
	for _, t := range w.Timed {
		if next == nil || t.At.Before(next.At) || t.At.Equal(next.At) && t.User < next.User {
			next = &t
		}
	}
	return next
}

// Stands reports whether nothing of an older want had to be worked out anew to
// get this one.
func (w *Want) Stands(old *Want) bool {
	return len(w.State) > 0 && len(w.State) == len(old.State) && &w.State[0] == &old.State[0]
}

// Policies are the organization's own CUE.
func (w *Want) Policies() []schema.Source { return w.shared.Policies }

// FileOf is the file that declares a resource; "" when the want has none.
func (w *Want) FileOf(key schema.Key) string {
	i, ok := slices.BinarySearchFunc(w.State, key, func(r schema.Resource, k schema.Key) int { return r.Key().Compare(k) })
	if !ok {
		return ""
	}
	return w.files[w.places[i]]
}

// Digest identifies the content of the want, as [schema.State.Digest] does. What
// has been worked out for an earlier want is not worked out again.
func (w *Want) Digest() string {
	for i := range w.versions {
		if w.versions[i] == ([16]byte{}) {
			w.versions[i] = version(w.State[i])
		}
	}
	return digest(w.versions)
}

// Details reads again the declarations of some resources, and resolves them at
// the want's instant: for where their values come from, and their secrets. fsys
// is the revision that the want was made from. Right after Load nothing has to be
// read again.
func (t *Tracker) Details(ctx context.Context, w *Want, fsys fs.FS, keys []schema.Key) (*resolve.Want, error) {
	if w == t.loaded {
		return t.details, nil
	}
	files := make(map[string]bool)
	for _, key := range keys {
		if file := w.FileOf(key); file != "" {
			files[file] = true
		}
	}
	decls, err := t.read(fsys, slices.Sorted(maps.Keys(files)))
	if err != nil {
		return nil, err
	}
	out, _ := resolve.At(w.among(decls.All), w.At, t.Env)
	return out, ctx.Err()
}

// among are the shared declarations with others.
func (w *Want) among(others []schema.Declaration) *schema.Declarations {
	out := *w.shared
	out.All = slices.Clone(out.All)
	for _, d := range others {
		if !isShared(d.Kind) {
			out.All = append(out.All, d)
		}
	}
	slices.SortStableFunc(out.All, func(a, b schema.Declaration) int { return strings.Compare(a.File, b.File) })
	return &out
}

// read reads files that were right when they were read before.
func (t *Tracker) read(fsys fs.FS, files []string) (*schema.Declarations, error) {
	decls, problems, err := t.readFiles(fsys, files)
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("read declarations: %s is not as it was", problems[0].Pos.File)
	}
	return decls, err
}

func (t *Tracker) readFiles(fsys fs.FS, files []string) (*schema.Declarations, schema.Problems, error) {
	if len(files) == 0 {
		return &schema.Declarations{}, nil, nil // to take the law apart for nothing takes longer than opening a want
	}
	if t.reader == nil {
		var err error
		if t.reader, err = load.NewReader(); err != nil {
			return nil, nil, err
		}
	}
	return t.reader.Read(fsys, files)
}

// Upcoming lists what will change by itself until a time, in order, at most so
// many. fsys is the revision that the want was made from.
func (t *Tracker) Upcoming(ctx context.Context, w *Want, fsys fs.FS, until time.Time, most int) ([]resolve.Transition, error) {
	var out []resolve.Transition
	for user, next := range w.Timed {
		if next.At.After(until) {
			continue
		}
		key := schema.Key{Kind: schema.KindUser, Name: string(user)}
		decls, err := t.read(fsys, []string{w.FileOf(key)})
		if err != nil {
			return nil, err
		}
		own := slices.DeleteFunc(decls.All, func(d schema.Declaration) bool { return d.Key() != key })
		out = append(out, resolve.Ahead(w.among(own), w.At, until, most)...)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return resolve.Earliest(out, most), nil
}
