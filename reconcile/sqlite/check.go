package sqlite

import (
	"context"
	"fmt"
	"os"

	"github.com/ncruces/go-sqlite3"
)

// Check looks at the store itself and returns a sentence for each thing that is
// wrong: damaged pages, rows that point nowhere, and a file that strangers may
// read. It changes nothing. An error says that looking was not possible.
func (s *Store) Check(ctx context.Context) ([]string, error) {
	if s.missing {
		return nil, nil
	}
	var wrong []string
	err := s.reading(ctx, func(c *conn) error {
		damaged, err := column(c, "PRAGMA quick_check(20)")
		if err != nil {
			return err
		}
		for _, line := range damaged {
			if line != "ok" {
				wrong = append(wrong, "the file is damaged: "+line)
			}
		}
		orphans, err := column(c, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check")
		for _, table := range orphans {
			wrong = append(wrong, fmt.Sprintf("the table %s has rows that point to rows that are not there", table))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check store: %w", err)
	}
	return append(append(wrong, readable(s.path)...), s.checkSignIns(ctx)...), nil
}

// checkSignIns says what keeps last sign-ins from being shown.
func (s *Store) checkSignIns(ctx context.Context) []string {
	c, err := s.connect(ctx, sqlite3.OPEN_READONLY)
	if err != nil {
		return nil // told already
	}
	defer c.close()
	if err := s.bringSignIns(c); err != nil {
		return []string{fmt.Sprintf("the last sign-ins in %s cannot be read: %v", s.signIns(), err)}
	}
	return nil
}

// column returns the first column of every row as text.
func column(c *conn, sql string) ([]string, error) {
	rows := c.Query(sql)
	defer rows.Close()
	var out []string
	for rows.Next() {
		out = append(out, fmt.Sprint(rows.Values()[0]))
	}
	return out, rows.Err()
}

// readable says when everybody on the machine may read the password hashes. The
// group may: it is how mail servers read the file.
func readable(path string) []string {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("everybody may read the password hashes in %s (mode %04o): chmod o= %s", path, info.Mode().Perm(), path)}
}
