package main

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/argon2"

	"mailops/reconcile/sqlite"
	"mailops/schema"
)

// The commands of this file stand for what others do with a store: a database
// administrator, a user's webmail, a mail server that checks a password, an
// apply that takes long.

// cmdSQL carries out statements and prints the rows, a line each, with | between
// the columns: sql FILE STATEMENTS.
func cmdSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENTS")
	}
	db, err := sqlite3.Open("file:" + ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	rows, err := query(db, args[1])
	ts.Check(err)
	for _, row := range rows {
		fmt.Fprintln(ts.Stdout(), strings.Join(row, "|"))
	}
}

// query carries out statements one after another.
func query(db *sqlite3.Conn, sql string) ([][]string, error) {
	var rows [][]string
	for sql = strings.TrimSpace(sql); sql != ""; {
		stmt, rest, err := db.Prepare(sql)
		if err != nil {
			return nil, err
		}
		for stmt.Step() {
			var row []string
			for i := range stmt.ColumnCount() {
				row = append(row, stmt.ColumnText(i))
			}
			rows = append(rows, row)
		}
		if err := stmt.Close(); err != nil {
			return nil, err
		}
		sql = strings.TrimSpace(rest)
	}
	return rows, nil
}

// cmdObserved sets what a user owns, as the user's webmail does: observed FILE
// ADDRESS JSON. With ! the store must refuse it.
func cmdObserved(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: observed FILE ADDRESS JSON")
	}
	var o schema.Observed
	ts.Check(json.Unmarshal([]byte(args[2]), &o))
	ctx, stop := within()
	defer stop()
	s, err := sqlite.Open(ctx, ts.MkAbs(args[0]), sqlite.Options{})
	ts.Check(err)
	defer s.Close()
	err = s.SetObserved(ctx, schema.Address(args[1]), o)
	if neg && err == nil {
		ts.Fatalf("the store took it")
	}
	if !neg {
		ts.Check(err)
	}
}

type heldKey struct{}

// A held is a connection that holds a store's only write transaction.
type held struct{ db *sqlite3.Conn }

// cmdHold begins an apply that does not end: hold FILE.
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold FILE")
	}
	h := ts.Value(heldKey{}).(*held)
	var err error
	h.db, err = sqlite3.Open("file:" + ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = h.db.Close() })
	ts.Check(h.db.Exec("BEGIN IMMEDIATE"))
}

// cmdRelease ends what hold began.
func cmdRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: release")
	}
	ts.Check(ts.Value(heldKey{}).(*held).db.Exec("ROLLBACK"))
}

// cmdVerifies checks a password as a mail server does, against the hash in the
// store: verifies FILE ADDRESS PASSWORD. With ! it must be wrong.
func cmdVerifies(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: verifies FILE ADDRESS PASSWORD")
	}
	db, err := sqlite3.Open("file:" + ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	rows, err := query(db, "SELECT password FROM mailuser WHERE email = '"+args[1]+"'")
	ts.Check(err)
	if len(rows) != 1 {
		ts.Fatalf("there are %d users %s", len(rows), args[1])
	}
	right, err := verify(rows[0][0], args[2])
	ts.Check(err)
	if right == neg {
		ts.Fatalf("the hash verifies the password: %v", right)
	}
}

// verify checks a password against an argon2id hash in the form of the PHC
// string format, with Dovecot's scheme before it.
func verify(hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "{ARGON2ID}" || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false, fmt.Errorf("not an argon2id hash of version 1.3")
	}
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return false, err
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, err
	}
	sum, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, err
	}
	own := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(sum)))
	return subtle.ConstantTimeCompare(own, sum) == 1, nil
}

// within bounds what a script's commands ask of a store.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}
