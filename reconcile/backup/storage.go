package backup

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// A storage is how an archive keeps messages in files. All of them keep each
// message as the bytes that were fetched.
//
// A message is spooled, then its files are synced, then the journal names it,
// then it is published. A process that is killed in between leaves a message
// that is whole or one that nothing names; mend tells which.
type storage interface {
	// spool begins a message of a folder.
	spool(folder string) (spool, error)
	// open reads a message back.
	open(m *Message) (io.ReadCloser, error)
	// mend brings the files to what the messages say: it finishes publishing,
	// and removes what no message names. A message whose file is gone or short
	// is marked as damaged.
	mend(messages []*Message) error
	// forget removes the file of a damaged message that was fetched again, where
	// it has one of its own.
	forget(m *Message) error
	// strays counts the messages in the files that no message names.
	strays(messages []*Message) (int, error)
	// sync makes names durable, after publishing.
	sync() error
}

// A spool is a message that is being written.
type spool interface {
	io.Writer
	// finish makes the message durable, and says in m where it will be.
	finish(m *Message) error
	// publish makes it part of the archive.
	publish() error
	// discard removes it. It may follow an error of any other method.
	discard() error
}

// Storages are the words for storages; the first is the default.
var Storages = []string{"maildir", "mbox", "archive"}

func newStorage(name, dir string) (storage, error) {
	switch name {
	case "maildir":
		return &maildirs{dir: dir}, nil
	case "mbox":
		return &growing{shape: mbox{}, dir: dir}, nil
	case "archive":
		return &growing{shape: tarball{}, dir: dir}, nil
	}
	return nil, fmt.Errorf("%q is no storage: want one of %s", name, strings.Join(Storages, ", "))
}

// FileName writes any name as the name of a file that lies where it is put:
// letters, digits and a few marks stay, all else becomes %XX.
func FileName(name string) string {
	const most = 200
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("@_-+=", c) >= 0
		if plain || c == '.' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	if s := b.String(); len(s) <= most {
		return s
	}
	return b.String()[:most] + "%" + digest([]byte(name))[:16] // two long names stay two
}

// place is the path of a file of the archive; a name that leads out of it, as a
// manifest from elsewhere may hold, is none.
func place(dir, file string) (string, error) {
	if !filepath.IsLocal(file) {
		return "", fmt.Errorf("%q is not inside the archive", file)
	}
	return filepath.Join(dir, file), nil
}
