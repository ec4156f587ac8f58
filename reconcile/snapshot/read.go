package snapshot

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/sign"
	"mailops/schema"
)

// A Demand is what a reader asks of a snapshot.
type Demand struct {
	Organization string // whose it must be
	Now          time.Time
	MaxAge       time.Duration // 0: any age
	Signers      *sign.Signers // one of whom must have signed it; nil: nobody needs to
	Limits
}

// Limits bound what reading takes, whatever the file says. 0 is the default.
type Limits struct {
	File   int64 // bytes of the file, which are held
	Memory int64 // bytes that the rest takes, as an upper estimate
	Line   int   // bytes of one row
}

// The defaults hold about a million users.
const (
	defaultFile   = 256 << 20
	defaultMemory = 3 << 30
	defaultLine   = 4 << 20
)

// skew is by how much clocks may differ.
const skew = 5 * time.Minute

// Read reads a snapshot. Nothing of one that is signed is unpacked before its
// signature was found to hold, where signers are demanded.
func Read(r io.Reader, d Demand) (*Snapshot, error) {
	d.File, d.Memory, d.Line = cmp.Or(d.File, defaultFile), cmp.Or(d.Memory, defaultMemory), cmp.Or(d.Line, defaultLine)
	file, err := io.ReadAll(io.LimitReader(r, d.File+1))
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	if int64(len(file)) > d.File {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrFormat, d.File)
	}
	if _, err := open(bytes.NewReader(file)); err != nil {
		return nil, err
	}
	packed, signature := split(file)
	out := new(Snapshot)
	if d.Signers != nil {
		if out.Signer, err = d.verify(packed, signature); err != nil {
			return nil, err
		}
	}
	in := &reading{Demand: d, out: out}
	if err := in.unpack(packed, signature != nil); err != nil {
		return nil, err
	}
	return out, nil
}

// split finds the signature; nil is none. The new line before it is signed.
func split(file []byte) (packed, signature []byte) {
	from := max(0, len(file)-sign.MaxSize)
	i := bytes.LastIndex(file[from:], []byte("\n"+sign.Header+"\n"))
	if i < 0 {
		return file, nil
	}
	return file[:from+i+1], file[from+i+1:]
}

