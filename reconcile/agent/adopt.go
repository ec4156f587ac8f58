package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"mailops/reconcile"
	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/load/edit"
	"mailops/schema/track"
)

// An Adoption is what live values look like as a change of the declarations.
type Adoption struct {
	Files   map[string][]byte     // by path; nil removes the file
	Took    []reconcile.Held      // what it adopts
	Left    map[schema.Key]string // what it does not, and why
	Message string                // of a commit
}

// Adopt writes held changes the other way round: what is live into the
// declarations, in place, comments kept. The result is loaded: what the law, a
// rule or a policy refuses is left out, and so is a password, whose hash nobody
// reads.
func Adopt(ctx context.Context, t *track.Tracker, w *track.Want, fsys fs.FS, live schema.State, held []reconcile.Held, notes map[string]reconcile.Note) (*Adoption, error) {
	a := &Adoption{Files: make(map[string][]byte), Left: make(map[schema.Key]string)}
	try := func(h reconcile.Held) error {
		before := maps.Clone(a.Files)
		err := a.take(fsys, w, live, h)
		if err == nil {
			err = a.holds(ctx, t, w, fsys, h)
		}
		if err != nil {
			a.Files = before
		}
		return err
	}
	for _, h := range held {
		took, err := adoptable(h, try)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			a.Left[h.Key] = err.Error()
		}
		if took != nil {
			a.Took = append(a.Took, *took)
		}
	}
	a.Message = message(a.Took, notes)
	return a, nil
}

// adoptable tries what is held whole, and an update of which that cannot be field
// by field: one that is refused does not hold the others back. took is nil for
// nothing; the error is the first refusal.
func adoptable(h reconcile.Held, try func(reconcile.Held) error) (took *reconcile.Held, err error) {
	if err = try(h); err == nil {
		return &h, nil
	}
	if h.Op != reconcile.OpUpdate || len(h.Fields) < 2 {
		return nil, err
	}
	var fields []reconcile.FieldChange
	err = nil
	for _, f := range h.Fields {
		one := h
		one.Fields = []reconcile.FieldChange{f}
		if refused := try(one); refused == nil {
			fields = append(fields, f)
		} else if err == nil {
			err = fmt.Errorf("%s: %w", f.Path, refused)
		}
	}
	if len(fields) == 0 {
		return nil, err
	}
	some := h
	some.Fields = fields
	return &some, err
}

// take edits the file that declares what is held.
func (a *Adoption) take(fsys fs.FS, w *track.Want, live schema.State, h reconcile.Held) error {
	if h.Op == reconcile.OpDelete { // others made it
		return a.declare(fsys, live.Find(h.Key))
	}
	file := w.FileOf(h.Key)
	text, err := a.read(fsys, file)
	if err != nil {
		return err
	}
	doc, err := edit.Find(text, h.Key)
	if err != nil {
		return err
	}
	if doc < 0 {
		return fmt.Errorf("%s does not declare it itself", file)
	}
	if h.Op == reconcile.OpCreate { // others removed it
		text, err = edit.Remove(text, doc)
	}
	for _, f := range h.Fields {
		if h.Op != reconcile.OpUpdate || err != nil {
			break
		}
		if f.Path == "password" {
			return errors.New("a password is not read out of the store; `mailops password` sets one")
		}
		text, err = edit.SetField(text, doc, h.Kind, f.Path, f.Before)
	}
	if err != nil {
		return err
	}
	if a.Files[file] = text; len(bytes.TrimSpace(text)) == 0 {
		a.Files[file] = nil
	}
	return nil
}

// declare adds a declaration of what others made.
func (a *Adoption) declare(fsys fs.FS, r schema.Resource) error {
	file := edit.FileFor(r.Key())
	if _, err := a.read(fsys, file); err == nil {
		return fmt.Errorf("%s is there already", file)
	}
	user, list, err := load.Defaults()
	if err != nil {
		return err
	}
	var base schema.Resource
	switch r.(type) {
	case *schema.User:
		base = user
	case *schema.List:
		base = list
	}
	a.Files[file] = edit.Declaration(r, base)
	return nil
}

