package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mailops/reconcile"
	"mailops/reconcile/storetest"
	"mailops/schema"
)

// clockZones are zones in which clocks do what few do: half-hour summer time,
// offsets of quarters, a day left out, no summer time, and none but UTC.
var clockZones = []string{"Europe/Lisbon", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "America/St_Johns", "Pacific/Apia", "Asia/Tokyo", "UTC"}

// TestPeriods: at every quarter of an hour of the years ahead, and around each
// change of a clock, the stored offset is the one that Go's zone data gives.
func TestPeriods(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, zone := range clockZones {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		stored := periods(zone, now)
		for i, p := range stored {
			if i > 0 && stored[i-1].end != p.start {
				t.Errorf("%s: a gap before %s", zone, time.Unix(p.start, 0).UTC())
			}
			for at := max(p.start, now.Unix()-86400); at < p.end; at += 900 {
				if _, want := time.Unix(at, 0).In(loc).Zone(); int64(want) != p.offset {
					t.Fatalf("%s at %s: offset %d, want %d", zone, time.Unix(at, 0).UTC(), p.offset, want)
				}
			}
			if _, want := time.Unix(p.end-1, 0).In(loc).Zone(); int64(want) != p.offset {
				t.Errorf("%s: one second before %s the offset is %d, want %d", zone, time.Unix(p.end, 0).UTC(), p.offset, want)
			}
		}
		if last := stored[len(stored)-1].end; last < now.AddDate(zoneYears, 0, 0).Unix() {
			t.Errorf("%s ends at %s", zone, time.Unix(last, 0).UTC())
		}
	}
	for _, zone := range []string{"Nowhere/Land", "Local"} {
		if got := periods(zone, now); got != nil {
			t.Errorf("%s has %d periods", zone, len(got))
		}
	}
}

// TestAccessHours: the view says of this moment what Go says, for windows that
// hold it, end with the last minute or begin with the next one, in many zones;
// and a zone that another writer made up is closed.
func TestAccessHours(t *testing.T) {
	path := filepath.Join(t.TempDir(), "live.db")
	s, err := OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := minuteAhead(t)
	want := schema.State{&schema.Domain{Name: "acme.example"}}
	open := map[schema.Address]bool{}
	for _, zone := range clockZones {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		local := now.In(loc)
		minute, day := local.Hour()*60+local.Minute(), (int(local.Weekday())+6)%7
		for name, hours := range map[string]schema.Hours{
			"in": {Start: minute, End: minute + 1}, "ended": {Start: 0, End: minute}, "ahead": {Start: minute + 1, End: 1440},
		} {
			if hours.Start >= hours.End {
				continue // at midnight nothing has ended
			}
			u := storetest.NewUser(addressOf(name, zone))
			u.Timezone = "Asia/Tokyo"
			u.Permissions.AccessHours = &schema.AccessHours{Timezone: zone}
			*u.Permissions.AccessHours.Days()[day] = []schema.Hours{hours}
			want = append(want, u)
			open[u.Address] = name == "in"
		}
	}
	want.Sort()
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, want)}}); err != nil {
		t.Fatal(err)
	}
	for address, expect := range open {
		if got := reasonFor(t, s, address) == ""; got != expect {
			t.Errorf("%s at %s: open is %v, want %v", address, now, got, expect)
		}
	}
	if !time.Now().Truncate(time.Minute).Equal(now.Truncate(time.Minute)) {
		t.Fatal("the machine is so slow that the minute has passed")
	}
	err = s.writing(t.Context(), func(c *conn) error {
		_, err := c.Exec("UPDATE mailuser SET hours_timezone = 'Nowhere/Land'")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for address := range open {
		if reasonFor(t, s, address) == "" {
			t.Errorf("%s: a zone that is not known is open", address)
		}
	}
}

func addressOf(name, zone string) schema.Address {
	return schema.Address(strings.ToLower(name+"."+strings.ReplaceAll(zone, "/", "-")) + "@acme.example")
}

// minuteAhead returns the time once enough of its minute is left.
func minuteAhead(t *testing.T) time.Time {
	t.Helper()
	if now := time.Now(); now.Second() > 50 {
		<-time.After(time.Until(now.Truncate(time.Minute).Add(time.Minute)))
	}
	return time.Now()
}

// reasonFor is why a user may not sign in by IMAP now.
func reasonFor(t *testing.T, s *Store, at schema.Address) (reason string) {
	t.Helper()
	err := s.reading(t.Context(), func(c *conn) error {
		rows := c.Query("SELECT reason FROM login_state WHERE service = 'webmail' AND email = $1", string(at))
		defer rows.Close()
		if !rows.Next() {
			t.Fatalf("there is no user %s", at)
		}
		reason, _ = rows.Values()[0].(string)
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return reason
}

// TestZonesOnOpen: a store whose offsets are gone, as one that an older mailops
// wrote has none, is whole when it is opened for writing.
func TestZonesOnOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "live.db")
	s, err := OpenFast(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	u := storetest.NewUser("ana@acme.example")
	always := []schema.Hours{{Start: 0, End: 1440}}
	u.Permissions.AccessHours = &schema.AccessHours{Timezone: "Asia/Tokyo", Mon: always, Tue: always, Wed: always, Thu: always, Fri: always, Sat: always, Sun: always}
	want := schema.State{&schema.Domain{Name: "acme.example"}, u}
	if _, err := s.Apply(t.Context(), reconcile.Batch{Run: reconcile.Run{Changes: reconcile.Diff(nil, want)}}); err != nil {
		t.Fatal(err)
	}
	err = s.writing(t.Context(), func(c *conn) error {
		_, err := c.Exec("DELETE FROM tz_offset")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if reasonFor(t, s, u.Address) == "" {
		t.Error("hours in a zone without offsets are open")
	}
	if _, err := OpenFast(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if reason := reasonFor(t, s, u.Address); reason != "" {
		t.Errorf("after it was opened again: %s", reason)
	}
}
