package sqlstore

import (
	"strings"
	"time"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/schema"
)

// Notes returns the notes after the one of an id, up to another one, oldest
// first. Triggers write them: see the dialects' migrations.
func Notes(c Conn, after, upTo int64) ([]reconcile.Note, error) {
	var out []reconcile.Note
	for v, err := range each(c, "SELECT id, at, by, name FROM mailops_note WHERE id > $1 AND id <= $2 ORDER BY id", after, upTo) {
		if err != nil {
			return nil, err
		}
		n := reconcile.Note{By: text(v[2]), Name: text(v[3])}
		n.ID, _ = v[0].(int64)
		n.At, _ = time.Parse(moment, text(v[1])) // what another writer made up is long ago
		out = append(out, n)
	}
	return out, nil
}

// ForgetNotes drops old notes, as [reconcile.Witness] says.
func ForgetNotes(c Conn, before time.Time) error {
	_, err := c.Exec("DELETE FROM mailops_note WHERE at < $1", before.UTC().Format(moment))
	return err
}

// Few is how many names are looked up by their keys; for more, all is read.
const Few = 200

// Look reads the resources of some names, as [reconcile.Witness] says.
func Look(c Conn, names []string) ([]reconcile.Row, error) {
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	if len(wanted) > Few {
		return lookThrough(c, wanted)
	}
	var out []reconcile.Row
	for _, kind := range schema.LiveKinds {
		keys := keysOf(wanted, kind)
		if len(keys) == 0 {
			continue
		}
		for s, err := range scan(c, kind, these(keys)) {
			if err != nil {
				return nil, err
			}
			out = append(out, s.Row)
		}
	}
	return out, nil
}

// keysOf are the keys that the names are in a kind's table. What cannot be the
// name of anything is left out.
func keysOf(names map[string]bool, kind schema.Kind) []any {
	var out []any
	for name := range names {
		key := schema.Key{Kind: kind, Name: name}
		if Check(key) != nil || !utf8.ValidString(name) || strings.Contains(name, "@") == (kind == schema.KindDomain) {
			continue
		}
		if kind == schema.KindDomain {
			out = append(out, name)
			continue
		}
		domain, local := place(key.Address())
		out = append(out, domain, local)
	}
	return out
}

// lookThrough reads all, and keeps what is wanted.
func lookThrough(c Conn, wanted map[string]bool) ([]reconcile.Row, error) {
	var out []reconcile.Row
	for row, err := range Read(c) {
		if err != nil {
			return nil, err
		}
		if wanted[row.Key().Name] {
			out = append(out, row)
		}
	}
	return out, nil
}
