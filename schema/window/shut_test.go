package window_test

import (
	"testing"
	"time"

	"mailops/schema"
	"mailops/schema/window"
)

// TestShut: windows that leave no time are found, those that leave a little are
// not, and neither takes long.
func TestShut(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		windows []schema.ChangeWindow
		shut    bool
	}{
		"none":                            {nil, false},
		"each minute for a day":           {[]schema.ChangeWindow{span("deny", "* * * * *", day, "")}, true},
		"each minute for a minute":        {[]schema.ChangeWindow{span("deny", "* * * * *", time.Minute, "")}, false}, // too much to look at: not known
		"each day for a day":              {[]schema.ChangeWindow{span("deny", "0 0 * * *", day, "Etc/UTC")}, true},
		"each day, and one has 25 hours":  {[]schema.ChangeWindow{span("deny", "0 0 * * *", day, "")}, false},
		"each day but a minute":           {[]schema.ChangeWindow{span("deny", "0 0 * * *", day-time.Minute, "Etc/UTC")}, false},
		"each month for a month":          {[]schema.ChangeWindow{span("deny", "0 0 1 * *", 31*day, "Etc/UTC")}, true},
		"each month, and the 31st is not": {[]schema.ChangeWindow{span("deny", "0 0 1 * *", 30*day, "")}, false},
		"allowed and denied":              {[]schema.ChangeWindow{span("allow", "0 8 * * *", 2*time.Hour, ""), span("deny", "30 7 * * *", 3*time.Hour, "")}, true},
		"allowed a minute longer":         {[]schema.ChangeWindow{span("allow", "0 8 * * *", 151*time.Minute, ""), span("deny", "30 7 * * *", 3*time.Hour, "")}, false},
		"two halves":                      {[]schema.ChangeWindow{span("deny", "0 0 * * *", 12*time.Hour, "Etc/UTC"), span("deny", "0 12 * * *", 12*time.Hour, "Etc/UTC")}, true},
		"on a leap day":                   {[]schema.ChangeWindow{span("allow", "0 8 29 2 *", time.Hour, "")}, false},
		"once a year":                     {[]schema.ChangeWindow{span("allow", "0 3 31 12 *", time.Hour, ""), span("deny", "0 0 * * mon-fri", 20*time.Hour, "")}, false},
		"the example":                     {[]schema.ChangeWindow{span("allow", "0 8 * * mon-fri", 10*time.Hour, ""), span("deny", "0 0 20 12 *", 14*day, "")}, false},
		"no schedule":                     {[]schema.ChangeWindow{span("deny", "0 0 30 2 *", day, ""), span("deny", "* * * * *", day, "")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			if got := window.Shut(test.windows, "Europe/Lisbon"); got != test.shut {
				t.Errorf("shut is %v, want %v", got, test.shut)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// FuzzShut holds that windows which are shut are closed at any instant.
func FuzzShut(f *testing.F) {
	f.Add("0 8 * * mon-fri", "30 1 * * *", uint16(600), uint16(90), int64(1774742400))
	f.Add("0 8 * * *", "* * * * *", uint16(60), uint16(1440), int64(1793000000))
	f.Add("0 8 * * *", "0 0 * * *", uint16(60), uint16(1440), int64(1793000000))
	f.Fuzz(func(t *testing.T, allow, deny string, a, d uint16, unix int64) {
		if window.Check(allow) != nil || window.Check(deny) != nil || unix < 0 || unix > 4e9 {
			return // no schedule
		}
		o := org(span("allow", allow, time.Duration(a%3000+1)*time.Minute, ""), span("deny", deny, time.Duration(d%3000+1)*time.Minute, ""))
		if at := time.Unix(unix, 0); window.Shut(o.Changes.Windows, o.Timezone) && window.At(o, at).Open {
			t.Errorf("at %s changes are applied, and it was said that they never are", at)
		}
	})
}
