package git

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"slices"

	githash "github.com/go-git/go-git/v5/plumbing/hash"
)

// A packed is what the index of a pack says of one object.
type packed struct {
	id  id
	at  int64
	crc uint32
}

// An indexer finds out what is in a pack that a remote sent, without ever
// holding more of it in memory than a few objects.
type indexer struct {
	file    *os.File
	limits  Limits
	size    int64
	room    int64 // how much may still be inflated
	at      int64
	from    *bufio.Reader
	zlib    io.ReadCloser
	objects []packed
	deltas  []int // those of objects that are changes to others
	byRef   bool  // some of them name what they change
}

// inflateRatio is how many times its size a pack may hold. Texts reach 20; what
// is made to hurt reaches 1000.
const inflateRatio = 64

// indexPack reads a pack and returns what is in it. The file's checksum was
// compared before.
func indexPack(file *os.File, l Limits) ([]packed, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	x := &indexer{file: file, limits: l, size: info.Size(), room: info.Size()*inflateRatio + l.Object}
	n, err := x.head()
	if err == nil {
		err = x.scan(n)
	}
	if err == nil {
		err = x.resolve()
	}
	if err != nil {
		return nil, fmt.Errorf("index what the remote sent: %w", err)
	}
	return x.objects, nil
}

func (x *indexer) head() (n int64, err error) {
	var b [packHead]byte
	if _, err := x.file.ReadAt(b[:], 0); err != nil || !bytes.Equal(b[:4], []byte("PACK")) || binary.BigEndian.Uint32(b[4:]) != 2 {
		return 0, errors.Join(errSent, err)
	}
	n = int64(binary.BigEndian.Uint32(b[8:]))
	if n > x.limits.Objects {
		return 0, fmt.Errorf("%w: it holds %d objects, more than %d", ErrLimit, n, x.limits.Objects)
	}
	return n, nil
}

// errSent is the remote's fault: what it sent is not a pack.
var errSent = fmt.Errorf("%w: it does not answer with a whole pack", ErrUnreachable)

// Read and ReadByte count how far the pack was read.
func (x *indexer) Read(p []byte) (int, error) {
	n, err := x.from.Read(p)
	x.at += int64(n)
	return n, err
}

// ReadByte makes zlib take not one byte more than it needs.
func (x *indexer) ReadByte() (byte, error) {
	b, err := x.from.ReadByte()
	if err == nil {
		x.at++
	}
	return b, err
}

// scan goes over all entries once. It names those that stand for themselves.
func (x *indexer) scan(n int64) error {
	x.at = packHead
	x.from = bufio.NewReaderSize(io.NewSectionReader(x.file, packHead, x.size-packHead-trailer), 1<<16)
	x.objects = make([]packed, 0, min(n, 1<<16))
	for range n {
		if err := x.entry(); err != nil {
			return err
		}
	}
	if x.at != x.size-trailer {
		return errSent
	}
	return nil
}

func (x *indexer) entry() error {
	b, err := x.from.Peek(64)
	if len(b) == 0 || err != nil && err != io.EOF {
		return errors.Join(errSent, err)
	}
	e, err := parseEntry(b, x.at)
	if err != nil {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	if e.size > x.limits.Object {
		return fmt.Errorf("%w: it holds an object of %d bytes, more than %d", ErrLimit, e.size, x.limits.Object)
	}
	if x.room -= e.size; x.room < 0 {
		return fmt.Errorf("%w: it holds more than %d times its size", ErrLimit, inflateRatio)
	}
	if _, err := x.from.Discard(int(e.data - e.at)); err != nil {
		return err
	}
	x.at = e.data
	o := packed{at: e.at}
	if e.kind >= kindOffset {
		x.deltas = append(x.deltas, len(x.objects))
		x.byRef = x.byRef || e.kind == kindRef
		err = x.content(e, io.Discard)
	} else {
		h := githash.New(crypto.SHA1)
		h.Write(looseHead(e.kind, e.size))
		err = x.content(e, h)
		h.Sum(o.id[:0])
	}
	if err != nil {
		return err
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(x.file, e.at, x.at-e.at)); err != nil {
		return err
	}
	o.crc = sum.Sum32()
	x.objects = append(x.objects, o)
	return nil
}

// content inflates what an entry holds, to its very end.
func (x *indexer) content(e entry, to io.Writer) (err error) {
	if x.zlib == nil {
		x.zlib, err = zlib.NewReader(x)
	} else {
		err = x.zlib.(zlib.Resetter).Reset(x, nil)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errSent, err)
	}
	n, err := io.Copy(to, io.LimitReader(x.zlib, e.size+1))
	if err != nil || n != e.size {
		return errors.Join(errSent, err)
	}
	return nil
}

// indexBases is how many bytes of objects are kept for those that change them.
const indexBases = 64 << 20

// resolve names the objects that are changes to others. What such a one changes
// by name may itself come later.
func (x *indexer) resolve() error {
	p := &pack{file: x.file, end: x.size - trailer}
	if x.byRef {
		p.names = make(map[id]int64, len(x.objects))
		for _, o := range x.objects {
			if o.id != (id{}) { // those that are changes have no name yet
				p.names[o.id] = o.at
			}
		}
	}
	bases := newLRU[place, object](indexBases)
	for todo := x.deltas; len(todo) > 0; {
		var later []int
		for _, n := range todo {
			o, err := p.read(x.objects[n].at, x.limits.Object, bases)
			if errors.Is(err, errMissing) {
				later = append(later, n)
				continue
			}
			if errors.Is(err, ErrLimit) {
				return err
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errSent, err)
			}
			x.objects[n].id = hashObject(o.kind, o.data)
			bases.put(place{p, x.objects[n].at}, o, int64(len(o.data)))
			if x.byRef {
				p.names[x.objects[n].id] = x.objects[n].at
			}
		}
		if len(later) == len(todo) {
			return fmt.Errorf("%w: it builds on objects that it does not hold", errSent)
		}
		todo = later
	}
	return nil
}

// encodeIndex writes the index of a pack: gitformat-pack(5), version 2.
func encodeIndex(w io.Writer, objects []packed, packSum []byte) error {
	slices.SortFunc(objects, func(a, b packed) int { return bytes.Compare(a.id[:], b.id[:]) })
	h := githash.New(crypto.SHA1)
	out := bufio.NewWriterSize(io.MultiWriter(w, h), 1<<16)
	out.WriteString("\xfftOc\x00\x00\x00\x02")
	number := func(n uint32) { out.Write(binary.BigEndian.AppendUint32(nil, n)) }
	n := 0
	for first := range 256 {
		for n < len(objects) && int(objects[n].id[0]) == first {
			n++
		}
		number(uint32(n))
	}
	for i := range objects {
		out.Write(objects[i].id[:])
	}
	for _, o := range objects {
		number(o.crc)
	}
	var far []int64
	for _, o := range objects {
		if o.at <= math.MaxInt32 {
			number(uint32(o.at))
			continue
		}
		number(1<<31 | uint32(len(far)))
		far = append(far, o.at)
	}
	for _, at := range far {
		out.Write(binary.BigEndian.AppendUint64(nil, uint64(at)))
	}
	out.Write(packSum)
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(h.Sum(nil))
	return err
}
