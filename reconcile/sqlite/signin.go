package sqlite

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"mailops/reconcile"
	"mailops/reconcile/internal/sqlstore"
)

// SignIns is where mail servers write down sign-ins, relative to the folder of
// the store: a file of its own, so that they never write where rules and hashes
// are. Its table is last_login(email, service, last_login), the time in seconds
// since 1970.
const SignIns = "signin/last-login.db"

// copySignIns copies the last sign-ins, which takes a moment and holds up no
// mail server after it.
const copySignIns = "CREATE TEMP TABLE last_login AS SELECT email, max(last_login) AS at FROM signin.last_login%s GROUP BY email"

// showSignIns: SQLite looks a name up among temporary ones first, so that this
// view stands before that of the store.
const showSignIns = `
	CREATE TEMP VIEW live_observed AS
	SELECT u.domain, u.local, coalesce(o.addon_protocol, '') AS addon_protocol, coalesce(o.addon_sharing, '') AS addon_sharing,
	  coalesce(o.addon_mailbox, '') AS addon_mailbox, coalesce(o.addon_saved, 0) AS addon_saved, coalesce(o.backup, '') AS backup,
	  coalesce(o.storage_used, 0) AS storage_used, max(coalesce(o.last_sign_in, 0), coalesce(l.at, 0)) AS last_sign_in
	FROM main.mailuser u
	LEFT JOIN main.observed o ON o.domain = u.domain AND o.local = u.local
	LEFT JOIN temp.last_login l ON l.email = u.email
	WHERE o.domain IS NOT NULL OR l.email IS NOT NULL;`

func (s *Store) signIns() string { return filepath.Join(filepath.Dir(s.path), SignIns) }

// bringSignIns makes a connection see the last sign-ins. Where there is no such
// file, or none that can be read, it sees none: nothing depends on them but
// what is shown. Check tells what is wrong with the file.
func (s *Store) bringSignIns(c *conn) error { return s.bring(c, nil) }

// bring is bringSignIns for some users; for all when none is named.
func (s *Store) bring(c *conn, emails []string) error {
	if _, err := os.Stat(s.signIns()); err != nil {
		return nil
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: s.signIns(), RawQuery: "mode=ro"}
	if _, err := c.Exec("ATTACH $1 AS signin", uri.String()); err != nil {
		return err
	}
	var args []any
	for _, email := range emails {
		args = append(args, email)
	}
	these := ""
	if len(args) > 0 {
		these = " WHERE email IN (?" + strings.Repeat(", ?", len(args)-1) + ")"
	}
	_, err := c.Exec(fmt.Sprintf(copySignIns, these), args...)
	if err == nil {
		err = c.db.Exec(showSignIns)
	}
	if detached := c.db.Exec("DETACH signin"); err == nil {
		err = detached
	}
	return err
}

// Look implements reconcile.Witness: for few users, it brings in no more
// sign-ins than theirs.
func (s *Store) Look(ctx context.Context, names []string) (out []reconcile.Row, err error) {
	whose := names
	if len(names) > sqlstore.Few {
		whose = nil
	}
	look := func(c sqlstore.Conn) (err error) {
		out, err = sqlstore.Look(c, names)
		return err
	}
	err = transactions{s}.reads(look, func() error {
		return s.looking(ctx, func(c *conn) error { return s.bring(c, whose) }, func(c *conn) error { return look(c) })
	})
	if err != nil {
		return nil, fmt.Errorf("look up resources: %w", err)
	}
	return out, nil
}
