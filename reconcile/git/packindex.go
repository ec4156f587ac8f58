package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sort"
	"strings"
)

// window is how many names are read at once when one is looked for.
const window = 256

// search returns the place in the index of the first name that is not before i.
func (p *pack) search(i id) (int64, error) {
	lo, hi := int64(0), int64(p.fanout[i[0]])
	if i[0] > 0 {
		lo = int64(p.fanout[i[0]-1])
	}
	var name id
	for hi-lo > window {
		mid := lo + (hi-lo)/2
		if _, err := p.index.ReadAt(name[:], indexIDs+20*mid); err != nil {
			return 0, err
		}
		if bytes.Compare(name[:], i[:]) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	var room [20 * window]byte
	names := room[:20*(hi-lo)]
	if _, err := p.index.ReadAt(names, indexIDs+20*lo); err != nil {
		return 0, err
	}
	n := sort.Search(int(hi-lo), func(n int) bool { return bytes.Compare(names[20*n:20*n+20], i[:]) >= 0 })
	return lo + int64(n), nil
}

func (p *pack) name(place int64) (i id, err error) {
	_, err = p.index.ReadAt(i[:], indexIDs+20*place)
	return i, err
}

// find returns the offset of an object, or errMissing.
func (p *pack) find(i id) (int64, error) {
	if p.index == nil {
		at, ok := p.names[i]
		if !ok {
			return 0, errMissing
		}
		return at, nil
	}
	place, err := p.search(i)
	if err != nil {
		return 0, err
	}
	if place == int64(p.fanout[255]) {
		return 0, errMissing
	}
	if name, err := p.name(place); err != nil || name != i {
		return 0, errors.Join(err, errMissing)
	}
	return p.offset(place)
}

// offset is where the object at a place of the index lies.
func (p *pack) offset(place int64) (int64, error) {
	n := int64(p.fanout[255])
	var b [8]byte
	if _, err := p.index.ReadAt(b[:4], indexIDs+24*n+4*place); err != nil {
		return 0, err
	}
	at := int64(binary.BigEndian.Uint32(b[:4]))
	if at < 1<<31 {
		return at, nil
	}
	if _, err := p.index.ReadAt(b[:], indexIDs+28*n+8*(at-1<<31)); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b[:]) & (1<<63 - 1)), nil
}

// prefixed adds the names that begin with the hexadecimal digits, up to max.
func (p *pack) prefixed(digits string, from id, max int, out map[id]bool) error {
	place, err := p.search(from)
	if err != nil {
		return err
	}
	for ; place < int64(p.fanout[255]) && len(out) < max; place++ {
		name, err := p.name(place)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(name.String(), digits) {
			return nil
		}
		out[name] = true
	}
	return nil
}
