package window_test

import (
	"testing"
	"time"

	"mailops/schema"
	"mailops/schema/window"
)

func org(windows ...schema.ChangeWindow) schema.Organization {
	return schema.Organization{Timezone: "Europe/Lisbon", Changes: schema.ChangeTimes{Windows: windows}}
}

func span(kind, schedule string, length time.Duration, zone string) schema.ChangeWindow {
	return schema.ChangeWindow{Kind: kind, Schedule: schedule, Duration: schema.Duration(length), Timezone: zone, Reason: kind + " " + schedule}
}

// TestAt: windows allow and deny, those that deny win, and it is told until when
// that stays so, across days and changes of the clock.
func TestAt(t *testing.T) {
	work := span("allow", "0 8 * * mon-fri", 10*time.Hour, "")
	holidays := span("deny", "0 0 24 12 *", 72*time.Hour, "")
	night := span("deny", "30 1 * * *", time.Hour, "")
	for name, test := range map[string]struct {
		org   schema.Organization
		at    string
		open  bool
		until string
	}{
		"without windows":               {org(), "2026-11-22T12:00:00Z", true, ""},
		"on a Sunday":                   {org(work), "2026-11-22T12:00:00Z", false, "2026-11-23T08:00:00Z"},
		"at its beginning":              {org(work), "2026-11-23T08:00:00Z", true, "2026-11-23T18:00:00Z"},
		"at its end":                    {org(work), "2026-11-23T18:00:00Z", false, "2026-11-24T08:00:00Z"},
		"another zone":                  {org(span("allow", "0 8 * * mon-fri", 10*time.Hour, "America/New_York")), "2026-11-23T12:59:59Z", false, "2026-11-23T13:00:00Z"},
		"denied within":                 {org(work, holidays), "2026-12-24T12:00:00Z", false, "2026-12-28T08:00:00Z"},
		"a deny alone":                  {org(holidays), "2026-12-23T12:00:00Z", true, "2026-12-24T00:00:00Z"},
		"summer begins":                 {org(night), "2026-03-29T00:00:00Z", true, "2026-03-30T00:30:00Z"}, // 01:30 is skipped that day
		"summer ends":                   {org(night), "2026-10-25T00:00:00Z", true, "2026-10-25T00:30:00Z"}, // the first 01:30
		"one that begins within":        {org(span("deny", "0 * * * *", 90*time.Minute, "")), "2026-11-22T12:00:00Z", false, ""},
		"a zone that is none is no one": {org(span("deny", "* * * * *", time.Hour, "Nowhere/At")), "2026-11-22T12:00:00Z", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, test.at)
			if err != nil {
				t.Fatal(err)
			}
			got := window.At(test.org, at)
			until := ""
			if !got.Until.IsZero() {
				until = got.Until.UTC().Format(time.RFC3339)
			}
			if got.Open != test.open || until != test.until {
				t.Errorf("open %v until %s, want %v until %s", got.Open, until, test.open, test.until)
			}
			if !got.Open && got.Reason == "" && len(test.org.Changes.Windows) > 1 {
				t.Error("nobody says why")
			}
		})
	}
}

// TestCheck: what is no schedule is said, and so is one that never comes.
func TestCheck(t *testing.T) {
	for schedule, right := range map[string]bool{
		"0 8 * * mon-fri": true, "*/15 * * * *": true, "0 8 1 1 *": true,
		"0 25 * * *": false, "0 8 * *": false, "x 8 * * *": false, "0 0 30 2 *": false, "60 * * * *": false,
	} {
		if err := window.Check(schedule); (err == nil) != right {
			t.Errorf("%q: %v", schedule, err)
		}
	}
}

// FuzzAt holds that the answer stays as it is until it says that it does not, and
// no longer.
func FuzzAt(f *testing.F) {
	f.Add("0 8 * * mon-fri", "30 1 * * *", uint16(600), uint16(90), int64(1774742400))
	f.Add("*/7 * * * *", "0 0 1 1 *", uint16(3), uint16(2000), int64(1793000000))
	f.Fuzz(func(t *testing.T, allow, deny string, a, d uint16, unix int64) {
		if window.Check(allow) != nil || window.Check(deny) != nil || unix < 0 || unix > 4e9 {
			return // no schedule
		}
		o := org(span("allow", allow, time.Duration(a%2000+1)*time.Minute, ""), span("deny", deny, time.Duration(d%2000+1)*time.Minute, ""))
		at := time.Unix(unix, 0)
		now := window.At(o, at)
		if now.Until.IsZero() {
			return
		}
		if !now.Until.After(at) {
			t.Fatalf("until %s, at %s", now.Until, at)
		}
		if then := window.At(o, now.Until); then.Open == now.Open {
			t.Errorf("at %s open is %v, and at %s too", at, now.Open, now.Until)
		}
		for _, before := range []time.Time{now.Until.Add(-time.Second), at.Add(now.Until.Sub(at) / 2)} {
			if then := window.At(o, before); then.Open != now.Open {
				t.Errorf("at %s open is %v, and at %s, before %s, not", at, now.Open, before, now.Until)
			}
		}
	})
}
