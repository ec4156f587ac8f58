package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile"
)

// watchPace is how often Watch looks whether the file has changed: reading the
// number takes microseconds, and a second is what people notice.
const watchPace = 100 * time.Millisecond

// Watch implements reconcile.Watcher. SQLite tells nobody that it changes, but
// it counts: the number is the same as long as nobody else has committed. It
// does not say who changed what, and mailops' own applies are told too.
func (s *Store) Watch(ctx context.Context) iter.Seq[reconcile.Notice] {
	return func(yield func(reconcile.Notice) bool) {
		pace := time.NewTicker(watchPace)
		defer pace.Stop()
		for away := false; ; away = true {
			if !s.watch(ctx, away, pace.C, yield) || !wait(ctx, pace.C) {
				return
			}
		}
	}
}

// watch watches on one connection until it fails, or another file takes the
// place of this one; false is the end of all. When there was no connection
// before, whatever happened meanwhile counts.
func (s *Store) watch(ctx context.Context, away bool, pace <-chan time.Time, yield func(reconcile.Notice) bool) bool {
	file, err := os.Stat(s.path)
	if err != nil {
		return true
	}
	c, err := s.connect(ctx, sqlite3.OPEN_READONLY)
	if err != nil {
		return true
	}
	defer c.close()
	seen, err := dataVersion(c)
	if err != nil {
		return true
	}
	for told := !away; ; told = true {
		if !told && !yield(reconcile.Notice{}) {
			return false
		}
		if !wait(ctx, pace) {
			return false
		}
		version, err := dataVersion(c)
		if err != nil || !isAt(file, s.path) {
			return true
		}
		if version != seen && !yield(reconcile.Notice{}) {
			return false
		}
		seen = version
	}
}

func isAt(file fs.FileInfo, path string) bool {
	there, err := os.Stat(path)
	return err == nil && os.SameFile(file, there)
}

func dataVersion(c *conn) (any, error) {
	rows := c.Query("PRAGMA data_version")
	defer rows.Close()
	if !rows.Next() {
		return nil, fmt.Errorf("data version: %w", rows.Err())
	}
	return rows.Values()[0], nil
}

// wait waits for the next beat; false is the end of ctx.
func wait(ctx context.Context, pace <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-pace:
		return true
	}
}
