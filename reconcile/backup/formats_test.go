package backup_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-maildir"
	"github.com/emersion/go-mbox"

	"mailops/reconcile/backup/pop3sim"
)

// The archives are read here by programs other than the one that wrote them.

// ordinary are messages whose lines end in CRLF and whose From lines have no >
// before them, which is as much as go-mbox gives back.
func ordinary() []pop3sim.Message {
	return append(numbered(5),
		message("from", "From me\r\nSubject: from\r\n\r\nFrom you\r\n From them\r\n\r\nFrom\r\n"),
		message("dots", "Subject: dots\r\n\r\n.\r\n..\r\n\r\n\r\nend\r\n"))
}

func TestMboxIsOne(t *testing.T) {
	t.Parallel()
	o := withStorage(pop(t, simulate(t, ordinary())), "mbox")
	take(t, o)
	f, err := os.Open(filepath.Join(o.Dir, "mbox", "INBOX.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := mbox.NewReader(f)
	for _, want := range ordinary() {
		m, err := in.NextMessage()
		if err != nil {
			t.Fatal(err)
		}
		// Of empty lines at the end it gives back one more or less.
		if got, err := io.ReadAll(m); err != nil || strings.TrimRight(string(got), "\r\n") != strings.TrimRight(string(want.Body), "\r\n") {
			t.Errorf("%s: %q, %v, want %q", want.UID, got, err, want.Body)
		}
	}
	if _, err := in.NextMessage(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v", err)
	}
}

func TestArchiveIsATar(t *testing.T) {
	t.Parallel()
	o := withStorage(pop(t, simulate(t, hostile)), "archive")
	take(t, o)
	f, err := os.Open(filepath.Join(o.Dir, "messages.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(z)
	names := make(map[string]bool)
	for _, want := range hostile {
		h, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil || string(got) != string(pop3sim.Received(want.Body)) || names[h.Name] || !filepath.IsLocal(h.Name) {
			t.Errorf("%s: %s, %d bytes, %v", want.UID, h.Name, len(got), err)
		}
		names[h.Name] = true
	}
	if _, err := in.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last message: %v", err)
	}
}

// TestMaildirIsOne: a mail program reads it, and may mark what it has read.
func TestMaildirIsOne(t *testing.T) {
	t.Parallel()
	o := pop(t, simulate(t, hostile))
	take(t, o)
	messages, err := maildir.Dir(filepath.Join(o.Dir, "maildir", "INBOX")).Messages()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, m := range messages {
		text, err := os.ReadFile(m.Filename())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sum(text))
		if err := m.SetFlags([]maildir.Flag{maildir.FlagSeen, maildir.FlagReplied}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range hostile {
		want = append(want, sum(pop3sim.Received(m.Body)))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("%v, want %v", got, want)
	}
	holds(t, o.Dir, hostile)
	if run := take(t, o); run.Fetched != 0 {
		t.Errorf("after messages were marked: %+v", run)
	}
}
