package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"mailops/reconcile/postgres/pgtest"
)

// launched is the server that all scripts of the process share, started by the
// first one that asks.
var (
	launched = sync.OnceValues(func() (*pgtest.Server, error) {
		started = true
		return pgtest.Launch()
	})
	started bool
)

// cmdPostgres makes an empty database, and sets the store to it: postgres. Of
// $PGPASSWORD, $PGSERVER and $PGDATABASE the script makes other URLs.
func cmdPostgres(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: postgres")
	}
	server, err := launched()
	ts.Check(err)
	name := fmt.Sprintf("script%d", time.Now().UnixNano())
	ctx, stop := within()
	defer stop()
	ts.Check(server.Do(ctx, "postgres", "CREATE DATABASE "+name))
	u, err := url.Parse(server.URL(name))
	ts.Check(err)
	password, _ := u.User.Password()
	ts.Setenv("PGPASSWORD", password)
	ts.Setenv("PGSERVER", u.Host)
	ts.Setenv("PGDATABASE", name)
	u.User = url.User(u.User.Username())
	ts.Setenv("MAILOPS_STORE", u.String())
}

// cmdPSQL carries out a statement as an administrator of the database does, and
// prints the rows: psql STATEMENT.
func cmdPSQL(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: psql STATEMENT")
	}
	ctx, stop := within()
	defer stop()
	rows, err := psql(ctx, ts, args[0])
	if neg && err == nil {
		ts.Fatalf("the database took it")
	}
	if !neg {
		ts.Check(err)
	}
	fmt.Fprint(ts.Stdout(), rows)
}

func psql(ctx context.Context, ts *testscript.TestScript, statement string) (string, error) {
	config, err := pgx.ParseConfig(ts.Getenv("MAILOPS_STORE"))
	ts.Check(err)
	config.Password = ts.Getenv("PGPASSWORD")
	conn, err := pgx.ConnectConfig(ctx, config)
	ts.Check(err)
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, statement).ReadAll()
	var out strings.Builder
	for _, result := range results {
		for _, row := range result.Rows {
			cells := make([]string, len(row))
			for i, cell := range row {
				cells[i] = string(cell)
			}
			fmt.Fprintln(&out, strings.Join(cells, "|"))
		}
	}
	return out.String(), err
}
