package main

import (
	"context"
	"time"

	"mailops/reconcile/agent/web"
	"mailops/schema"
	"mailops/schema/resolve"
)

// parseUntil reads when a pause ends: after a while, or at a time on the clocks of
// the organization, whose zone is asked for where it matters. A date is the end
// of that day, and a time that the clocks show twice the later one, as in the
// declarations: a pause is never shorter than it reads.
func parseUntil(text string, now time.Time, timezone func() (string, error)) (time.Time, error) {
	if text == "" {
		return time.Time{}, usage("--until TIME is needed: a pause that never ends is forgotten")
	}
	end, err := untilOf(text, now, timezone)
	if err == nil && end.Sub(now) > web.LongestPause {
		err = usage("--until %s: a pause lasts 30 days at most: what is to hold for longer belongs into the declarations", text)
	}
	return end, err
}

func untilOf(text string, now time.Time, timezone func() (string, error)) (time.Time, error) {
	if d, err := schema.ParseDuration(text); err == nil {
		return now.Add(time.Duration(d)), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		name, err := timezone()
		if err != nil {
			return t, err
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			return t, usage("--until %s: the organization has no known time zone: write %sZ, or say how long, such as 4h", text, text)
		}
		if layout == time.DateOnly {
			return resolve.Wall(t.AddDate(0, 0, 1), zone, false), nil
		}
		return resolve.Wall(t, zone, true), nil
	}
	return time.Time{}, usage("--until %s: want a time such as 2026-12-24T18:00, a date, or a while such as 4h or 7d", text)
}

// zoneFor is the organization's time zone, for a time of a flag. Where there are
// no declarations, nobody knows it, and no other one is taken for it.
func (a *app) zoneFor(ctx context.Context, flag string) (string, error) {
	decls, _, err := a.declarations(ctx)
	if err != nil {
		return "", usage("%s: there are no declarations in %s, so that nobody knows in which time zone: name them with -C, write the time with Z or an offset, or say how long, such as 4h", flag, a.dir)
	}
	org, _ := organizationOf(decls)
	return org.Timezone, nil
}
