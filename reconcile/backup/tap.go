package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
)

// A tap takes the bodies of messages out of a POP3 stream below the client,
// which would hold each in memory and turn its bare line feeds into CRLF. The
// client sees the status line and an empty body.
type tap struct {
	net.Conn
	in   *bufio.Reader
	to   io.Writer // where the next body goes; nil: nothing is taken
	rest []byte    // what the client has yet to see of a reply that was tapped
	torn error     // why a body was not taken whole: the rest of it is in the way
}

// mostLine is how long a status line may be.
const mostLine = 64 << 10

func newTap(conn net.Conn) *tap {
	return &tap{Conn: conn, in: bufio.NewReaderSize(conn, mostLine)}
}

// Read implements net.Conn.
func (t *tap) Read(p []byte) (int, error) {
	if len(t.rest) == 0 && t.to != nil {
		if err := t.divert(); err != nil {
			return 0, err
		}
	}
	if len(t.rest) > 0 {
		n := copy(p, t.rest)
		t.rest = t.rest[n:]
		return n, nil
	}
	return t.in.Read(p)
}

// divert reads one reply: its body goes where it was asked to.
func (t *tap) divert() error {
	line, err := t.in.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read the status line: %w", err)
	}
	t.rest = bytes.Clone(line)
	to := t.to
	t.to = nil
	if !bytes.HasPrefix(line, []byte("+OK")) {
		return nil
	}
	t.rest = append(t.rest, ".\r\n"...)
	out := bufio.NewWriterSize(to, mostLine) // lines are short
	if t.torn = body(out, t.in); t.torn == nil {
		t.torn = out.Flush()
	}
	return t.torn
}

// body copies a multi-line reply without its dots. Lines end in CRLF and in
// nothing else (RFC 1939, 3): a bare line feed is a byte of the message, so that
// one with a dot alone after it does not cut the message short.
func body(to io.Writer, from *bufio.Reader) error {
	start, cr := true, false // at the start of a line; the last byte was CR
	for {
		chunk, err := from.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		text := chunk
		if start && chunk[0] == '.' {
			if string(chunk) == ".\r\n" {
				return nil
			}
			text = chunk[1:]
		}
		if _, err := to.Write(text); err != nil {
			return err
		}
		start = bytes.HasSuffix(chunk, []byte("\r\n")) || cr && string(chunk) == "\n"
		cr = chunk[len(chunk)-1] == '\r'
	}
}
