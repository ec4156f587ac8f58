package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// The kinds of objects, by their numbers in packs.
const (
	kindCommit = 1
	kindTree   = 2
	kindBlob   = 3
	kindTag    = 4
	kindOffset = 6 // what changed since the object at an offset before
	kindRef    = 7 // what changed since the object of a name
)

// An object is the content behind a name.
type object struct {
	kind byte
	data []byte
}

var (
	errMissing  = errors.New("it is missing")
	errBadPack  = errors.New("malformed pack")
	errTooLarge = fmt.Errorf("%w: an object is too large", ErrLimit)
)

// A pack is many objects in a file, with an index from names to offsets. Nothing
// of it is kept in memory but the index's first level.
type pack struct {
	path   string // without its ending
	file   *os.File
	end    int64 // of the last entry
	index  *os.File
	fanout [256]uint32
	names  map[id]int64 // instead of the index, while there is none
}

// The parts of an index of version 2: gitformat-pack(5).
const (
	indexHead = 8
	indexIDs  = indexHead + 256*4
	packHead  = 12
	trailer   = 20
	maxChain  = 4095 // what git allows at most
)

func openPack(path string) (*pack, error) {
	p := &pack{path: path}
	err := p.open()
	if err != nil {
		p.close()
		return nil, fmt.Errorf("open pack: %w", err)
	}
	return p, nil
}

func (p *pack) open() (err error) {
	if p.index, err = os.Open(p.path + ".idx"); err != nil {
		return err
	}
	var head [indexIDs]byte
	if _, err = p.index.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("%w: %w", errBadPack, err)
	}
	if !bytes.Equal(head[:indexHead], []byte("\xfftOc\x00\x00\x00\x02")) {
		return fmt.Errorf("%w: its index is not of version 2", errBadPack)
	}
	before := uint32(0)
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(head[indexHead+4*i:])
		if p.fanout[i] < before {
			return fmt.Errorf("%w: its index is out of order", errBadPack)
		}
		before = p.fanout[i]
	}
	info, err := p.index.Stat()
	if err != nil {
		return err
	}
	if info.Size() < indexIDs+int64(before)*28+2*trailer {
		return fmt.Errorf("%w: its index is cut off", errBadPack)
	}
	if p.file, err = os.Open(p.path + ".pack"); err != nil {
		return err
	}
	if info, err = p.file.Stat(); err != nil {
		return err
	}
	p.end = info.Size() - trailer
	return nil
}

func (p *pack) close() error {
	var errs []error
	for _, f := range []*os.File{p.index, p.file} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// An entry is the head of an object in a pack.
type entry struct {
	kind byte
	size int64 // of what is inflated: the object, or what changed
	at   int64
	data int64 // where what is deflated begins
	base int64 // for kindOffset
	ref  id    // for kindRef
}

// entry reads the head at an offset.
func (p *pack) entry(at int64) (entry, error) {
	if at < packHead || at >= p.end {
		return entry{}, fmt.Errorf("%w: an offset lies outside", errBadPack)
	}
	var room [64]byte
	b := room[:min(int64(len(room)), p.end-at)]
	if _, err := p.file.ReadAt(b, at); err != nil {
		return entry{}, err
	}
	return parseEntry(b, at)
}

func parseEntry(b []byte, at int64) (entry, error) {
	cut := fmt.Errorf("%w: an entry is cut off", errBadPack)
	e := entry{kind: b[0] >> 4 & 7, size: int64(b[0] & 15), at: at}
	n, shift := 1, 4
	for b[n-1]&0x80 != 0 {
		if n >= len(b) || shift > 53 {
			return e, cut
		}
		e.size |= int64(b[n]&0x7f) << shift
		n, shift = n+1, shift+7
	}
	switch e.kind {
	case kindCommit, kindTree, kindBlob, kindTag:
	case kindRef:
		if len(b) < n+20 {
			return e, cut
		}
		n += copy(e.ref[:], b[n:])
	case kindOffset:
		back := int64(-1) // so that the first step adds nothing
		for more := true; more; n++ {
			if n >= len(b) || back >= 1<<53 {
				return e, cut
			}
			back = (back+1)<<7 | int64(b[n]&0x7f)
			more = b[n]&0x80 != 0
		}
		if e.base = at - back; back <= 0 || e.base < packHead {
			return e, fmt.Errorf("%w: an offset lies outside", errBadPack)
		}
	default:
		return e, fmt.Errorf("%w: an entry of kind %d", errBadPack, e.kind)
	}
	e.data = at + int64(n)
	return e, nil
}

// before returns the offset of what an entry changes.
func (p *pack) before(e entry) (int64, error) {
	if e.kind == kindOffset {
		return e.base, nil
	}
	return p.find(e.ref)
}

// inflate reads what an entry holds.
func (p *pack) inflate(e entry) ([]byte, error) {
	return inflate(io.NewSectionReader(p.file, e.data, p.end-e.data), e.size)
}

// read returns the object at an offset. Every part that it is made of must be
// below max.
func (p *pack) read(at, max int64, bases *lru[place, object]) (object, error) {
	var chain []entry
	var o object
	for {
		if known, ok := bases.get(place{p, at}); ok {
			o = known
			break
		}
		e, err := p.entry(at)
		if err != nil {
			return object{}, err
		}
		if e.size > max {
			return object{}, errTooLarge
		}
		if e.kind < kindOffset {
			if o.data, err = p.inflate(e); err != nil {
				return object{}, err
			}
			o.kind = e.kind
			if len(chain) > 0 {
				bases.put(place{p, at}, o, int64(len(o.data)))
			}
			break
		}
		if chain = append(chain, e); len(chain) > maxChain {
			return object{}, fmt.Errorf("%w: a chain of changes is too long", errBadPack)
		}
		if at, err = p.before(e); err != nil {
			return object{}, err
		}
	}
	return p.rebuild(o, chain, max, bases)
}

// rebuild makes the changes of a chain, the last one first.
func (p *pack) rebuild(o object, chain []entry, max int64, bases *lru[place, object]) (object, error) {
	for n := len(chain) - 1; n >= 0; n-- {
		delta, err := p.inflate(chain[n])
		if err != nil {
			return object{}, err
		}
		if o.data, err = patch(o.data, delta, max); err != nil {
			return object{}, err
		}
		if n > 0 {
			bases.put(place{p, chain[n].at}, o, int64(len(o.data)))
		}
	}
	return o, nil
}

// size returns the size of the object at an offset, reading only its head.
func (p *pack) size(at int64) (int64, error) {
	e, err := p.entry(at)
	if err != nil || e.kind < kindOffset {
		return e.size, err
	}
	return resultSize(io.NewSectionReader(p.file, e.data, p.end-e.data))
}

// kind returns what an object is.
func (p *pack) kind(at int64) (byte, error) {
	for range maxChain + 1 {
		e, err := p.entry(at)
		if err != nil || e.kind < kindOffset {
			return e.kind, err
		}
		if at, err = p.before(e); err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%w: a chain of changes is too long", errBadPack)
}

// A place is where an object lies.
type place struct {
	pack *pack
	at   int64
}
