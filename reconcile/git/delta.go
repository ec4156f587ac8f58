package git

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// An inflater is kept for the next object: most objects are small, and making
// one costs more than using it.
type inflater struct {
	from *bufio.Reader
	zlib io.ReadCloser
}

var inflaters = sync.Pool{New: func() any { return &inflater{from: bufio.NewReaderSize(nil, 4096)} }}

func borrow(r io.Reader) (*inflater, error) {
	f := inflaters.Get().(*inflater)
	f.from.Reset(r)
	var err error
	if f.zlib == nil {
		f.zlib, err = zlib.NewReader(f.from)
	} else {
		err = f.zlib.(zlib.Resetter).Reset(f.from, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	return f, nil
}

func (f *inflater) giveBack() {
	f.from.Reset(nil)
	inflaters.Put(f)
}

// inflate reads exactly so many bytes, and makes sure that there are no more
// and that their checksum is right.
func inflate(r io.Reader, size int64) ([]byte, error) {
	f, err := borrow(r)
	if err != nil {
		return nil, err
	}
	defer f.giveBack()
	// The size is only claimed so far: a large one gets its room as it comes.
	var data []byte
	if size <= 1<<20 {
		data = make([]byte, size)
		_, err = io.ReadFull(f.zlib, data)
	} else {
		data, err = io.ReadAll(io.LimitReader(f.zlib, size))
	}
	if err != nil {
		return nil, fmt.Errorf("inflate: %w", err)
	}
	if int64(len(data)) != size {
		return nil, fmt.Errorf("inflate: %w", io.ErrUnexpectedEOF)
	}
	var more [1]byte
	if n, err := f.zlib.Read(more[:]); n != 0 || err != io.EOF {
		return nil, fmt.Errorf("inflate: %w: more than was announced", errBadPack)
	}
	return data, nil
}

// resultSize reads the size that an object has after a change.
func resultSize(r io.Reader) (int64, error) {
	f, err := borrow(r)
	if err != nil {
		return 0, err
	}
	defer f.giveBack()
	var head [2 * binary.MaxVarintLen64]byte
	n, err := io.ReadFull(f.zlib, head[:])
	if err != nil && n == 0 {
		return 0, fmt.Errorf("inflate: %w", err)
	}
	_, size, _, err := deltaHead(head[:n])
	return size, err
}

var errBadDelta = fmt.Errorf("%w: a change does not fit", errBadPack)

// deltaHead reads the sizes before and after a change.
func deltaHead(delta []byte) (before, after int64, rest []byte, err error) {
	b, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, nil, errBadDelta
	}
	a, m := binary.Uvarint(delta[n:])
	if m <= 0 || a > 1<<62 || b > 1<<62 {
		return 0, 0, nil, errBadDelta
	}
	return int64(b), int64(a), delta[n+m:], nil
}

// patch makes a change to an object: gitformat-pack(5), "Deltified
// representation".
func patch(base, delta []byte, max int64) ([]byte, error) {
	before, after, delta, err := deltaHead(delta)
	if err != nil || before != int64(len(base)) {
		return nil, errBadDelta
	}
	if after > max {
		return nil, errTooLarge
	}
	out := bytes.NewBuffer(make([]byte, 0, min(after, 1<<20)))
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		var piece []byte
		switch {
		case op&0x80 != 0:
			piece, delta, err = copied(base, op, delta)
		case op == 0 || int(op) > len(delta):
			err = errBadDelta
		default:
			piece, delta = delta[:op], delta[op:]
		}
		if err != nil || int64(out.Len()+len(piece)) > after {
			return nil, errBadDelta
		}
		out.Write(piece)
	}
	if int64(out.Len()) != after {
		return nil, errBadDelta
	}
	return out.Bytes(), nil
}

// copied reads which piece of the base is copied.
func copied(base []byte, op byte, delta []byte) (piece, rest []byte, err error) {
	var at, size uint32
	for bit := range 7 {
		if op&(1<<bit) == 0 {
			continue
		}
		if len(delta) == 0 {
			return nil, nil, errBadDelta
		}
		if bit < 4 {
			at |= uint32(delta[0]) << (8 * bit)
		} else {
			size |= uint32(delta[0]) << (8 * (bit - 4))
		}
		delta = delta[1:]
	}
	if size == 0 {
		size = 0x10000
	}
	if int64(at)+int64(size) > int64(len(base)) {
		return nil, nil, errBadDelta
	}
	return base[at : int64(at)+int64(size)], delta, nil
}
