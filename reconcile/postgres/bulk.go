package postgres

import (
	"fmt"
	"io"
	"strings"

	"mailops/reconcile/internal/sqlstore"
)

// few is up to how many rows are written by a statement each, all in one round
// trip; more are copied.
const few = 20

// Bulk implements sqlstore.Conn.
func (c *conn) Bulk(b sqlstore.Bulk) error {
	switch {
	case len(b.Rows) <= few:
		return c.each(b)
	case b.Update:
		return c.updateFrom(b)
	}
	return c.copyInto(b.Table, b)
}

func (c *conn) each(b sqlstore.Bulk) error {
	sql := b.SQL()
	asks := make([]ask, len(b.Rows))
	for i, row := range b.Rows {
		asks[i] = ask{sql, row}
	}
	_, err := c.send(asks...)
	return err
}

// updateFrom copies the rows into a table of their own, and updates from there.
func (c *conn) updateFrom(b sqlstore.Bulk) error {
	into := "changed_" + b.Table
	if err := c.Script("CREATE TEMP TABLE " + into + " ON COMMIT DROP AS SELECT " + b.All() + " FROM " + b.Table + " WITH NO DATA"); err != nil {
		return err
	}
	if err := c.copyInto(into, b); err != nil {
		return err
	}
	return c.Script("ANALYZE " + into + "; UPDATE " + b.Table + " AS t SET " + pairs("", b.Columns, ", ") + " FROM " + into + " AS n WHERE " +
		pairs("t.", b.Keys, " AND ") + "; DROP TABLE " + into)
}

// pairs are column = n.column for each column.
func pairs(before, columns, between string) string {
	names := strings.Split(columns, ", ")
	for i, name := range names {
		names[i] = before + name + " = n." + name
	}
	return strings.Join(names, between)
}

func (c *conn) copyInto(table string, b sqlstore.Bulk) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	tag, err := c.pg.CopyFrom(c.ctx, &copyText{rows: b.Rows}, "COPY "+table+" ("+b.All()+") FROM STDIN")
	if err == nil && tag.RowsAffected() != int64(len(b.Rows)) {
		err = fmt.Errorf("%d of %d rows were copied", tag.RowsAffected(), len(b.Rows))
	}
	return c.fault(err)
}

// copyText is rows in the text format of COPY.
type copyText struct {
	rows [][]any
	line []byte // what is left of a row
	row  []byte // its memory
}

// Read implements io.Reader.
func (t *copyText) Read(into []byte) (int, error) {
	n := 0
	for n < len(into) {
		if len(t.line) == 0 {
			if len(t.rows) == 0 {
				break
			}
			t.row = appendRow(t.row[:0], t.rows[0])
			t.line, t.rows = t.row, t.rows[1:]
		}
		copied := copy(into[n:], t.line)
		t.line = t.line[copied:]
		n += copied
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func appendRow(out []byte, row []any) []byte {
	for i, v := range row {
		if i > 0 {
			out = append(out, '\t')
		}
		if v == nil {
			out = append(out, '\\', 'N')
			continue
		}
		for _, b := range encode(v) {
			switch b {
			case '\\':
				out = append(out, '\\', '\\')
			case '\n':
				out = append(out, '\\', 'n')
			case '\r':
				out = append(out, '\\', 'r')
			case '\t':
				out = append(out, '\\', 't')
			default:
				out = append(out, b)
			}
		}
	}
	return append(out, '\n')
}
