package track

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/policy"
	"mailops/schema/resolve"
)

// A Step is the way from one revision to the next.
type Step struct {
	Old, New fs.FS
	Changed  []string // the files that differ, those that came and went too
}

// Next returns what the next revision asks for at an instant.
func (t *Tracker) Next(ctx context.Context, w *Want, step Step, at time.Time) (*Want, schema.Problems, error) {
	then, err := t.short(ctx, w, step, at)
	if errors.Is(err, errLong) {
		return t.Load(ctx, step.New, at)
	}
	return then, nil, err
}

// At returns what the same revision asks for at a later instant.
func (t *Tracker) At(ctx context.Context, w *Want, fsys fs.FS, at time.Time) (*Want, schema.Problems, error) {
	return t.Next(ctx, w, Step{Old: fsys, New: fsys}, at)
}

// errLong says that the short way is not sure.
var errLong = errors.New("has to be loaded whole")

// short goes the short way, or says that it is none.
func (t *Tracker) short(ctx context.Context, w *Want, step Step, at time.Time) (*Want, error) {
	if at.Before(w.At) {
		return nil, errLong // what has ended may begin again
	}
	old, now, err := sides(step)
	if err != nil {
		return nil, err
	}
	gone, err := t.read(step.Old, old)
	if err != nil {
		return nil, errLong
	}
	come, problems, err := t.readFiles(step.New, now)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 || hasShared(gone) || hasShared(come) {
		return nil, errLong
	}
	due, err := t.due(w, step, at)
	if err != nil {
		return nil, err
	}
	if len(gone.All)+len(come.All)+len(due) == 0 {
		same := *w
		same.At = at
		return &same, nil
	}
	r, problems := resolve.At(w.among(append(slices.Clone(come.All), due...)), at, t.Env)
	if len(problems) > 0 {
		return nil, errLong
	}
	then := w.replace(gone.All, due, r, w.files)
	if fresh := variablesOf(come.All); len(fresh) > 0 {
		then.variables = slices.Concat(w.variables, fresh)
		slices.Sort(then.variables)
		then.variables = slices.Compact(then.variables)
	}
	if err := w.check(then, gone.All, come.All); err != nil {
		return nil, err
	}
	violations, err := policy.Check(ctx, w.shared.Policies, then.fresh(w), policy.Limits{})
	if err == nil && len(violations) > 0 {
		err = errLong
	}
	return then, err
}

// sides are the files of declarations that a step reads on either side.
func sides(step Step) (old, now []string, err error) {
	for _, file := range step.Changed {
		for _, side := range []struct {
			fs.FS
			files *[]string
		}{{step.Old, &old}, {step.New, &now}} {
			_, missing := fs.Stat(side.FS, file)
			switch role := load.RoleOf(side.FS, file); {
			case role == load.Ignored:
			case role != load.Declares:
				return nil, nil, errLong
			case missing == nil:
				*side.files = append(*side.files, file)
			case !errors.Is(missing, fs.ErrNotExist):
				return nil, nil, missing
			}
		}
	}
	return old, now, nil
}

func hasShared(d *schema.Declarations) bool {
	return slices.ContainsFunc(d.All, func(d schema.Declaration) bool { return isShared(d.Kind) })
}

// due reads the declarations of users whose time has come, as far as their files
// do not differ.
func (t *Tracker) due(w *Want, step Step, at time.Time) ([]schema.Declaration, error) {
	users := make(map[string]bool)
	files := make(map[string]bool)
	for user, next := range w.Timed {
		if next.At.After(at) {
			continue
		}
		if file := w.FileOf(schema.Key{Kind: schema.KindUser, Name: string(user)}); !slices.Contains(step.Changed, file) {
			users[string(user)], files[file] = true, true
		}
	}
	if len(files) == 0 {
		return nil, nil
	}
	decls, err := t.read(step.New, slices.Sorted(maps.Keys(files)))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(decls.All, func(d schema.Declaration) bool { return d.Kind != schema.KindUser || !users[d.Name] }), nil
}

