package git

import (
	"bytes"
	"cmp"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"

	githash "github.com/go-git/go-git/v5/plumbing/hash"
)

// Each fetch leaves a pack. When there are manyPacks, the small ones are put
// into one, so that looking for an object stays cheap.
const (
	manyPacks = 40
	smallPack = 32 << 20
)

// compact joins the small packs of a mirror. Entries are copied as they are:
// what they build on lies in the same pack, at the same distance.
func (r *Repository) compact() error {
	if err := r.objects.renew(); err != nil {
		return err
	}
	small := slices.SortedFunc(slices.Values(r.objects.packs), func(a, b *pack) int { return cmp.Compare(a.end, b.end) })
	room := r.options.Fetch.Bytes // as large as a file may be here
	for n, p := range small {
		if room -= p.end; p.end > smallPack || room < 0 {
			small = small[:n]
			break
		}
	}
	if len(small) < manyPacks {
		return nil
	}
	in, err := newArrival(r.dirs.objects())
	if err != nil {
		return err
	}
	defer os.RemoveAll(in.dir)
	defer in.pack.Close()
	objects, err := in.join(small)
	if err == nil {
		err = in.index(objects)
	}
	if err == nil {
		err = in.install(r.dirs.objects())
	}
	if err != nil {
		return fmt.Errorf("join packs: %w", err)
	}
	for _, ending := range []string{".idx", ".pack"} { // packs are found by their index
		for _, p := range small {
			if err := os.Remove(p.path + ending); err != nil {
				return err
			}
		}
	}
	return syncDir(filepath.Join(r.dirs.objects(), "pack"))
}

// join writes the entries of packs, and returns where they are now.
func (in *arrival) join(packs []*pack) ([]packed, error) {
	count := uint32(0)
	for _, p := range packs {
		count += p.fanout[255]
	}
	sum := githash.New(crypto.SHA1)
	out := io.MultiWriter(in.pack, sum)
	if _, err := out.Write(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)); err != nil {
		return nil, err
	}
	var objects []packed
	at := int64(packHead)
	for _, p := range packs {
		if err := p.copyTo(out); err != nil {
			return nil, err
		}
		moved, err := p.list(at - packHead)
		if err != nil {
			return nil, err
		}
		objects = append(objects, moved...)
		at += p.end - packHead
	}
	in.sum = sum.Sum(nil)
	_, err := in.pack.Write(in.sum)
	return objects, err
}

// copyTo copies the entries, if the pack is still what it was when it came.
func (p *pack) copyTo(w io.Writer) error {
	var own hash.Hash = githash.New(crypto.SHA1)
	if _, err := io.Copy(own, io.NewSectionReader(p.file, 0, packHead)); err != nil {
		return err
	}
	if _, err := io.Copy(io.MultiWriter(w, own), io.NewSectionReader(p.file, packHead, p.end-packHead)); err != nil {
		return err
	}
	said := make([]byte, trailer)
	if _, err := p.file.ReadAt(said, p.end); err != nil {
		return err
	}
	if !bytes.Equal(said, own.Sum(nil)) {
		return fmt.Errorf("%w: %s has changed", ErrDamaged, filepath.Base(p.path))
	}
	return nil
}

// list returns all that the index says, for entries that lie further back now.
func (p *pack) list(further int64) ([]packed, error) {
	n := int64(p.fanout[255])
	out := make([]packed, n)
	crcs := make([]byte, 4*n)
	if _, err := p.index.ReadAt(crcs, indexIDs+20*n); err != nil {
		return nil, err
	}
	for place := range n {
		name, err := p.name(place)
		at, err2 := p.offset(place)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		out[place] = packed{name, at + further, binary.BigEndian.Uint32(crcs[4*place:])}
	}
	return out, nil
}
