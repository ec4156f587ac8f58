package backup

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	"mailops/reconcile/backup/pop3sim"
)

// FuzzBytes: what a POP3 server sends arrives as it was, whatever the pieces it
// comes in, and an mbox and a tar give back what they were given.
func FuzzBytes(f *testing.F) {
	for _, text := range []string{"", "From me\r\n>From you\r\n>>From\r\n", ".\r\n..\r\n", "a\n.\nb\r\n.\r", strings.Repeat(">", 40) + "From x", strings.Repeat("x", 15) + "\r\n.\r\n"} {
		f.Add([]byte(text), uint16(7))
	}
	f.Fuzz(func(t *testing.T, text []byte, piece uint16) {
		var got bytes.Buffer
		wire := pieces{pop3sim.Wire(text, true), int(piece) + 1}
		if err := body(&got, bufio.NewReaderSize(&wire, 16)); err != nil || !bytes.Equal(got.Bytes(), pop3sim.Received(text)) {
			t.Fatalf("over POP3: %q, %v", got.Bytes(), err)
		}
		for name, s := range map[string]shape{"mbox": mbox{}, "tar": tarball{}} {
			var file bytes.Buffer
			out := bufio.NewWriter(&file)
			if err := s.append(out, appended{inbox, 0, int64(len(text)), bufio.NewReader(bytes.NewReader(text))}); err != nil {
				t.Fatal(err)
			}
			if err := out.Flush(); err != nil {
				t.Fatal(err)
			}
			in, err := s.reader(bufio.NewReaderSize(&file, 1<<16), &Message{Size: int64(len(text))})
			if err != nil {
				t.Fatal(err)
			}
			if back, err := io.ReadAll(in); err != nil || !bytes.Equal(back, text) {
				t.Fatalf("%s: %q, %v", name, back, err)
			}
		}
	})
}

// pieces hands out a text a few bytes at a time.
type pieces struct {
	text []byte
	most int
}

// Read implements io.Reader.
func (p *pieces) Read(to []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(to, p.text[:min(p.most, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}