// replace is the want with what was resolved anew in the place of what is gone.
func (w *Want) replace(gone, due []schema.Declaration, r *resolve.Want, files []string) *Want {
	then := *w
	then.At, then.files = r.At, slices.Clip(files)
	leaves := make(map[schema.Key]bool)
	then.Timed = maps.Clone(w.Timed)
	for _, d := range slices.Concat(gone, due) {
		for _, key := range keysOf(&d) {
			leaves[key] = true
			delete(then.Timed, key.Address())
		}
	}
	maps.Copy(then.Timed, r.Timed)
	then.Unset = slices.DeleteFunc(slices.Clone(w.Unset), func(u resolve.Unset) bool {
		return leaves[schema.Key{Kind: schema.KindUser, Name: string(u.Address)}]
	})
	then.Unset = append(then.Unset, r.Unset...)
	slices.SortFunc(then.Unset, func(a, b resolve.Unset) int { return a.Address.Compare(b.Address) })
	then.merge(w, leaves, r)
	return &then
}

// merge puts the resources of two wants together, in order.
func (w *Want) merge(old *Want, leaves map[schema.Key]bool, r *resolve.Want) {
	var fresh schema.State
	for _, res := range r.State {
		if _, domain := res.(*schema.Domain); !domain {
			fresh = append(fresh, res)
		}
	}
	var cuts []int // where in the old state something leaves or comes
	for _, res := range fresh {
		cuts = append(cuts, old.place(res.Key()))
	}
	for key := range leaves {
		cuts = append(cuts, old.place(key))
	}
	slices.Sort(cuts)
	n := len(old.State) + len(fresh)
	w.State, w.places, w.versions = make(schema.State, 0, n), make([]int32, 0, n), make([][16]byte, 0, n)
	take := func(from, to int) {
		w.State = append(w.State, old.State[from:to]...)
		w.places = append(w.places, old.places[from:to]...)
		w.versions = append(w.versions, old.versions[from:to]...)
	}
	from := 0
	for _, cut := range slices.Compact(cuts) {
		take(from, cut)
		from = cut
		for len(fresh) > 0 && old.place(fresh[0].Key()) == cut {
			w.files = append(w.files, placeOf(r, fresh[0]))
			w.State, w.places, w.versions = append(w.State, fresh[0]), append(w.places, int32(len(w.files)-1)), append(w.versions, [16]byte{})
			fresh = fresh[1:]
		}
		if cut < len(old.State) && leaves[old.State[cut].Key()] {
			from++
		}
	}
	take(from, len(old.State))
}

// place is where a key is in the state, or belongs.
func (w *Want) place(key schema.Key) int {
	i, _ := slices.BinarySearchFunc(w.State, key, func(r schema.Resource, k schema.Key) int { return r.Key().Compare(k) })
	return i
}

// keysOf are the resources that a declaration makes: its own, and the alias that
// a rename leaves.
func keysOf(d *schema.Declaration) []schema.Key {
	keys := []schema.Key{d.Key()}
	if from := d.Body.Get("renamedFrom"); from != nil && d.Kind == schema.KindUser {
		keys = append(keys, schema.Key{Kind: schema.KindAlias, Name: from.Text})
	}
	return keys
}

// fresh are the resources that the want does not share with an older one.
func (w *Want) fresh(old *Want) schema.State {
	var out schema.State
	rest := old.State
	for _, r := range w.State {
		var is schema.Resource
		if is, rest = rest.Next(r); is != r {
			out = append(out, r)
		}
	}
	return out
}

// version is [schema.Version] in half the space.
func version(r schema.Resource) [16]byte {
	var out [16]byte
	_, _ = hex.Decode(out[:], []byte(schema.Version(r))) // Version prints hexadecimal digits
	return out
}

// digest is that of a state with these versions, as [schema.State.Digest] has it.
func digest(versions [][16]byte) string {
	h := sha256.New()
	var text [32]byte
	for i := range versions {
		hex.Encode(text[:], versions[i][:])
		h.Write(text[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
