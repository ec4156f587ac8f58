package track

import (
	"encoding/binary"

	"mailops/schema"
)

// A coder writes values one behind the other, or reads them back. One description
// of a value serves both ways, so that they cannot differ: see form.go.
//
// What is read is not believed: a coder that finds nonsense fails, reads nothing
// more, and asks for no memory that what is left could not fill.
type coder struct {
	reads  bool
	failed bool
	out    []byte // what was written
	in     string // what is read; texts are pieces of it
	at     int    // how much of it has been read

	words     dictionary[string, string]
	files     dictionary[string, string]
	lists     dictionary[string, []string]
	hours     dictionary[*schema.AccessHours, *schema.AccessHours]
	addresses arena[schema.Address]
	texts     arena[string]
}

// A dictionary holds what many say: it is written once, and its number after
// that.
type dictionary[K comparable, T any] struct {
	numbers map[K]int // when writing
	known   []T       // when reading
}

// next codes the number of a value. When it is fresh, the value follows.
func (d *dictionary[K, T]) next(c *coder, key K) (n int, fresh bool) {
	if c.reads {
		if integer(c, &n); uint(n) > uint(len(d.known)) {
			c.fail()
		}
		return n, n == len(d.known)
	}
	n, known := d.numbers[key]
	if !known {
		if d.numbers == nil {
			d.numbers = make(map[K]int)
		}
		n = len(d.numbers)
		d.numbers[key] = n
	}
	integer(c, &n)
	return n, !known
}

// An arena hands out pieces of large slices.
type arena[T any] struct{ free []T }

func (a *arena[T]) take(n int) []T {
	const many = 1024
	if n > len(a.free) {
		a.free = make([]T, max(n, many))
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	return out
}

// fail ends the reading.
func (c *coder) fail() { c.failed, c.at = true, len(c.in) }

// done reports whether all was read, and nothing failed.
func (c *coder) done() bool { return !c.failed && c.at == len(c.in) }

func (c *coder) number(n *uint64) {
	if !c.reads {
		c.out = binary.AppendUvarint(c.out, *n)
		return
	}
	if c.at < len(c.in) && c.in[c.at] < 0x80 { // mostly
		*n = uint64(c.in[c.at])
		c.at++
		return
	}
	*n = 0
	for shift := 0; shift < 64 && c.at < len(c.in); shift += 7 {
		b := c.in[c.at]
		c.at++
		*n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return
		}
	}
	*n = 0
	c.fail()
}

// integer codes any integer; a small one takes little room.
func integer[T ~uint8 | ~int | ~int32 | ~int64 | ~uint32](c *coder, n *T) {
	wide := uint64(*n)
	c.number(&wide)
	if *n = T(wide); uint64(*n) != wide {
		c.fail()
	}
}

// flags codes at most 64 booleans as one number.
func (c *coder) flags(all ...*bool) {
	var bits uint64
	for i, flag := range all {
		if *flag {
			bits |= 1 << i
		}
	}
	c.number(&bits)
	for i, flag := range all {
		*flag = bits>>i&1 == 1
	}
}

// bytes codes as many bytes as there are.
func (c *coder) bytes(b []byte) {
	switch {
	case !c.reads:
		c.out = append(c.out, b...)
	case len(c.in)-c.at < len(b):
		c.fail()
	default:
		c.at += copy(b, c.in[c.at:])
	}
}

// text codes what few others say.
func text[S ~string](c *coder, s *S) {
	n := uint64(len(*s))
	c.number(&n)
	switch {
	case !c.reads:
		c.out = append(c.out, *s...)
	case n > uint64(len(c.in)-c.at):
		c.fail()
	default:
		*s = S(c.in[c.at : c.at+int(n)])
		c.at += int(n)
	}
}

// word codes what many say.
func word[S ~string](c *coder, s *S) { named(c, &c.words, s) }

// named codes a text of a dictionary, and returns its number there.
func named[S ~string](c *coder, d *dictionary[string, string], s *S) int {
	if c.reads && c.at < len(c.in) { // what follows would find the same, in three times the time
		if n := int(c.in[c.at]); n < 0x80 && n < len(d.known) {
			*s = S(d.known[n])
			c.at++
			return n
		}
	}
	n, fresh := d.next(c, string(*s))
	switch {
	case fresh:
		text(c, s)
		d.known = append(d.known, string(*s))
	case c.reads && !c.failed:
		*s = S(d.known[n])
	}
	return n
}

// list codes texts that many say together.
func list(c *coder, texts *[]string) {
	key := ""
	if !c.reads {
		key = listKey(*texts)
	}
	n, fresh := c.lists.next(c, key)
	switch {
	case fresh:
		some(c, texts, &c.texts, word)
		c.lists.known = append(c.lists.known, *texts)
	case c.reads && !c.failed:
		*texts = c.lists.known[n]
	}
}

// listKey differs for lists that differ; none differs from an empty one.
func listKey(texts []string) string {
	if texts == nil {
		return ""
	}
	key := []byte{'['}
	for _, t := range texts {
		key = append(binary.AppendUvarint(key, uint64(len(t))), t...)
	}
	return string(key)
}

// some codes a list of small things, which come out of an arena.
func some[T any](c *coder, all *[]T, from *arena[T], one func(*coder, *T)) {
	n := c.length(*all == nil, len(*all))
	if c.reads && n > 0 {
		*all = from.take(n - 1)
	}
	for i := range *all {
		one(c, &(*all)[i])
	}
}

// each codes a list of things that may be large.
func each[T any](c *coder, all *[]T, one func(*coder, *T)) {
	n := c.length(*all == nil, len(*all))
	if c.reads && n > 0 {
		const few = 16 // room for more is made when they are there
		*all = make([]T, 0, min(n-1, few))
	}
	for i := range n - 1 {
		if c.failed {
			return
		}
		if c.reads {
			*all = append(*all, *new(T))
		}
		one(c, &(*all)[i])
	}
}

// length codes one more than the length of a list; 0 is none. Each thing in it
// takes a byte at least.
func (c *coder) length(none bool, n int) int {
	wide := uint64(n) + 1
	if none {
		wide = 0
	}
	if c.number(&wide); c.reads && wide > uint64(len(c.in)-c.at)+1 {
		c.fail()
		return 0
	}
	return int(wide)
}

// maybe codes what may be missing.
func maybe[T any](c *coder, p **T, one func(*coder, *T)) {
	there := *p != nil
	if c.flags(&there); !there {
		return
	}
	if c.reads {
		*p = new(T)
	}
	one(c, *p)
}
