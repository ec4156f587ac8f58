package sqlstore

import (
	"fmt"

	"mailops/schema"
)

// The staging table holds the keys of a batch, so that one statement serves all
// of them. It is temporary: nobody else sees it, and it goes with the
// transaction or the connection. Its first column says what a key is for: one
// of these words, or the name of a table of which the address's rows go.
const (
	stagedTouched = "touched" // addresses that changes are about, and (domain, '') for their domains
	stagedDropped = "dropped" // domains that go
	stagedCleared = "cleared" // addresses of resources that go
	stagedMoved   = "moved"   // addresses of users who go, and whose mailbox stays with another one
	stagedUnsaved = "unsaved" // addresses of users who leave deactivation
	stagedName    = "name"    // names for mailboxes
	stagedSecret  = "secret"  // fingerprints of passwords
)

const createStaged = "CREATE TEMP TABLE staged (what @TEXT@ NOT NULL, at_domain @TEXT@ NOT NULL, at_local @TEXT@ NOT NULL," +
	" to_domain @TEXT@, to_local @TEXT@," +
	" vacant @INT@ NOT NULL," + // 1: of the touched addresses those that come, and hold nothing when the writing begins
	" PRIMARY KEY (what, at_domain, at_local)) @TEMP@"

const stagedColumns = "what, at_domain, at_local, to_domain, to_local, vacant"

// is is the condition for what is staged for a purpose.
func is(what string) string { return "what = '" + what + "'" }

// vacant is the condition for addresses that come.
var vacant = is(stagedTouched) + " AND vacant = 1"

// here is the condition for the rows of staged addresses.
func here(condition string) string {
	return "(domain, local) IN (SELECT at_domain, at_local FROM staged WHERE " + condition + ")"
}

// beside begins the query for the rows of staged addresses in their order.
// CROSS JOIN keeps SQLite from reading the table first.
func beside(columns, table, condition string) string {
	return "SELECT " + columns + " FROM staged CROSS JOIN " + table + " WHERE " + condition + " AND domain = at_domain AND local = at_local"
}

// words is the query for what is staged as single words: domains, names.
func words(what string) string { return "SELECT at_domain FROM staged WHERE " + is(what) }

// A stage collects keys on their way to the staging table, each once.
type stage struct {
	rows  [][]any
	known map[[3]string]bool
	count map[string]int // by what they are for
	made  bool           // the table is there
}

func (s *stage) word(what, word string) { s.add([3]string{what, word, ""}, nil, nil, false) }

func (s *stage) address(what string, a schema.Address) {
	s.add([3]string{what, a.Domain(), a.Local()}, nil, nil, false)
}

func (s *stage) touch(a schema.Address, vacant bool) {
	s.add([3]string{stagedTouched, a.Domain(), a.Local()}, nil, nil, vacant)
}

func (s *stage) move(from, to schema.Address) {
	s.add([3]string{stagedMoved, from.Domain(), from.Local()}, to.Domain(), to.Local(), false)
}

func (s *stage) add(key [3]string, toDomain, toLocal any, vacant bool) {
	if s.known[key] {
		return
	}
	if s.known == nil {
		s.known, s.count = make(map[[3]string]bool), make(map[string]int)
	}
	s.known[key] = true
	s.count[key[0]]++
	s.rows = append(s.rows, []any{key[0], key[1], key[2], toDomain, toLocal, vacant})
}

// stage writes the keys that were added since the last time.
func (a *apply) stage() error {
	if len(a.staged.rows) == 0 {
		return nil
	}
	if !a.staged.made {
		if err := a.Script(a.dialect.replacer().Replace(createStaged)); err != nil {
			return fmt.Errorf("make the staging table: %w", err)
		}
		a.staged.made = true
	}
	err := a.Bulk(Bulk{Table: "staged", Columns: stagedColumns, Rows: a.staged.rows})
	a.staged.rows = nil
	if err == nil && a.dialect.Staged != "" {
		err = a.Script(a.dialect.Staged)
	}
	if err != nil {
		return fmt.Errorf("stage keys: %w", err)
	}
	return nil
}
