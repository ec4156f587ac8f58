package sqlstore

import (
	"time"

	"mailops/reconcile"
)

// A time in the enforcement tables is a text that sorts as the times do.
const moment = "2006-01-02T15:04:05Z"

// Grant writes a grant, as [reconcile.Grantor] says.
func Grant(c Conn, g reconcile.Grant) error {
	if err := g.Check(g.At); err != nil {
		return err
	}
	// Another of this second is replaced; an earlier one ends.
	_, err := c.Exec("DELETE FROM master_grant WHERE name = $1 AND target = $2 AND backup = $3 AND granted_at = $4", g.Name, g.Target, g.Backup, g.At.UTC().Format(moment))
	if err != nil {
		return err
	}
	_, err = c.Exec("UPDATE master_grant SET until = $1 WHERE name = $2 AND target = $3 AND backup = $4 AND until > $1", g.At.UTC().Format(moment), g.Name, g.Target, g.Backup)
	if err != nil {
		return err
	}
	_, err = c.Exec("INSERT INTO master_grant (name, target, backup, password, until, reason, granted_by, granted_at) VALUES ("+parameters(1, 8)+")",
		g.Name, g.Target, g.Backup, g.Hash, g.Until.UTC().Format(moment), g.Reason, g.By, g.At.UTC().Format(moment))
	return err
}

// Grants lists the grants, as [reconcile.Grantor] says.
func Grants(c Conn) ([]reconcile.Grant, error) {
	var out []reconcile.Grant
	for v, err := range each(c, "SELECT name, target, backup, until, reason, granted_by, granted_at FROM master_grant ORDER BY name, target, backup, granted_at") {
		if err != nil {
			return nil, err
		}
		g := reconcile.Grant{Name: text(v[0]), Target: text(v[1]), Backup: v[2] == int64(1), Reason: text(v[4]), By: text(v[5])}
		// What another writer made up is a time long ago, as it is to the views.
		g.Until, _ = time.Parse(moment, text(v[3]))
		g.At, _ = time.Parse(moment, text(v[6]))
		out = append(out, g)
	}
	return out, nil
}

// endedStay is how long one can see a grant or a pause that has ended.
const endedStay = 90 * 24 * time.Hour

// Revoke ends grants, as [reconcile.Grantor] says.
func Revoke(c Conn, name, target string, now time.Time) (int64, error) {
	sql, args := "UPDATE master_grant SET until = $1 WHERE until > $1 AND name = $2", []any{now.UTC().Format(moment), name}
	if target != "" {
		sql, args = sql+" AND target = $3", append(args, target)
	}
	ended, err := c.Exec(sql, args...)
	if err != nil {
		return 0, err
	}
	_, err = c.Exec("DELETE FROM master_grant WHERE until <= $1", now.Add(-endedStay).UTC().Format(moment))
	return ended, err
}
