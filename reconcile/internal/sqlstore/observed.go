package sqlstore

import (
	"fmt"

	"mailops/schema"
)

const observedCount = 7

var (
	insertObserved = "INSERT INTO observed (" + observed + ", domain, local) VALUES (" + parameters(1, observedCount+2) + ")"
	updateObserved = "UPDATE observed SET " + assignments(observed) + " WHERE domain = $8 AND local = $9"
)

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
	args := append(save(observedFields(&o)), domain, local)
	touched, err := c.Exec(updateObserved, args...)
	if err != nil || touched > 0 {
		return err
	}
	_, err = c.Exec(insertObserved, args...)
	return err
}
