package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"mailops/reconcile"
)

// fence refuses the apply of an agent that is not the store's any more, and
// keeps the next one from beginning before the transaction ends.
func fence(c Conn, d Dialect, epoch int64) error {
	if epoch == 0 {
		return nil // a person, and no agent
	}
	return CheckEpoch(c, epoch, d.Fence)
}

// CheckEpoch demands that the store's epoch is the given one: else the error
// wraps reconcile.ErrFenced. The lock is a [Dialect]'s Fence, or "".
func CheckEpoch(c Conn, epoch int64, lock string) error {
	now, err := number(c, "SELECT epoch FROM mailops_agent "+lock)
	if err != nil {
		return fmt.Errorf("read the agent's epoch: %w", err)
	}
	if now != epoch {
		return fmt.Errorf("%w: this one's epoch is %d, and the store's is %d", reconcile.ErrFenced, epoch, now)
	}
	return nil
}

// CheckHolder refuses the names that an agent cannot have.
func CheckHolder(holder string) error {
	if holder == "" {
		return errors.New("an agent needs a name")
	}
	return nil
}

// Lead makes a holder the agent of the store, whoever it was before, and returns
// its epoch.
func Lead(c Conn, holder string, now time.Time) (int64, error) {
	_, err := c.Exec("UPDATE mailops_agent SET epoch = epoch + 1, holder = $1, since = $2, seen = $2", holder, now.UTC().Format(moment))
	if err != nil {
		return 0, err
	}
	return Epoch(c)
}

// Epoch is the store's.
func Epoch(c Conn) (int64, error) { return number(c, "SELECT epoch FROM mailops_agent") }

// LedBy returns an error that says who the agent of the store is.
func LedBy(c Conn) error {
	values, err := one(c, "SELECT holder, since FROM mailops_agent")
	if err != nil {
		return err
	}
	led := &reconcile.LedError{Holder: "one that has only just begun", Since: time.Now()}
	if values != nil && values[0] != "" {
		led.Holder = text(values[0])
		led.Since, _ = time.Parse(moment, text(values[1])) // what another writer made up is long ago
	}
	return led
}
