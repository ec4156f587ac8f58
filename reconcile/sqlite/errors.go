package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

var (
	errClosed   = fmt.Errorf("%w: it is closed", reconcile.ErrUnreachable)
	errReadOnly = errors.New("the store was opened for reading only")
)

// troubles says in words what SQLite's error codes mean to an administrator.
// Their order is that of asking: an error can match several.
var troubles = []struct {
	code sqlite3.ErrorCode
	text string
}{
	{sqlite3.NOTADB, "it is not a SQLite database"},
	{sqlite3.CORRUPT, "it is damaged: restore it from a backup"},
	{sqlite3.FULL, "the disk is full"},
	{sqlite3.READONLY, "it may not be written"},
	{sqlite3.PERM, "it may not be opened"},
	{sqlite3.CANTOPEN, "it cannot be opened; reading, too, needs the right to write its -wal and -shm files"},
	{sqlite3.IOERR, "its disk reports an error, or is full"},
}

// explain puts an error of SQLite or of the file system into the words of
// reconcile. Others pass as they are.
func (s *Store) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, sqlite3.INTERRUPT):
		return ctx.Err()
	case errors.Is(err, sqlite3.BUSY):
		return fmt.Errorf("%w: %s", reconcile.ErrBusy, s.path)
	case errors.Is(err, reconcile.ErrUnreachable):
		return err
	case errors.Is(err, sqlstore.ErrForeign):
		return s.unreachable("it is not a store", err)
	case errors.Is(err, syscall.ENOSPC):
		return s.unreachable("the disk is full", err)
	}
	for _, t := range troubles {
		if errors.Is(err, t.code) {
			return s.unreachable(t.text, err)
		}
	}
	if path := new(fs.PathError); errors.As(err, &path) {
		return s.unreachable("it cannot be opened", err)
	}
	return err
}

func (s *Store) unreachable(text string, err error) error {
	return fmt.Errorf("%w: %s: %s (%w)", reconcile.ErrUnreachable, s.path, text, err)
}
