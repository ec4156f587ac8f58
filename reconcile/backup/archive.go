package backup

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"mailops/schema"
)

// The files of an archive, beside those of its storage. The journal holds what
// was stored since the manifest was written: one message a line, the later line
// of one id being the one that counts.
const (
	manifestFile = "manifest.json"
	journalFile  = "journal.jsonl"
	lockFile     = "lock"
)

// An archive is a folder that this process alone works on.
type archive struct {
	Manifest
	dir     string
	lock    *os.File
	journal *os.File
	storage storage
	byID    map[int]*Message
}

// openArchive opens an archive, or makes it, and mends what a process left that
// was killed.
func openArchive(dir string, address schema.Address, storage string) (*archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	a := &archive{dir: dir, byID: make(map[int]*Message)}
	var err error
	if a.lock, err = os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := a.open(address, storage); err != nil {
		return nil, errors.Join(err, unlock(a.lock))
	}
	return a, nil
}

func (a *archive) open(address schema.Address, storage string) error {
	if err := flock(a.lock); err != nil {
		return err
	}
	if err := noLinks(a.dir); err != nil {
		return err
	}
	if err := a.load(); err != nil {
		return err
	}
	switch {
	case a.Format == "":
		a.Manifest = Manifest{Format: Format, Address: address, Storage: cmp.Or(storage, Storages[0])}
	case storage != "" && storage != a.Storage:
		return fmt.Errorf("%w: it is %s, not %s", ErrStorage, a.Storage, storage)
	case address != "" && address != a.Address:
		return fmt.Errorf("it holds the mail of %s", a.Address)
	}
	var err error
	if a.storage, err = newStorage(a.Storage, a.dir); err != nil {
		return err
	}
	if err := a.storage.mend(a.Messages); err != nil {
		return fmt.Errorf("mend: %w", err)
	}
	for _, m := range a.Messages {
		a.byID[m.ID] = m
	}
	return a.save()
}

// load reads the manifest and the journal. Mail without a manifest is nobody's
// to cut: a manifest that was lost is not taken for an archive that is new.
func (a *archive) load() error {
	text, err := os.ReadFile(filepath.Join(a.dir, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return a.empty()
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &a.Manifest); err != nil {
		return fmt.Errorf("read %s: %w", manifestFile, err)
	}
	if a.Format != Format {
		return fmt.Errorf("%s has the format %q, not %q", manifestFile, a.Format, Format)
	}
	return a.replay()
}

func (a *archive) empty() error {
	for _, name := range []string{"maildir", "mbox", "messages.tar.gz", journalFile} {
		if _, err := os.Lstat(filepath.Join(a.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, fmt.Errorf("there is %s and no %s: give it back, or name another folder", name, manifestFile))
		}
	}
	return nil
}

// replay reads the journal. Its last line may be torn.
func (a *archive) replay() error {
	f, err := os.Open(filepath.Join(a.dir, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	at := make(map[int]int)
	for i, m := range a.Messages {
		at[m.ID] = i
	}
	for in := bufio.NewReader(f); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", journalFile, err)
		}
		m := new(Message)
		if err := json.Unmarshal(line, m); err != nil {
			return fmt.Errorf("read %s: %w", journalFile, err)
		}
		if i, ok := at[m.ID]; ok {
			a.Messages[i] = m
			continue
		}
		at[m.ID] = len(a.Messages)
		a.Messages = append(a.Messages, m)
	}
}

// noLinks refuses links, which an archive never has: mending removes and cuts
// files, and an archive may come from elsewhere.
func noLinks(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != dir && !e.IsDir() && !e.Type().IsRegular() {
			err = fmt.Errorf("%s is a link, or no file", path)
		}
		return err
	})
}

// begin notes a run that starts.
func (a *archive) begin(run Run) error {
	if n := len(a.Runs); n > 0 && a.Runs[n-1].State == StateRunning {
		a.Runs[n-1].State, a.Runs[n-1].Error = StateFailed, "its process ended early"
	}
	a.Runs = append(a.Runs, run)
	return a.save()
}

// end notes how the run went.
func (a *archive) end(run Run) error {
	a.Runs[len(a.Runs)-1] = run
	return errors.Join(a.storage.sync(), a.save())
}

// save writes the manifest, and empties the journal, which is in it.
func (a *archive) save() error {
	a.State = a.state()
	slices.SortFunc(a.Messages, func(x, y *Message) int { return x.ID - y.ID })
	if a.Messages == nil {
		a.Messages = []*Message{}
	}
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	if err := out.Encode(a.Manifest); err != nil {
		return fmt.Errorf("write %s: %w", manifestFile, err)
	}
	if err := replace(a.dir, manifestFile, text.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", manifestFile, err)
	}
	if a.journal != nil {
		return a.journal.Truncate(0)
	}
	var err error
	a.journal, err = os.OpenFile(filepath.Join(a.dir, journalFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return syncDir(a.dir)
}

// record notes a message in the journal, durably.
func (a *archive) record(m *Message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := a.journal.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := a.journal.Sync(); err != nil {
		return err
	}
	if old := a.byID[m.ID]; old != nil {
		*old = *m
		return nil
	}
	a.byID[m.ID] = m
	a.Messages = append(a.Messages, m)
	return nil
}

// next is an id that no message has.
func (a *archive) next() int {
	if len(a.Messages) == 0 {
		return 1
	}
	return a.Messages[len(a.Messages)-1].ID + 1
}

// close lets go of the archive. A journal that is empty is not left behind.
func (a *archive) close() error {
	err := a.journal.Close()
	if info, at := os.Stat(a.journal.Name()); at == nil && info.Size() == 0 {
		err = errors.Join(err, os.Remove(a.journal.Name()))
	}
	return errors.Join(err, unlock(a.lock))
}

// replace writes a file whole, or leaves the one that is there.
func replace(dir, name string, text []byte) error {
	f, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
