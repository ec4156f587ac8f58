package git

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	githash "github.com/go-git/go-git/v5/plumbing/hash"
)

// An arrival is what a remote sent, in a folder of its own until all of it is
// known to be good.
type arrival struct {
	dir  string
	pack *os.File
	sum  []byte
}

func newArrival(objects string) (*arrival, error) {
	dir, err := os.MkdirTemp(objects, incoming)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(dir, "pack"), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "pack", newPack+".pack"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	return &arrival{dir: dir, pack: f}, err
}

// newPack is the name of a pack before it is installed.
const newPack = "pack-new"

// copy writes the pack and compares its checksum.
func (in *arrival) copy(from io.Reader, max int64) error {
	n, err := io.Copy(in.pack, from)
	switch {
	case err != nil:
		return err
	case n > max:
		return fmt.Errorf("%w: it sends more than %d bytes", ErrLimit, max)
	case n < packHead+trailer:
		return errSent
	}
	h := githash.New(crypto.SHA1)
	if _, err := io.Copy(h, io.NewSectionReader(in.pack, 0, n-trailer)); err != nil {
		return err
	}
	in.sum = h.Sum(nil)
	said := make([]byte, trailer)
	if _, err := in.pack.ReadAt(said, n-trailer); err != nil {
		return err
	}
	if string(said) != string(in.sum) {
		return errSent
	}
	return nil
}

// finish makes what arrived part of the mirror, if it is whole.
func (in *arrival) finish(ctx context.Context, r *Repository, wants []id) error {
	defer os.RemoveAll(in.dir)
	defer in.pack.Close()
	objects, err := indexPack(in.pack, r.options.Fetch)
	if err == nil {
		err = in.index(objects)
	}
	if err == nil {
		err = in.complete(ctx, r, wants)
	}
	if err == nil {
		err = in.install(r.dirs.objects())
	}
	return err
}

// index writes the index beside the pack, and both to the disk.
func (in *arrival) index(objects []packed) error {
	f, err := os.OpenFile(filepath.Join(in.dir, "pack", newPack+".idx"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = encodeIndex(f, objects, in.sum)
	return errors.Join(err, f.Sync(), f.Close(), in.pack.Sync())
}

// install puts the pack among the others, the index last: packs are found by it.
func (in *arrival) install(objects string) error {
	to := filepath.Join(objects, "pack")
	for _, ending := range []string{".pack", ".idx"} {
		from := filepath.Join(in.dir, "pack", newPack+ending)
		if err := os.Chmod(from, 0o400); err != nil {
			return err
		}
		if err := os.Rename(from, filepath.Join(to, fmt.Sprintf("pack-%x%s", in.sum, ending))); err != nil {
			return err
		}
	}
	return syncDir(to)
}

// complete makes sure that everything is there which the wanted objects lead to.
// What the mirror had before is whole: nothing gets into it without this.
func (in *arrival) complete(ctx context.Context, r *Repository, wants []id) error {
	fresh := newStore(in.dir, r.options.Fetch.Object)
	defer fresh.close()
	if err := fresh.renew(); err != nil {
		return err
	}
	seen := make(map[id]bool)
	for todo := wants; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[i] {
			continue
		}
		seen[i] = true
		known, err := r.objects.holds(i)
		if known {
			continue
		}
		var o object
		if err = errors.Join(err, ctx.Err()); err == nil {
			o, err = fresh.fresh(i)
		}
		if err != nil {
			return fmt.Errorf("check what the remote sent: object %s: %w", i, err)
		}
		more, err := leads(o)
		if err != nil {
			return fmt.Errorf("check what the remote sent: object %s: %w: %w", i, errSent, err)
		}
		for _, next := range more {
			if !seen[next] {
				todo = append(todo, next)
			}
		}
	}
	return nil
}

// fresh reads an object that arrived; of a blob, only that it is there: its name
// was made from its content a moment ago.
func (s *store) fresh(i id) (object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range s.packs {
		at, err := p.find(i)
		if err != nil {
			continue
		}
		kind, err := p.kind(at)
		if err != nil || kind == kindBlob {
			return object{kind: kind}, err
		}
		return p.read(at, s.max, s.bases)
	}
	return object{}, fmt.Errorf("%w: it is missing", errSent)
}

// leads are the objects that one leads to.
func leads(o object) ([]id, error) {
	switch o.kind {
	case kindCommit:
		c, err := parseCommit(o.data)
		return append(c.parents, c.tree), err
	case kindTree:
		nodes, err := parseTree(o.data)
		var out []id
		for _, n := range nodes {
			if n.mode.Type() != submodule {
				out = append(out, n.id)
			}
		}
		return out, err
	case kindTag:
		line, _, _ := strings.Cut(string(o.data), "\n")
		i, ok := parseID(strings.TrimPrefix(line, "object "))
		if !ok {
			return nil, errors.New("a tag of nothing")
		}
		return []id{i}, nil
	}
	return nil, nil
}
