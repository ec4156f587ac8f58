package sqlite

import (
	"fmt"
	"slices"
	"time"
)

// inHours asks whether the user u is within access hours at this moment: the
// offset of the zone makes it a local day (ISO 8601; 1970-01-01 was a Thursday)
// and a minute of it. A zone that nobody filled in is closed.
const inHours = `EXISTS (
      SELECT 1 FROM tz_offset z JOIN access_window w ON w.domain = u.domain AND w.local = u.local
      WHERE z.zone = CASE WHEN u.hours_timezone <> '' THEN u.hours_timezone WHEN u.timezone <> '' THEN u.timezone ELSE 'UTC' END
        AND unixepoch('now') >= z.start_utc AND unixepoch('now') < z.end_utc
        AND w.dow = ((unixepoch('now') + z.offset_s) / 86400 + 3) % 7 + 1
        AND (unixepoch('now') + z.offset_s) % 86400 / 60 >= w.start_min
        AND (unixepoch('now') + z.offset_s) % 86400 / 60 < w.end_min)`

// zoneYears is how far ahead the offsets of a zone are known to the file. Every
// apply moves it on.
const zoneYears = 10

// A period is a time during which a zone keeps one offset from UTC.
type period struct{ start, end, offset int64 }

// periods lists those of a zone from a day ago on: clocks of mail servers may
// be a little behind. The last is cut off, and an unknown zone has none.
func periods(zone string, now time.Time) []period {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil
	}
	var out []period
	until := now.AddDate(zoneYears, 0, 0)
	for t := now.AddDate(0, 0, -1).In(loc); t.Before(until); {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		p := period{start.Unix(), end.Unix(), int64(offset)}
		if start.IsZero() {
			p.start = 0
		}
		if end.IsZero() || end.After(until) {
			p.end, end = until.Unix(), until
		}
		out = append(out, p)
		t = end
	}
	return out
}

// refreshZones brings tz_offset up to date for the zones that access hours use.
// What is right already is not written.
func refreshZones(c *conn, now time.Time) error {
	stale, err := staleZones(c, now)
	if err != nil {
		return err
	}
	for _, zone := range stale {
		if err := refreshZone(c, zone, periods(zone, day(now))); err != nil {
			return fmt.Errorf("time zone %s: %w", zone, err)
		}
	}
	return nil
}

// staleZones are the zones in use whose offsets are not those of this program:
// it is newer, they were never filled in, or a day has passed.
func staleZones(c *conn, now time.Time) ([]string, error) {
	used, err := column(c, "SELECT DISTINCT CASE WHEN hours_timezone <> '' THEN hours_timezone WHEN timezone <> '' THEN timezone ELSE 'UTC' END"+
		" FROM mailuser WHERE hours = 1 ORDER BY 1")
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, zone := range used {
		stored, err := storedPeriods(c, zone)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(stored, periods(zone, day(now))) {
			stale = append(stale, zone)
		}
	}
	return stale, nil
}

// day is the beginning of a day: within one, nothing is written anew.
func day(now time.Time) time.Time { return now.Truncate(24 * time.Hour) }

func refreshZone(c *conn, zone string, want []period) error {
	if _, err := c.Exec("DELETE FROM tz_offset WHERE zone = $1", zone); err != nil {
		return err
	}
	for _, p := range want {
		_, err := c.Exec("INSERT INTO tz_offset (zone, start_utc, end_utc, offset_s) VALUES ($1, $2, $3, $4)", zone, p.start, p.end, p.offset)
		if err != nil {
			return err
		}
	}
	return nil
}

func storedPeriods(c *conn, zone string) ([]period, error) {
	rows := c.Query("SELECT start_utc, end_utc, offset_s FROM tz_offset WHERE zone = $1 ORDER BY start_utc", zone)
	defer rows.Close()
	var out []period
	for rows.Next() {
		v := rows.Values()
		out = append(out, period{v[0].(int64), v[1].(int64), v[2].(int64)})
	}
	return out, rows.Err()
}
