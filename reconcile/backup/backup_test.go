package backup_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile/backup"
	"mailops/reconcile/backup/pop3sim"
)

// TestStoragesKeepEveryByte: each storage gives back what was sent, a second run
// fetches nothing, and a third only what is new.
func TestStoragesKeepEveryByte(t *testing.T) {
	t.Parallel()
	for _, storage := range backup.Storages {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			server := simulate(t, hostile)
			o := pop(t, server)
			o.Storage = storage
			run := take(t, o)
			if run.Stored != len(hostile) || run.Fetched != len(hostile) || run.Known != 0 || run.State != backup.StateCompleted || len(run.Odd) > 3 {
				t.Errorf("first run: %+v", run)
			}
			holds(t, o.Dir, hostile)
			private(t, o.Dir)
			if run := take(t, o); run.Fetched != 0 || run.Known != len(hostile) {
				t.Errorf("second run: %+v", run)
			}
			// The latest backup: one message is new, one is gone from the server.
			server.Put(carla, append(hostile[1:len(hostile):len(hostile)], message("new", "Subject: new\r\n\r\n")))
			o.Storage = ""
			if run := take(t, o); run.Fetched != 1 || run.Stored != 1 {
				t.Errorf("latest run: %+v", run)
			}
			holds(t, o.Dir, append(hostile[:len(hostile):len(hostile)], message("new", "Subject: new\r\n\r\n")))
			if _, err := backup.Take(t.Context(), withStorage(o, "nonsense")); err == nil {
				t.Error("an archive took another storage")
			}
		})
	}
}

func withStorage(o backup.Options, storage string) backup.Options {
	o.Storage = storage
	return o
}

// TestDamageIsFoundAndMended: verify finds a flipped byte, a message cut short
// and one that is gone, and the next run fetches those again.
func TestDamageIsFoundAndMended(t *testing.T) {
	t.Parallel()
	for _, storage := range backup.Storages {
		t.Run(storage, func(t *testing.T) {
			t.Parallel()
			messages := numbered(20)
			server := simulate(t, messages)
			o := pop(t, server)
			o.Storage = storage
			take(t, o)
			spoil(t, o.Dir, manifest(t, o.Dir).Messages[7], storage)
			v, err := backup.Verify(t.Context(), o.Dir)
			if err != nil || len(v.Damaged) != 1 || v.Damaged[0].Message.ID != 8 || v.State != backup.StateFailed {
				t.Fatalf("verdict %+v, %v", v, err)
			}
			if run := take(t, o); run.Fetched != 1 || run.Stored != 1 {
				t.Errorf("mending: %+v", run)
			}
			holds(t, o.Dir, messages)

			// What the server has no longer cannot be mended, and is not forgotten.
			spoil(t, o.Dir, manifest(t, o.Dir).Messages[7], storage)
			if v, err := backup.Verify(t.Context(), o.Dir); err != nil || len(v.Damaged) != 1 {
				t.Fatalf("verdict %+v, %v", v, err)
			}
			server.Put(carla, messages[10:])
			if _, err := backup.Take(t.Context(), o); !errors.Is(err, backup.ErrIncomplete) {
				t.Errorf("error %v", err)
			}
			if m := manifest(t, o.Dir); m.State != backup.StateFailed || len(m.Messages) != 20 {
				t.Errorf("%s with %d messages", m.State, len(m.Messages))
			}
		})
	}
}

// spoil flips a byte in the middle of a message, and keeps the size.
func spoil(t *testing.T, dir string, m *backup.Message, storage string) {
	t.Helper()
	file, at := filepath.Join(dir, m.File), m.Offset+m.Length/2
	if storage == "maildir" {
		file, at = file+":2,", m.Size/2
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[at] ^= 0x20
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOneAtATime: an archive has one writer.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	server := simulate(t, numbered(3))
	server.Misbehave(pop3sim.Quirks{Stall: 2})
	o := pop(t, server)
	first := make(chan error, 1)
	go func() {
		_, err := backup.Take(t.Context(), o)
		first <- err
	}()
	await(t, server, 2)
	if _, err := backup.Take(t.Context(), o); !errors.Is(err, backup.ErrRunning) {
		t.Errorf("a second run: %v", err)
	}
	if _, err := backup.Verify(t.Context(), o.Dir); !errors.Is(err, backup.ErrRunning) {
		t.Errorf("verify meanwhile: %v", err)
	}
	_ = server.Close()
	if err := <-first; err == nil {
		t.Error("the first run ended well without its server")
	}
}

// await waits until so many messages were asked for.
func await(t *testing.T, s *pop3sim.Server, n int) {
	t.Helper()
	for {
		total, next := s.Next()
		if total >= n {
			return
		}
		select {
		case <-next:
		case <-time.After(time.Minute):
			t.Fatalf("%d messages were asked for, want %d", total, n)
		}
	}
}

// TestManifestThatIsLost: mail without its manifest is not taken for an empty
// archive.
func TestManifestThatIsLost(t *testing.T) {
	t.Parallel()
	for _, storage := range backup.Storages {
		o := withStorage(pop(t, simulate(t, numbered(3))), storage)
		take(t, o)
		file := filepath.Join(o.Dir, "manifest.json")
		link := filepath.Join(o.Dir, "elsewhere")
		if err := os.Symlink("/", link); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Verify(t.Context(), o.Dir); err == nil || !strings.Contains(err.Error(), "is a link") {
			t.Errorf("%s: %v", storage, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Take(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no manifest.json") {
			t.Errorf("%s: %v", storage, err)
		}
		hostile := bytes.Replace(text, []byte(`"file": "`), []byte(`"file": "../../../../etc/`), 1)
		if err := os.WriteFile(file, hostile, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := backup.Verify(t.Context(), o.Dir); err == nil && storage == "maildir" {
			t.Errorf("%s: a manifest led out of the archive", storage)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if run := take(t, o); run.Fetched != 0 && storage == "maildir" {
			t.Errorf("%s: %+v", storage, run)
		}
	}
}