func (d *Demand) verify(packed, signature []byte) (*sign.Signer, error) {
	if signature == nil {
		return nil, fmt.Errorf("%w: it is not signed", ErrForged)
	}
	who, err := d.Signers.Verify(bytes.NewReader(packed), signature, sign.Snapshot, d.Now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	return &who, nil
}

// open reads the head of the gzip file, and holds the format that it names
// against this program's. It reads no byte more than there are: a bytes.Reader
// is not buffered.
func open(file *bytes.Reader) (*gzip.Reader, error) {
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	z.Multistream(false)
	return z, judge(z.Comment)
}

// Begins reports whether a file that begins so is a snapshot, of whatever
// version.
func Begins(file []byte) bool {
	_, err := open(bytes.NewReader(file))
	return err == nil || errors.Is(err, ErrNewer)
}

// judge holds the name of a format against this program's.
func judge(format string) error {
	number, ok := strings.CutPrefix(format, family)
	n, err := strconv.Atoi(number)
	switch {
	case format == Format:
		return nil
	case !ok || err != nil || n < 1:
		return fmt.Errorf("%w: it does not say that it is one", ErrFormat)
	}
	return fmt.Errorf("%w (%s, and this one reads %s)", ErrNewer, format, Format)
}

// A reading is a snapshot that is being read.
type reading struct {
	Demand
	out   *Snapshot
	spent int64 // of Memory
	last  schema.Key
	ended bool
}

// unpack reads the part that is signed, which must be one whole gzip file with
// nothing after it but the new line before a signature.
func (in *reading) unpack(packed []byte, signed bool) error {
	body, whole := bytes.CutSuffix(packed, []byte("\n"))
	if !signed {
		body, whole = packed, true
	}
	from := bytes.NewReader(body)
	z, err := open(from)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(make([]byte, 0, min(64<<10, in.Line)), in.Line)
	n := 0
	for lines.Scan() {
		n++
		if err := in.line(n, lines.Bytes()); err != nil {
			return placed(n, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return placed(n+1, fmt.Errorf("it is longer than %d bytes", in.Line))
	case err != nil:
		return fmt.Errorf("%w: after line %d: %w", ErrFormat, n, err)
	case !in.ended:
		return fmt.Errorf("%w: its end is missing", ErrFormat)
	case !whole || from.Len() > 0:
		return fmt.Errorf("%w: there is more after its end", ErrFormat)
	}
	return nil
}

// placed says of an error in which line it is. That a snapshot does not fit is no
// fault of a line.
func placed(n int, err error) error {
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrExpired) {
		return err
	}
	return fmt.Errorf("%w: line %d: %w", ErrFormat, n, err)
}

// line takes one line of the file.
func (in *reading) line(n int, text []byte) error {
	if in.ended {
		return errors.New("there is more after the end")
	}
	if in.spent += cost(text); in.spent > in.Memory {
		return fmt.Errorf("all takes more than %d bytes of memory", in.Memory)
	}
	var l line
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return err
	}
	r, says := l.resource()
	switch {
	case says != 1 || dec.InputOffset() != int64(len(text)) || (n == 1) != (l.Head != nil):
		return errors.New("it is not one document of those that stand there")
	case l.Head != nil:
		return in.head(l.Head)
	case l.Run != nil:
		return in.run(l.Run)
	case l.End != nil:
		in.ended = true
		if got := (end{len(in.out.Runs), len(in.out.Live.State)}); *l.End != got {
			return fmt.Errorf("it has %d runs and %d rows, and had %d and %d", got.Runs, got.Rows, l.End.Runs, l.End.Rows)
		}
		return nil
	}
	return in.row(r, l.Observed)
}

// cost is an upper estimate of what a line takes once it was read: the largest
// resource with its place in the state, its texts, and two slots of a list for
// whatever may be an element.
func cost(text []byte) int64 {
	const row, slot = 1536, 16
	return row + int64(len(text)) + 2*slot*int64(bytes.Count(text, []byte(","))+bytes.Count(text, []byte("[")))
}

func (in *reading) head(h *Head) error {
	in.out.Head = *h
	in.out.Live.Observed = make(map[schema.Address]schema.Observed)
	switch age := in.Now.Sub(h.At); {
	case h.Organization != in.Organization:
		return fmt.Errorf("%w: of %q, and not of %q", ErrForeign, h.Organization, in.Organization)
	case age < -skew:
		return fmt.Errorf("%w: it says that it is of %s, which is to come: is the clock right?", ErrExpired, h.At.UTC().Format(time.RFC3339))
	case in.MaxAge > 0 && age > in.MaxAge:
		return fmt.Errorf("%w: it is of %s, %s ago, and may be %s old", ErrExpired, h.At.UTC().Format(time.RFC3339), age.Round(time.Minute), in.MaxAge)
	}
	return nil
}

func (in *reading) run(r *reconcile.Run) error {
	runs := in.out.Runs
	if len(in.out.Live.State) > 0 || len(r.Changes) > 0 || len(runs) > 0 && runs[len(runs)-1].ID <= r.ID {
		return fmt.Errorf("run %d is out of order", r.ID)
	}
	in.out.Runs = append(runs, *r)
	return nil
}

func (in *reading) row(r schema.Resource, o *schema.Observed) error {
	key := r.Key()
	if live := in.out.Live.State; key.Name == "" || len(live) > 0 && in.last.Compare(key) >= 0 {
		return fmt.Errorf("%s is out of order", key)
	}
	in.last = key
	in.out.Live.State = append(in.out.Live.State, r)
	if o != nil {
		in.out.Live.Observed[key.Address()] = *o
	}
	return nil
}
