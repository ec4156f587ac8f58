package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// mbox is an mbox for each folder, of the kind called mboxrd: a line that begins with
// any number of > and then "From " gets one > more, and gives it back when it is
// read. (emersion/go-mbox quotes lines without > alone, so that those with one
// come back changed; it can read what is written here, as a test shows.) Lines
// end as they were fetched, in CRLF.
type mbox struct{}

func (mbox) file(folder string) string { return path.Join("mbox", FileName(folder)+".mbox") }

func (mbox) pattern() string { return "mbox/*.mbox" }

const (
	newline = "\r\n"
	from    = "From "
)

// append writes a message between its From line and an empty line. The
// sender and the day stand in the message itself.
func (mbox) append(to *bufio.Writer, m appended) error {
	_, err := fmt.Fprintf(to, "From mailops@localhost %s%s", time.Unix(0, 0).UTC().Format(time.ANSIC), newline)
	if err != nil {
		return err
	}
	last, err := requote(to, m.Reader, 1)
	if err != nil {
		return err
	}
	end := newline
	if last != '\n' {
		end += newline // a From line must begin a line; reading knows the size
	}
	_, err = to.WriteString(end)
	return err
}

// reader reads one message of an mbox.
func (mbox) reader(in *bufio.Reader, m *Message) (io.Reader, error) {
	line, err := in.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(line, []byte(from)) {
		return nil, errors.New("there is no From line")
	}
	out, to := io.Pipe()
	go func() {
		buffered := bufio.NewWriter(to)
		_, err := requote(buffered, in, -1)
		to.CloseWithError(errors.Join(err, buffered.Flush()))
	}()
	return &whole{out, m.Size}, nil
}

// A whole message ends where its size says, and what follows is the empty line
// that the mbox added, in one or two pieces.
type whole struct {
	*io.PipeReader
	left int64
}

// Read implements io.Reader.
func (w *whole) Read(p []byte) (int, error) {
	if w.left > 0 {
		n, err := w.PipeReader.Read(p[:min(int64(len(p)), w.left)])
		w.left -= int64(n)
		return n, err
	}
	rest, err := io.ReadAll(io.LimitReader(w.PipeReader, 2*int64(len(newline))+1))
	if err == nil && strings.ReplaceAll(string(rest), newline, "") != "" || len(rest) > 2*len(newline) {
		err = errors.New("the message is longer than it was")
	}
	if err == nil {
		err = io.EOF
	}
	return 0, err
}

// requote copies lines. One that is any number of > and then "From " gets that
// many more, or fewer; the last byte is returned.
func requote(to *bufio.Writer, in *bufio.Reader, more int) (last byte, err error) {
	for {
		arrows, err := skip(in, '>')
		if err != nil {
			return last, err
		}
		if head, _ := in.Peek(len(from)); string(head) == from {
			if arrows += more; arrows < 0 {
				return last, errors.New("there is a From line inside a message")
			}
		}
		for range arrows {
			last = '>'
			if err := to.WriteByte('>'); err != nil {
				return last, err
			}
		}
		for ended := false; !ended; {
			chunk, err := in.ReadSlice('\n')
			if len(chunk) > 0 {
				last = chunk[len(chunk)-1]
			}
			if _, err := to.Write(chunk); err != nil {
				return last, err
			}
			switch {
			case errors.Is(err, io.EOF):
				return last, nil
			case err != nil && !errors.Is(err, bufio.ErrBufferFull):
				return last, err
			}
			ended = err == nil
		}
	}
}

// skip counts and leaves out the next bytes that are c.
func skip(in *bufio.Reader, c byte) (int, error) {
	for n := 0; ; n++ {
		b, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, err
		case b != c:
			return n, in.UnreadByte()
		}
	}
}
