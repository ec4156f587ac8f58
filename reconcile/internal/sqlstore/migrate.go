package sqlstore

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"mailops/reconcile"
)

//go:embed migrations
var shared embed.FS

// A Migration is one step of the canonical tables. Its name orders it and is
// recorded; its text never changes once it was released.
type Migration struct{ Name, SQL string }

// ErrForeign says that the database holds tables of somebody else.
var ErrForeign = errors.New("the database belongs to another program")

// ErrOlder says that the database needs migrations, and may not be written.
var ErrOlder = errors.New("the store was written by an older mailops: an apply brings it up to date")

// Migrations lists the migrations of a dialect, in order.
func Migrations(d Dialect) ([]Migration, error) {
	words := d.replacer()
	var out []Migration
	for _, fsys := range []fs.FS{shared, d.Extra} {
		files, err := fs.Glob(fsys, "migrations/*.sql")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := fs.ReadFile(fsys, file)
			if err != nil {
				return nil, err
			}
			name := strings.TrimSuffix(path.Base(file), ".sql")
			out = append(out, Migration{name, words.Replace(string(text))})
		}
	}
	slices.SortFunc(out, func(a, b Migration) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// replacer puts in what the words of a script stand for.
func (d Dialect) replacer() *strings.Replacer {
	var pairs []string
	for word, text := range d.Words {
		pairs = append(pairs, "@"+word+"@", text)
	}
	return strings.NewReplacer(pairs...)
}

// Pending lists the migrations that the database lacks: all of them when it is
// empty. Errors wrap reconcile.ErrNewer or ErrForeign.
func Pending(c Conn, d Dialect) ([]Migration, error) {
	all, err := Migrations(d)
	if err != nil {
		return nil, err
	}
	tables, err := texts(c, d.Tables)
	if err != nil || len(tables) == 0 {
		return all, err
	}
	if !slices.Contains(tables, "mailops_migration") {
		return nil, fmt.Errorf("%w: it has the table %q, and none of mailops", ErrForeign, tables[0])
	}
	applied, err := texts(c, "SELECT name FROM mailops_migration ORDER BY name")
	if err != nil {
		return nil, err
	}
	for _, name := range applied {
		if !slices.ContainsFunc(all, func(m Migration) bool { return m.Name == name }) {
			return nil, fmt.Errorf("%w: migration %s is not known here", reconcile.ErrNewer, name)
		}
	}
	return slices.DeleteFunc(all, func(m Migration) bool { return slices.Contains(applied, m.Name) }), nil
}

// Migrate applies one migration and records it, in the transaction of c.
func Migrate(c Conn, m Migration, at time.Time) error {
	err := c.Script("CREATE TABLE IF NOT EXISTS mailops_migration (name TEXT NOT NULL PRIMARY KEY, at TEXT NOT NULL)")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := c.Script(m.SQL); err != nil {
		return fmt.Errorf("migrate to %s: %w", m.Name, err)
	}
	_, err = c.Exec("INSERT INTO mailops_migration (name, at) VALUES ($1, $2)", m.Name, at.UTC().Format(time.RFC3339))
	return err
}

// texts is the first column of a query.
func texts(c Conn, sql string, args ...any) ([]string, error) {
	rows := c.Query(sql, args...)
	defer rows.Close()
	var out []string
	for rows.Next() {
		out = append(out, rows.Values()[0].(string))
	}
	return out, rows.Err()
}
