package backup

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// tarball is one tar of all folders, compressed. Each message is a gzip member of its own,
// so that one can be read without the others and a killed run cut off; readers
// of .gz take members that follow one another as one stream. The empty blocks at
// the end of a tar are left out, which its readers allow.
type tarball struct{}

func (tarball) file(string) string { return "messages.tar.gz" }

func (tarball) pattern() string { return "messages.tar.gz" }

// append writes a message as a file of the tar.
func (tarball) append(to *bufio.Writer, m appended) error {
	z := gzip.NewWriter(to)
	t := tar.NewWriter(z)
	header := tar.Header{
		Typeflag: tar.TypeReg, Format: tar.FormatPAX, Mode: 0o600, Size: m.size, ModTime: time.Unix(0, 0),
		Name: path.Join(FileName(m.folder), fmt.Sprintf("%012d.eml", m.number)),
	}
	if err := t.WriteHeader(&header); err != nil {
		return err
	}
	if _, err := io.Copy(t, m.Reader); err != nil {
		return err
	}
	return errors.Join(t.Flush(), z.Close()) // not t.Close: that would end the tar
}

// reader reads one message of the tar.
func (tarball) reader(in *bufio.Reader, _ *Message) (io.Reader, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	t := tar.NewReader(z)
	if _, err := t.Next(); err != nil {
		return nil, err
	}
	return t, nil
}
