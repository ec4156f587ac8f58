package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing/fstest"
	"time"

	"mailops/reconcile/agent/folder"
	"mailops/schema/load"
)

// Folder is a folder of declarations that is being edited. A revision of it is a
// copy in memory: what it was stays readable while it changes.
type Folder struct {
	Dir string
	Log *slog.Logger

	mu     sync.Mutex
	last   map[string]seenFile // what was read last, by path
	copies map[string]fstest.MapFS
	order  []string // the ids of copies, the newest last
}

var _ Source = (*Folder)(nil)

// A seenFile is a file with what tells that it is still the same.
type seenFile struct {
	size int64
	at   time.Time
	file *fstest.MapFile
}

// settled is how old a file must be before its time is believed to tell whether
// it has changed: clocks of file systems tick, and two writes may fall in one.
const settled = 2 * time.Second

// copiesKept is how many revisions are kept: the newest, and the one in force.
const copiesKept = 8

// Fetch implements Source.
func (*Folder) Fetch(context.Context) error { return nil }

// Head implements Source: it copies what is there.
func (f *Folder) Head(ctx context.Context) (Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return Revision{}, err
	}
	defer root.Close()
	files, err := f.copy(ctx, root.FS())
	if err != nil {
		return Revision{}, fmt.Errorf("read %s: %w", f.Dir, err)
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s\x00%o\x00%d\x00", name, files[name].Mode, len(files[name].Data))
		sum.Write(files[name].Data)
	}
	id := "worktree:" + hex.EncodeToString(sum.Sum(nil)[:16])
	if f.copies[id] == nil {
		if f.copies == nil {
			f.copies = make(map[string]fstest.MapFS)
		}
		f.copies[id], f.order = files, append(f.order, id)
		if len(f.order) > copiesKept {
			delete(f.copies, f.order[0])
			f.order = f.order[1:]
		}
	}
	return Revision{ID: id, At: newest(files)}, nil
}

func newest(files fstest.MapFS) time.Time {
	var at time.Time
	for _, f := range files {
		if f.ModTime.After(at) {
			at = f.ModTime
		}
	}
	return at
}

// limit bounds what is copied, as load bounds what is read.
const limit = 512 << 20

// copy reads what load would look at, and only the files that have changed.
func (f *Folder) copy(ctx context.Context, fsys fs.FS) (fstest.MapFS, error) {
	out, seen, size := make(fstest.MapFS), make(map[string]seenFile), int64(0)
	now := time.Now()
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && name != "." && errors.Is(err, fs.ErrNotExist):
			return nil // gone while we walk: another event tells
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case name != "." && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			return nil
		case load.RoleOf(fsys, name) == load.Ignored:
			return nil
		}
		file, err := f.read(fsys, name, now)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		if size += file.size; size > limit {
			return fmt.Errorf("more than %d MiB of declarations", limit>>20)
		}
		out[name], seen[name] = file.file, file
		return nil
	})
	if err == nil {
		f.last = seen
	}
	return out, err
}

// read copies a file, or takes the copy that there is of it.
func (f *Folder) read(fsys fs.FS, name string, now time.Time) (seenFile, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return seenFile{}, err
	}
	if old, ok := f.last[name]; ok && old.size == info.Size() && old.at.Equal(info.ModTime()) && now.Sub(old.at) > settled && old.file.Mode == info.Mode() {
		return old, nil
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return seenFile{}, err
	}
	return seenFile{info.Size(), info.ModTime(), &fstest.MapFile{Data: data, Mode: info.Mode().Type() | 0o444, ModTime: info.ModTime()}}, nil
}

// Find implements Source. A folder has no past.
func (f *Folder) Find(_ context.Context, id string) (Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.copies[id] == nil {
		return Revision{}, fmt.Errorf("%s is no longer there", id)
	}
	return Revision{ID: id}, nil
}

// FS implements Source.
func (f *Folder) FS(_ context.Context, r Revision) (fs.FS, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if files := f.copies[r.ID]; files != nil {
		return files, nil
	}
	return nil, fmt.Errorf("%s is no longer there: %w", r.ID, fs.ErrNotExist)
}

// Changed implements Source.
func (f *Folder) Changed(ctx context.Context, from, to Revision) ([]string, error) {
	a, err := f.FS(ctx, from)
	if err != nil {
		return nil, err
	}
	b, err := f.FS(ctx, to)
	if err != nil {
		return nil, err
	}
	old, now := a.(fstest.MapFS), b.(fstest.MapFS)
	var out []string
	for name, file := range now {
		if was := old[name]; was == nil || was != file && (was.Mode != file.Mode || !bytes.Equal(was.Data, file.Data)) {
			out = append(out, name)
		}
	}
	for name := range old {
		if now[name] == nil {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Rewritten implements Source. Whoever edits a folder may take everything back.
func (*Folder) Rewritten(context.Context, Revision, Revision) (string, error) { return "", nil }

// Propose implements Source: it writes the files in place. What has been edited
// since the proposal was made is left alone.
func (f *Folder) Propose(ctx context.Context, p Proposal) (string, error) {
	base, err := f.FS(ctx, p.Base)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(f.Dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		was, _ := fs.ReadFile(base, name)
		is, err := fs.ReadFile(root.FS(), name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if !bytes.Equal(was, is) {
			return "", fmt.Errorf("%s is being edited", name)
		}
		if p.Files[name] == nil {
			err = root.Remove(name)
		} else {
			err = errors.Join(root.MkdirAll(filepath.Dir(name), 0o755), root.WriteFile(name, p.Files[name], 0o644))
		}
		if err != nil {
			return "", err
		}
	}
	return f.Dir, nil
}

// Watch implements Source.
func (f *Folder) Watch(ctx context.Context) (<-chan struct{}, error) {
	moved := make(chan struct{}, 1)
	go func() {
		defer close(moved)
		for _, err := range folder.Watch(ctx, f.Dir, folder.Options{Log: f.Log}) {
			if err != nil && f.Log != nil {
				f.Log.Warn("agent: watch the folder", "error", err)
			}
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	}()
	return moved, nil
}
