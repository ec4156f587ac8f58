package sqlstore

import (
	"fmt"

	"mailops/schema"
)

// observedBulk writes the table observed.
var observedBulk = Bulk{Table: "observed", Columns: observed, Keys: "domain, local"}

// SetObserved writes what a user owns, as the user's own side does. Whether a
// lock refuses it is for the database to say.
func SetObserved(c Conn, at schema.Address, o schema.Observed) error {
	domain, local := place(at)
	known, err := number(c, "SELECT count(*) FROM mailuser WHERE domain = $1 AND local = $2", domain, local)
	if err != nil {
		return err
	}
	if known == 0 {
		return fmt.Errorf("there is no user %s", at)
	}
	change := observedBulk
	change.Update = true
	args := append(save(observedFields(&o)), domain, local)
	touched, err := c.Exec(change.SQL(), args...)
	if err != nil || touched > 0 {
		return err
	}
	_, err = c.Exec(observedBulk.SQL(), args...)
	return err
}

const markBackup = "INSERT INTO observed (domain, local, backup) VALUES ($1, $2, $3)" +
	" ON CONFLICT (domain, local) DO UPDATE SET backup = excluded.backup"

// MarkBackup writes the state of a user's backup, and nothing else of what is
// observed: what the user changes in the same moment stays.
func MarkBackup(c Conn, at schema.Address, state string) error {
	domain, local := place(at)
	_, err := c.Exec(markBackup, domain, local, state)
	return err
}
