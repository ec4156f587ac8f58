package sqlstore

import (
	"strings"
	"time"

	"mailops/reconcile"
)

// Pause writes a pause, as [reconcile.Pauser] says.
func Pause(c Conn, p reconcile.Pause) error {
	if err := p.Check(p.At); err != nil {
		return err
	}
	if strings.Contains(p.Scope+p.Reason+p.By, "\x00") {
		return errNUL
	}
	at := p.At.UTC().Format(moment)
	// Another of this second is replaced; an earlier one ends.
	if _, err := c.Exec("DELETE FROM mailops_pause WHERE scope = $1 AND at = $2", p.Scope, at); err != nil {
		return err
	}
	if _, err := endPauses(c, p.Scope, p.At); err != nil {
		return err
	}
	_, err := c.Exec("INSERT INTO mailops_pause (scope, until, reason, by, at) VALUES ("+parameters(1, 5)+")",
		p.Scope, p.Until.UTC().Format(moment), p.Reason, p.By, at)
	return err
}

// Pauses lists the pauses, as [reconcile.Pauser] says.
func Pauses(c Conn) ([]reconcile.Pause, error) {
	var out []reconcile.Pause
	for v, err := range each(c, "SELECT scope, until, reason, by, at FROM mailops_pause ORDER BY scope, at") {
		if err != nil {
			return nil, err
		}
		p := reconcile.Pause{Scope: text(v[0]), Reason: text(v[2]), By: text(v[3])}
		// What another writer made up is a time long ago.
		p.Until, _ = time.Parse(moment, text(v[1]))
		p.At, _ = time.Parse(moment, text(v[4]))
		out = append(out, p)
	}
	return out, nil
}

// endPauses ends the pauses of a scope, as [reconcile.Pauser] says of Resume,
// and drops those that ended long ago.
func endPauses(c Conn, scope string, now time.Time) (int64, error) {
	ended, err := c.Exec("UPDATE mailops_pause SET until = $1 WHERE scope = $2 AND until > $1", now.UTC().Format(moment), scope)
	if err != nil {
		return 0, err
	}
	_, err = c.Exec("DELETE FROM mailops_pause WHERE until <= $1", now.Add(-endedStay).UTC().Format(moment))
	return ended, err
}
