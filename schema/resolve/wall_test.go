package resolve_test

import (
	"testing"
	"time"

	"mailops/schema/resolve"
)

// shifts are days around which clocks were or will be turned, in every way
// that has been thought of: by an hour, half an hour, two hours or a day; at
// night, at midnight, to midnight; for good, and for a month.
var shifts = []struct{ zone, around string }{
	{"Europe/Lisbon", "2026-03-29"}, {"Europe/Lisbon", "2026-10-25"},
	{"Europe/Lisbon", "1992-09-27"}, {"Europe/Lisbon", "1996-03-31"}, // to another zone, and back
	{"America/Sao_Paulo", "2018-11-04"}, {"America/Sao_Paulo", "2019-02-17"}, // at midnight
	{"America/Havana", "2026-11-01"}, {"America/Havana", "2026-03-08"}, // to and from midnight
	{"Australia/Lord_Howe", "2026-04-05"}, {"Australia/Lord_Howe", "2026-10-04"}, // half an hour
	{"Antarctica/Troll", "2026-03-29"}, {"Antarctica/Troll", "2026-10-25"}, // two hours
	{"Pacific/Apia", "2011-12-30"}, {"Pacific/Kwajalein", "1993-08-21"}, // a day that never was
	{"Africa/Casablanca", "2026-02-15"}, {"Africa/Casablanca", "2026-03-22"}, // for Ramadan
	{"America/Caracas", "2016-05-01"}, {"Asia/Pyongyang", "2018-05-05"}, // half an hour for good
	{"Asia/Kathmandu", "1986-01-01"}, // a quarter
	{"UTC", "2026-01-01"},
}

// TestWall compares with what clocks really show, minute by minute.
func TestWall(t *testing.T) {
	for _, s := range shifts {
		t.Run(s.zone+" "+s.around, func(t *testing.T) {
			loc, err := time.LoadLocation(s.zone)
			if err != nil {
				t.Fatal(err)
			}
			day, err := time.Parse(time.DateOnly, s.around)
			if err != nil {
				t.Fatal(err)
			}
			clock := watch(day.AddDate(0, 0, -4), day.AddDate(0, 0, 5), loc)
			for wall := day.AddDate(0, 0, -2); wall.Before(day.AddDate(0, 0, 3)); wall = wall.Add(time.Minute) {
				earlier, later := clock.shows(wall)
				if got := resolve.Wall(wall, loc, false); !got.Equal(earlier) {
					t.Fatalf("%s: got %s, want %s", wall.Format(time.DateTime), got.UTC(), earlier)
				}
				if got := resolve.Wall(wall, loc, true); !got.Equal(later) {
					t.Fatalf("the later %s: got %s, want %s", wall.Format(time.DateTime), got.UTC(), later)
				}
			}
		})
	}
}

// A clockwork is what a clock shows at each minute, the shown time being
// written as if it were UTC.
type clockwork struct {
	first map[time.Time]time.Time
	last  map[time.Time]time.Time
	jumps []jump
}

// A jump is a moment at which a clock skips all between two times.
type jump struct{ from, to, at time.Time }

func watch(from, to time.Time, loc *time.Location) clockwork {
	c := clockwork{make(map[time.Time]time.Time), make(map[time.Time]time.Time), nil}
	var before time.Time
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		l := at.In(loc)
		shown := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
		if _, seen := c.first[shown]; !seen {
			c.first[shown] = at
		}
		c.last[shown] = at
		if !before.IsZero() && shown.Sub(before) > time.Minute {
			c.jumps = append(c.jumps, jump{before, shown, at})
		}
		before = shown
	}
	return c
}

// shows returns when the clock shows a time, first and last; for one that it
// skips, when it does.
func (c clockwork) shows(wall time.Time) (first, last time.Time) {
	if at, ok := c.first[wall]; ok {
		return at, c.last[wall]
	}
	for _, j := range c.jumps {
		if j.from.Before(wall) && wall.Before(j.to) {
			return j.at, j.at
		}
	}
	return time.Time{}, time.Time{}
}
