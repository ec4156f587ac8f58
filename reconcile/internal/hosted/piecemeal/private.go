package piecemeal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"mailops/reconcile"
)

// private makes a folder that only its owner may read.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, err)
	}
	f, err := os.OpenFile(dir+"/.gitignore", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = f.WriteString("*\n") // what is remembered of people is in no repository
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", reconcile.ErrUnreachable, err)
	}
	return nil
}
