package track

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"mailops/schema"
)

// formName begins every file. Another form has another name.
const formName = "mailops want 1\n\x00"

// The errors of [Open].
var (
	// ErrDamaged says that a file is not as it was written.
	ErrDamaged = errors.New("the file is damaged")
	// ErrOther says that a file is of another form, or that the environment has
	// has changed that its want was resolved in, or that it is of a later instant.
	ErrOther = errors.New("the file is of another form, environment or time")
)

// A Mark says what a want on disk is of.
type Mark struct {
	Program string // what made it, see [Program]
	Tree    string // names the content of the folder of declarations
	Folder  string // where they lie
	Commit  string // of which revision
}

// A header is the beginning of a file: what it is of, and where things are.
type header struct {
	mark      Mark
	at        time.Time
	variables []string // whose values are in the want
	values    [sha256.Size]byte
	resources int
	sections  []section
}

// A section is a piece of a file that can be read alone. They lie one behind the
// other.
type section struct {
	role   int // restSection, timedSection, or resources of one of schema.LiveKinds
	count  int // of resources
	length int
	sum    uint32

	start int64 // in the file
	first int   // of its resources in the state
}

const (
	restSection  = -1
	timedSection = -2

	maxCount  = 4096 // resources in a section
	minLength = 20   // of a resource
	maxHeader = 16 << 20
	maxFile   = 1 << 30
	prefix    = len(formName) + 8 // before the header, with its length and checksum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Save writes a want so that [Open] gives it back. env is the environment that it
// was resolved in.
func Save(to io.Writer, w *Want, mark Mark, env map[string]string) error {
	w.Digest() // so that nobody has to work out the versions again
	h := header{mark: mark, at: w.At, variables: w.variables, values: valuesOf(w.variables, env), resources: len(w.State)}
	parts := [][]byte{nil}
	add := func(role, count int, c *coder) {
		parts = append(parts, c.out)
		h.sections = append(h.sections, section{role: role, count: count, length: len(c.out), sum: crc32.Checksum(c.out, castagnoli)})
	}
	rest, timed := new(coder), new(coder)
	rest.rest(w)
	add(restSection, 0, rest)
	timed.timed(w)
	add(timedSection, 0, timed)
	for first := 0; first < len(w.State); {
		c, role, n := new(coder), kindOf(w.State[first]), 0
		for first+n < len(w.State) && n < maxCount && kindOf(w.State[first+n]) == role {
			file := w.files[w.places[first+n]]
			c.placed(w.State[first+n], &w.versions[first+n], &file)
			n++
		}
		add(role, n, c)
		first += n
	}
	parts[0] = h.encode()
	for _, part := range parts {
		if _, err := to.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func kindOf(r schema.Resource) int { return slices.Index(schema.LiveKinds, r.Key().Kind) }

// encode is the header with what comes before it.
func (h *header) encode() []byte {
	var c coder
	c.header(h)
	out := []byte(formName)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(c.out)))
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(c.out, castagnoli))
	return append(out, c.out...)
}

// readHeader reads the beginning of a file of so many bytes.
func readHeader(from io.ReaderAt, size int64) (h header, err error) {
	first := make([]byte, prefix)
	if _, err := from.ReadAt(first, 0); err != nil {
		return h, damaged("it ends in the beginning", err)
	}
	if string(first[:len(formName)]) != formName {
		return h, ErrOther
	}
	length := int64(binary.LittleEndian.Uint32(first[len(formName):]))
	start := int64(prefix) + length
	if length > maxHeader || start > size || size > maxFile {
		return h, damaged("its length", nil)
	}
	body := make([]byte, length)
	if _, err := from.ReadAt(body, int64(prefix)); err != nil {
		return h, damaged("it ends in its header", err)
	}
	c := coder{reads: true, in: string(body)}
	c.header(&h)
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(first[len(formName)+4:]) || !c.done() || !h.lay(start, size) {
		return h, damaged("its header", nil)
	}
	return h, nil
}

// lay finds out where the sections are, and reports whether they fill the file
// and can hold what they say.
func (h *header) lay(start, size int64) bool {
	first := 0
	for n := range h.sections {
		s := &h.sections[n]
		if s.length < 0 || s.count < 0 || s.count > maxCount || s.role < timedSection || s.role >= len(schema.LiveKinds) {
			return false
		}
		if int64(s.length) > size-start || s.count*minLength > s.length {
			return false
		}
		s.start, s.first = start, first
		start += int64(s.length)
		first += s.count
	}
	return start == size && first == h.resources
}

// damaged is an error of a file, and what of it.
func damaged(what string, cause error) error {
	if cause == nil || errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	return cause
}

func (c *coder) header(h *header) {
	for _, s := range []*string{&h.mark.Program, &h.mark.Tree, &h.mark.Folder, &h.mark.Commit} {
		text(c, s)
	}
	c.instant(&h.at)
	each(c, &h.variables, text)
	c.bytes(h.values[:])
	integer(c, &h.resources)
	each(c, &h.sections, func(c *coder, s *section) {
		integer(c, &s.role)
		integer(c, &s.count)
		integer(c, &s.length)
		integer(c, &s.sum)
	})
}

// valuesOf is a digest of what an environment says of some variables.
func valuesOf(variables []string, env map[string]string) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, name := range variables {
		fmt.Fprintf(h, "%q=%q\n", name, env[name])
	}
	h.Sum(sum[:0])
	return sum
}
