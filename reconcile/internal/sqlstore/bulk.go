package sqlstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Bulk is rows of one table that are written together: inserted, or updated
// by their keys. Its values are as arguments are.
type Bulk struct {
	Table   string
	Columns string // joined by ", "
	Keys    string // the same; of an update the columns that find a row
	Update  bool
	Rows    [][]any // each the values of Columns, then those of Keys
}

// All is Columns and Keys.
func (b Bulk) All() string { return strings.TrimSuffix(b.Columns+", "+b.Keys, ", ") }

// SQL is the statement that writes one row.
func (b Bulk) SQL() string {
	columns := strings.Split(b.Columns, ", ")
	if b.Update {
		return "UPDATE " + b.Table + " SET " + assignments(columns, 1, ", ") +
			" WHERE " + assignments(strings.Split(b.Keys, ", "), 1+len(columns), " AND ")
	}
	return "INSERT INTO " + b.Table + " (" + b.All() + ") VALUES (" + parameters(1, 1+strings.Count(b.All(), ",")) + ")"
}

// parameters are the placeholders from $first on, joined by commas.
func parameters(first, count int) string {
	out := make([]string, count)
	for i := range out {
		out[i] = "$" + strconv.Itoa(first+i)
	}
	return strings.Join(out, ", ")
}

// assignments are column = $n for each column, from $first on.
func assignments(columns []string, first int, between string) string {
	out := make([]string, len(columns))
	for i, name := range columns {
		out[i] = name + " = $" + strconv.Itoa(first+i)
	}
	return strings.Join(out, between)
}

// tables are the canonical tables that an apply writes, parents first.
var tables = [...]Bulk{
	{Table: "domain", Columns: "catch_all, timezone", Keys: "name"},
	{Table: "address", Columns: "kind", Keys: "domain, local"},
	{Table: "mailuser", Columns: derived + ", " + plain, Keys: "domain, local"},
	{Table: "listprop", Columns: "posting", Keys: "domain, local"},
	{Table: "forwarding", Columns: "dest", Keys: "domain, local"},
	{Table: "send_as", Columns: "delegate", Keys: "domain, local"},
	{Table: "trusted_network", Columns: "network", Keys: "domain, local"},
	{Table: "access_window", Columns: "dow, n, start_min, end_min", Keys: "domain, local"},
	{Table: "mailops_secret", Columns: "hash", Keys: "fingerprint"},
	{Table: "mailops_run", Columns: "at, actor, revision, plan, undoes, live_users, creates, updates, deletes, token, " + counted, Keys: "id"},
	{Table: "mailops_before_image", Columns: "kind, name, op, version, version_after, renamed_from, fields, password, mailbox", Keys: "run, n"},
}

// errNUL: SQLite would cut the text off there, PostgreSQL refuses it.
var errNUL = errors.New("a text holds a NUL character")

// A pile is rows that wait to be written, by table.
type pile map[string][][]any

// add puts a row on the pile: the values of the table's columns and keys.
func (p pile) add(table string, row ...any) error {
	for _, v := range row {
		if s, ok := v.(string); ok && strings.IndexByte(s, 0) >= 0 {
			return errNUL
		}
	}
	p[table] = append(p[table], row)
	return nil
}

// write writes a pile, parents first.
func (p pile) write(c Conn, update bool) error {
	for _, b := range tables {
		if b.Rows, b.Update = p[b.Table], update; len(b.Rows) == 0 {
			continue
		}
		if err := c.Bulk(b); err != nil {
			return fmt.Errorf("write %s: %w", b.Table, err)
		}
	}
	return nil
}
