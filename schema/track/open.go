package track

import (
	"cmp"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"mailops/schema"
	"mailops/schema/resolve"
)

// Open reads a want that Save has written into a file of so many bytes. The error
// wraps [ErrDamaged] when the file is not as it was written, and [ErrOther] when
// env says other things than it did.
func Open(from io.ReaderAt, size int64, env map[string]string) (*Want, error) {
	h, err := readHeader(from, size)
	switch {
	case err != nil:
		return nil, err
	case h.values != valuesOf(h.variables, env):
		return nil, ErrOther
	}
	o := opening{from: from, header: h, files: make([][]string, len(h.sections)), want: &Want{At: h.at, variables: h.variables,
		shared:   &schema.Declarations{},
		State:    make(schema.State, h.resources),
		places:   make([]int32, h.resources),
		versions: make([][16]byte, h.resources)}}
	o.room()
	if err := o.readAll(); err != nil {
		return nil, err
	}
	o.place()
	o.want.Organization, _ = resolve.Organization(o.want.shared) // which was right
	return o.want, nil
}

// An opening is a want that is being read.
type opening struct {
	header
	from  io.ReaderAt
	want  *Want
	files [][]string // of each section, those that its resources are declared in
}

// readAll reads the sections, on every processor.
func (o *opening) readAll() error {
	var next atomic.Int32
	var working sync.WaitGroup
	errs := make([]error, len(o.sections))
	for range min(runtime.GOMAXPROCS(0), len(errs)) {
		working.Go(func() {
			var buffer []byte
			for n := int(next.Add(1)) - 1; n < len(errs); n = int(next.Add(1)) - 1 {
				errs[n] = o.read(n, &buffer)
			}
		})
	}
	working.Wait()
	return cmp.Or(errs...)
}

// read reads a section. The buffer is used again for the next one: what stays are
// the texts.
func (o *opening) read(n int, buffer *[]byte) error {
	s := o.sections[n]
	*buffer = slices.Grow((*buffer)[:0], s.length)[:s.length]
	if _, err := o.from.ReadAt(*buffer, s.start); err != nil {
		return damaged("it ends too early", err)
	}
	if crc32.Checksum(*buffer, castagnoli) != s.sum {
		return damaged("a section", nil)
	}
	c := &coder{reads: true, in: string(*buffer)}
	c.files.known = make([]string, 0, s.count)
	switch s.role {
	case restSection:
		c.rest(o.want)
	case timedSection:
		c.timed(o.want)
	default:
		for i := s.first; i < s.first+s.count; i++ {
			var file string
			o.want.places[i] = int32(c.placed(o.want.State[i], &o.want.versions[i], &file))
		}
		o.files[n] = c.files.known
	}
	if !c.done() {
		return damaged("what a section says", nil)
	}
	return nil
}

// room makes the resources, all of a kind at once: the garbage collector looks at
// what it finds each time that the memory has grown by half.
func (o *opening) room() {
	for n := 0; n < len(o.sections); {
		s, last := o.sections[n], o.sections[n]
		for n < len(o.sections) && o.sections[n].role == s.role {
			last = o.sections[n]
			n++
		}
		if s.role >= 0 {
			fill(o.want.State[s.first:last.first+last.count], schema.LiveKinds[s.role])
		}
	}
}

// fill makes empty resources of a kind, in one piece of memory.
func fill(s schema.State, kind schema.Kind) {
	switch kind {
	case schema.KindDomain:
		fillWith[schema.Domain](s)
	case schema.KindUser:
		fillWith[schema.User](s)
	case schema.KindAlias:
		fillWith[schema.Alias](s)
	case schema.KindList:
		fillWith[schema.List](s)
	}
}

func fillWith[T any, P interface {
	*T
	schema.Resource
}](s schema.State) {
	all := make([]T, len(s))
	for i := range all {
		s[i] = P(&all[i])
	}
}

// place puts the files of the sections together.
func (o *opening) place() {
	w := o.want
	for n, s := range o.sections {
		for i := s.first; i < s.first+s.count; i++ {
			w.places[i] += int32(len(w.files))
		}
		w.files = append(w.files, o.files[n]...)
	}
}