func (a *Adoption) read(fsys fs.FS, file string) ([]byte, error) {
	if text, edited := a.Files[file]; edited {
		if text == nil {
			return nil, fs.ErrNotExist
		}
		return text, nil
	}
	if file == "" {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(fsys, file)
}

// holds loads the declarations with the edits, and demands that they now ask for
// what is live.
func (a *Adoption) holds(ctx context.Context, t *track.Tracker, w *track.Want, fsys fs.FS, h reconcile.Held) error {
	over := overlay{fsys, make(fstest.MapFS)}
	for file, text := range a.Files {
		over.files[file] = nil
		if text != nil {
			over.files[file] = &fstest.MapFile{Data: text, Mode: 0o444}
		}
	}
	then, problems, err := t.Next(ctx, w, track.Step{Old: fsys, New: over, Changed: slices.Sorted(maps.Keys(a.Files))}, w.At)
	switch {
	case err != nil:
		return err
	case len(problems) > 0:
		return problems[0]
	}
	is := then.State.Find(h.Key)
	if (is == nil) != (h.Op == reconcile.OpCreate) {
		return errors.New("the declarations would not say it")
	}
	for _, f := range h.Fields {
		if field, ok := schema.FieldAt(h.Kind, f.Path); ok && h.Op == reconcile.OpUpdate && field.Get(is) != f.Before {
			return fmt.Errorf("%s would not be what it is live: something stronger sets it", f.Path)
		}
	}
	return nil
}

// An overlay is a file system with some files as they are to be; nil is gone.
type overlay struct {
	fs.FS
	files fstest.MapFS
}

// Open implements fs.FS for files. Folders are those below, so that only who
// knows what to open sees what was added.
func (o overlay) Open(name string) (fs.File, error) {
	file, edited := o.files[name]
	switch {
	case !edited:
		return o.FS.Open(name)
	case file == nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return fstest.MapFS{name: file}.Open(name)
}

// ReadDir implements fs.ReadDirFS: what was added is listed, and what is gone is
// not.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	below, err := fs.ReadDir(o.FS, name)
	added := make(fstest.MapFS)
	for file, is := range o.files {
		if is != nil {
			added[file] = is
		}
	}
	more, moreErr := fs.ReadDir(added, name)
	if err != nil && moreErr != nil {
		return nil, err
	}
	entries := make(map[string]fs.DirEntry)
	for _, e := range slices.Concat(below, more) {
		entries[e.Name()] = e
	}
	var out []fs.DirEntry
	for _, e := range slices.Sorted(maps.Keys(entries)) {
		file := strings.TrimPrefix(name+"/"+e, "./")
		if is, edited := o.files[file]; !edited || is != nil {
			out = append(out, entries[e])
		}
	}
	return out, nil
}

// message says what was adopted, who changed it, and when.
func message(took []reconcile.Held, notes map[string]reconcile.Note) string {
	var b strings.Builder
	fmt.Fprintf(&b, "adopt %d change%s made in the live store\n\n", len(took), plural(len(took)))
	for _, h := range took {
		what := map[reconcile.Op]string{reconcile.OpDelete: "was made", reconcile.OpCreate: "was removed", reconcile.OpUpdate: "was changed"}[h.Op]
		var paths []string
		for _, f := range h.Fields {
			if h.Op == reconcile.OpUpdate {
				paths = append(paths, fmt.Sprintf("%s: %s, was %s", f.Path, f.Before.Text(), f.After.Text()))
			}
		}
		fmt.Fprintf(&b, "%s %s%s", h.Key, what, whoAndWhen(notes[h.Name]))
		if len(paths) > 0 {
			b.WriteString(" (" + strings.Join(paths, "; ") + ")")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func whoAndWhen(n reconcile.Note) string {
	out := ""
	if n.By != "" {
		out += " by " + n.By
	}
	if !n.At.IsZero() {
		out += " on " + n.At.UTC().Format(time.RFC3339)
	}
	return out
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// digest names a set of files by their content.
func (a *Adoption) digest() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(a.Files)) {
		fmt.Fprintf(sum, "%s\x00%t\x00%d\x00", name, a.Files[name] == nil, len(a.Files[name]))
		sum.Write(a.Files[name])
	}
	return hex.EncodeToString(sum.Sum(nil)[:4])
}
