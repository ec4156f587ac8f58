package schema

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// The methods of this file put values into the words that people read.

// String prints the hours with equal days together: mon-fri 09:00-17:00 (UTC).
func (h *AccessHours) String() string {
	var parts []string
	days := h.Days()
	for i := 0; i < len(days); {
		j := i + 1
		for j < len(days) && slices.Equal(*days[i], *days[j]) {
			j++
		}
		name := Weekdays[i]
		if j-i > 1 {
			name += "-" + Weekdays[j-1]
		}
		if len(*days[i]) > 0 {
			hours := make([]string, len(*days[i]))
			for k, w := range *days[i] {
				hours[k] = w.String()
			}
			parts = append(parts, name+" "+strings.Join(hours, " "))
		}
		i = j
	}
	if len(parts) == 0 {
		parts = []string{"always closed"}
	}
	text := strings.Join(parts, ", ")
	if h.Timezone != "" {
		text += " (" + h.Timezone + ")"
	}
	return text
}

// Cover reports whether every minute of other is one of h: what other allows, h
// allows as well. Hours of two time zones cannot be compared, and do not.
func (h *AccessHours) Cover(other *AccessHours) bool {
	if h.Timezone != other.Timezone {
		return false
	}
	days, others := h.Days(), other.Days()
	for i := range days {
		open := openMinutes(*days[i])
		for minute, is := range openMinutes(*others[i]) {
			if is && !open[minute] {
				return false
			}
		}
	}
	return true
}

// openMinutes tells which minutes of a day are open.
func openMinutes(day []Hours) (open [24 * 60]bool) {
	for _, h := range day {
		for m := max(h.Start, 0); m < min(h.End, len(open)); m++ {
			open[m] = true
		}
	}
	return open
}

// Endless reports a journey that is never meant to end: 9999-12-31 is for ever.
func (t *TravelMode) Endless() bool { return t != nil && strings.HasPrefix(t.Until, "9999-") }

// End is when a journey ends, as its author would say it in a time zone: "the end
// of 2026-11-12", or "2026-11-12 18:00 WET". nil is UTC, and says so.
func (t *TravelMode) End(in *time.Location) string {
	until, err := time.Parse(time.RFC3339, t.Until)
	if err != nil {
		return t.Until
	}
	at := until.In(cmp.Or(in, time.UTC))
	if at.Hour() != 0 || at.Minute() != 0 || at.Second() != 0 {
		return at.Format("2006-01-02 15:04 MST")
	}
	day := "the end of " + at.AddDate(0, 0, -1).Format(time.DateOnly)
	if in == nil {
		day += " (UTC)"
	}
	return day
}
