package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"mailops/schema"
)

// A Verdict is what became of an archive.
type Verdict struct {
	Address  schema.Address
	State    string // of the backup
	Messages int    // that are named
	Damaged  []Damage
	Strays   int // messages that nothing names
}

// Damage is a message that is not what was fetched.
type Damage struct {
	Message *Message
	Err     error
}

// Verify reads every message of an archive, as its storage keeps it, and
// compares its SHA-256. What is damaged is marked, so that the next Take fetches
// it again where the server still has it.
func Verify(ctx context.Context, dir string) (Verdict, error) {
	if _, err := os.Stat(filepath.Join(dir, manifestFile)); err != nil {
		return Verdict{}, fmt.Errorf("open archive: %w", err)
	}
	a, err := openArchive(dir, "", "")
	if err != nil {
		return Verdict{}, fmt.Errorf("open archive: %w", err)
	}
	v := Verdict{Address: a.Address, Messages: len(a.Messages)}
	for _, m := range a.Messages {
		if err := ctx.Err(); err != nil {
			return v, errors.Join(fmt.Errorf("verify: %w", err), a.close())
		}
		err := a.compare(m)
		if m.Damaged = err != nil; m.Damaged {
			v.Damaged = append(v.Damaged, Damage{m, err})
		}
	}
	v.Strays, err = a.storage.strays(a.Messages)
	err = errors.Join(err, a.save(), a.close())
	v.State = a.State
	if err != nil {
		return v, fmt.Errorf("verify: %w", err)
	}
	return v, nil
}

// compare reads one message again.
func (a *archive) compare(m *Message) error {
	in, err := a.storage.open(m)
	if err != nil {
		return err
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	switch {
	case err != nil:
		return err
	case n != m.Size:
		return fmt.Errorf("it has %d bytes, and had %d", n, m.Size)
	case hex.EncodeToString(sum.Sum(nil)) != m.SHA256:
		return errors.New("its bytes are others than those that were fetched")
	}
	return nil
}
