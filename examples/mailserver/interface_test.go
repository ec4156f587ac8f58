package mailserver_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile/sqlite"
)

// TestInterface: INTERFACE.md documents every view for mail servers with every
// column, in a store as it is made.
func TestInterface(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := os.ReadFile("INTERFACE.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := tables(string(text))
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	internal := []string{"login_state", "live_observed"}
	for _, view := range names(t, db, "SELECT name FROM sqlite_schema WHERE type = 'view'") {
		columns := names(t, db, "SELECT name FROM pragma_table_info('"+view+"')")
		if slices.Contains(internal, view) {
			continue
		}
		slices.Sort(columns)
		if got := documented[view]; !slices.Equal(got, columns) {
			t.Errorf("%s: documented %q, there are %q", view, got, columns)
		}
	}
	for table := range documented {
		if table == "sogo_users" || table == "dovecot_last_login" {
			continue // PostgreSQL's
		}
		if len(names(t, db, "SELECT name FROM pragma_table_info('"+table+"')")) == 0 {
			t.Errorf("%s is documented, and is not there", table)
		}
	}
}

var code = regexp.MustCompile("`([a-z_]+)`")

// tables reads which columns the tables of a text give to which view.
func tables(text string) map[string][]string {
	out := make(map[string][]string)
	view := ""
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		if name := code.FindStringSubmatch(cells[1]); name != nil {
			view = name[1]
		}
		for _, column := range code.FindAllStringSubmatch(cells[2], -1) {
			out[view] = append(out[view], column[1])
			slices.Sort(out[view])
		}
	}
	return out
}

func names(t *testing.T, db *sqlite3.Conn, sql string) []string {
	t.Helper()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var out []string
	for stmt.Step() {
		out = append(out, stmt.ColumnText(0))
	}
	return out
}
