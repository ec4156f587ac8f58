package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// originPrefix is where a mirror keeps the branches of its remote.
const (
	originPrefix = "refs/remotes/origin/"
	originHead   = originPrefix + "HEAD"
)

// A mirror is a bare repository in the folder "mirror" of a folder that belongs to
// one URL. Beside it lie the lock of whoever fetches into it, and for a while a
// fresh one.
const (
	mirrorName = "mirror"
	freshName  = "fresh-"
	oldName    = "old-"
	lockName   = "lock"
	incoming   = "incoming-" // in objects, what a fetch has not finished
)

// openMirror finds the mirror of a source below a folder, and makes it when there
// is none. Another source has another one: its branches never count as ours.
func openMirror(dir string, of source) (dirs, error) {
	if dir == "" {
		return dirs{}, errors.New("a remote repository needs a folder for its mirror")
	}
	sum := sha256.Sum256([]byte(of.String()))
	dir, err := filepath.Abs(filepath.Join(dir, hex.EncodeToString(sum[:6])))
	if err != nil {
		return dirs{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return dirs{}, err
	}
	return makeMirror(filepath.Join(dir, mirrorName))
}

// makeMirror makes an empty bare repository, or completes one.
func makeMirror(git string) (dirs, error) {
	d := dirs{git: git, common: git, mirror: true}
	for _, sub := range []string{"objects/info", "objects/pack", "refs/heads", "refs/tags"} {
		if err := os.MkdirAll(filepath.Join(git, filepath.FromSlash(sub)), 0o700); err != nil {
			return d, err
		}
	}
	for name, text := range map[string]string{
		"config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
		"HEAD":   "ref: refs/heads/main\n", // git wants one; ours is originHead
	} {
		path := filepath.Join(git, name)
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			continue
		}
		if err := replace(path, text); err != nil {
			return d, err
		}
	}
	return d, nil
}

// replace puts a text where a file was, whole or not at all.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "tmp-")
	if err != nil {
		return err
	}
	if err = writeSync(f, []byte(text)); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		return syncDir(filepath.Dir(path))
	}
	return errors.Join(err, os.Remove(f.Name()))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// Fetch brings a mirror up to date: first the objects, all of them, and last and
// at once what branches and tags point at. A local repository has nothing to
// fetch. Errors wrap ErrUnreachable, ErrAuth, ErrLimit or ErrDamaged where one
// of these is the cause; the mirror then is as it was.
func (r *Repository) Fetch(ctx context.Context) error {
	if !r.dirs.mirror {
		return ctx.Err()
	}
	err := r.locked(func() error {
		if !r.sound() {
			return r.startOver(ctx)
		}
		err := r.fetchInto(ctx)
		if errors.Is(err, ErrDamaged) {
			return r.startOver(ctx)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fetch from %s: %w", r.source, err)
	}
	return nil
}

// locked does something while no other process changes the mirror.
func (r *Repository) locked(do func() error) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	f, err := os.OpenFile(filepath.Join(filepath.Dir(r.dirs.git), lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(20 * time.Millisecond) {
		ok, err := lockFile(f)
		if err != nil {
			return err
		}
		if ok {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("another process works on this mirror")
		}
	}
	defer unlockFile(f)
	if err := r.tidy(); err != nil {
		return fmt.Errorf("tidy the mirror: %w", err)
	}
	return do()
}

// tidy removes what was left behind by whoever was killed.
func (r *Repository) tidy() error {
	top := filepath.Dir(r.dirs.git)
	entries, err := os.ReadDir(top)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), freshName) || strings.HasPrefix(e.Name(), oldName) {
			if err := os.RemoveAll(filepath.Join(top, e.Name())); err != nil {
				return err
			}
		}
	}
	if _, err := makeMirror(r.dirs.git); err != nil {
		return err
	}
	return filepath.WalkDir(r.dirs.git, func(path string, e fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(name, incoming):
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case e.IsDir() && len(name) == 2 && filepath.Dir(path) == r.dirs.objects():
			return fs.SkipDir
		case strings.HasPrefix(name, "tmp-") || strings.HasSuffix(name, ".lock"):
			return os.Remove(path)
		}
		return nil
	})
}

// sound reports whether the mirror holds what it says: what its branch points at
// is there, and nothing was found broken since it was opened.
func (r *Repository) sound() bool {
	if _, err := r.dirs.packedRefs(); err != nil || r.objects.damaged.Load() {
		return false
	}
	i, err := r.tip()
	if err != nil {
		return errors.Is(err, ErrNoBranch)
	}
	c, err := r.commit(i)
	if err != nil {
		return false
	}
	whole, err := r.objects.holds(c.tree)
	return whole && err == nil
}

func (r *Repository) fetchInto(ctx context.Context) error {
	got, err := r.exchange(ctx, order{})
	if err != nil {
		return err
	}
	return setOrigin(r.dirs, got)
}

// startOver fetches everything into a fresh mirror, and puts it in the place of
// the one that is damaged. Branches that were committed to and not pushed are
// lost: whoever made them makes them again.
func (r *Repository) startOver(ctx context.Context) error {
	top := filepath.Dir(r.dirs.git)
	fresh, err := os.MkdirTemp(top, freshName)
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	d, err := makeMirror(fresh)
	if err != nil {
		return err
	}
	got, err := r.exchange(ctx, order{Git: fresh})
	if err == nil {
		err = setOrigin(d, got)
	}
	if err != nil {
		return err
	}
	old := filepath.Join(top, oldName+filepath.Base(fresh))
	if err := os.Rename(r.dirs.git, old); err != nil {
		return err
	}
	if err := os.Rename(fresh, r.dirs.git); err != nil {
		return err
	}
	if err := syncDir(top); err != nil {
		return err
	}
	r.objects.reset()
	return os.RemoveAll(old)
}

// setOrigin makes a mirror's branches and tags those of the remote, all at once.
func setOrigin(d dirs, got reply) error {
	var text strings.Builder
	text.WriteString("# pack-refs with: sorted \n")
	for _, name := range slices.Sorted(maps.Keys(got.Refs)) {
		i, ok := parseID(got.Refs[name])
		if !ok || !validRef(name) {
			return fmt.Errorf("%w: the remote has a branch or tag that cannot be kept", ErrUnreachable)
		}
		fmt.Fprintf(&text, "%s %s\n", i, name)
	}
	path := filepath.Join(d.common, "packed-refs")
	if old, err := os.ReadFile(path); err != nil || string(old) != text.String() {
		if err := replace(path, text.String()); err != nil {
			return fmt.Errorf("write branches: %w", err)
		}
	}
	if !validBranch(got.Head) {
		return nil
	}
	path, line := d.refPath(originHead), "ref: "+originPrefix+got.Head+"\n"
	if old, err := os.ReadFile(path); err == nil && string(old) == line {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return replace(path, line)
}
