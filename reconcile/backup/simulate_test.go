package backup_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

const (
	carla    = "carla@acme.example"
	master   = "backup"
	password = "Correct horse 7 battery"
)

// simulate starts a server with carla's mail.
func simulate(t *testing.T, messages []pop3sim.Message) *pop3sim.Server {
	t.Helper()
	s, err := pop3sim.Start(master, password, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	s.Put(carla, messages)
	return s
}

// options are for a server of a test: faults show quickly.
func options(t *testing.T, address string) backup.Options {
	t.Helper()
	server, err := backup.ParseServer(address)
	if err != nil {
		t.Fatal(err)
	}
	server.User, server.Password = master, password
	return backup.Options{
		Address: carla, Server: server, Dir: filepath.Join(t.TempDir(), "archive"),
		Limits: backup.Limits{Idle: 10 * time.Second, Pause: time.Millisecond},
	}
}

func pop(t *testing.T, s *pop3sim.Server) backup.Options { return options(t, "pop3://"+s.Address()) }

// numbered makes n messages of different sizes.
func numbered(n int) []pop3sim.Message {
	out := make([]pop3sim.Message, n)
	for i := range out {
		out[i] = message(fmt.Sprintf("u%d", i+1), fmt.Sprintf("Subject: %d\r\n\r\n%s\r\n", i+1, strings.Repeat("text\r\n", i%50)))
	}
	return out
}

func message(uid, body string) pop3sim.Message { return pop3sim.Message{UID: uid, Body: []byte(body)} }

// take takes a backup that must work.
func take(t *testing.T, o backup.Options) backup.Run {
	t.Helper()
	run, err := backup.Take(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func manifest(t *testing.T, dir string) backup.Manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var m backup.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func sum(body []byte) string {
	s := sha256.Sum256(body)
	return hex.EncodeToString(s[:])
}

// holds demands that the archive holds these messages and no others, byte by
// byte, and verifies.
func holds(t *testing.T, dir string, messages []pop3sim.Message) {
	t.Helper()
	want, got := make(map[string]int), make(map[string]int)
	for _, m := range messages {
		want[sum(pop3sim.Received(m.Body))]++
	}
	for _, m := range manifest(t, dir).Messages {
		got[m.SHA256]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages by digest (-want +got):\n%s", diff)
	}
	v, err := backup.Verify(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range v.Damaged {
		t.Errorf("message %d: %v", d.Message.ID, d.Err)
	}
	if v.Messages != len(messages) || v.Strays != 0 {
		t.Errorf("verify: %d messages and %d strays, want %d and 0", v.Messages, v.Strays, len(messages))
	}
}

// private demands that nobody else can read a file of the archive.
func private(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// hostile are bodies that storages and protocols trip over.
var hostile = []pop3sim.Message{
	message("plain", "Subject: plain\r\n\r\ntext\r\n"),
	message("empty", ""),
	message("dot", ".\r\n"),
	message("dots", "Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.text\r\n\r\n.\r\n"),
	message("from", "From me\r\nSubject: from\r\n\r\nFrom you\r\n>From them\r\n>>From all\r\n>> From none\r\nFrom\r\n>\r\n"),
	message("arrows", "Subject: arrows\r\n\r\n"+strings.Repeat(">", 200_000)+"From far\r\n"),
	message("no-end", "Subject: no final newline\r\n\r\ntext"),
	message("from-end", "Subject: x\r\n\r\n>From "),
	message("bare-lf", "Subject: bare\n\nline\n.\nline\n..\nFrom here\r\n.\r\nend\n"),
	message("bare-cr", "Subject: bare\r\rline\r.\rline\r\n"),
	message("cr-at-the-edge", strings.Repeat("x", 65_535-4)+"\r\n.\r\n"+strings.Repeat("y", 65_536)+"\r\n..\r\n"),
	message("long-line", strings.Repeat("z", 300_000)+"\r\n"),
	message("8-bit", "Subject: \xe9\xff\xfe\r\n\r\n\x00\x01\x80\xff\r\n"),
	message("bom", "\xef\xbb\xbfSubject: bom\r\n\r\ntext\r\n"),
	message("empty-lines", "\r\n\r\n\r\n"),
	message("lf", "\n"),
	message("twin-1", "Subject: twins\r\n\r\nsame\r\n"),
	message("twin-2", "Subject: twins\r\n\r\nsame\r\n"),
}
