package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// count prints a number and a noun.
func count(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "s"):
		noun += "e"
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// shown prints an instant as the organization's clocks show it.
func shown(t time.Time, timezone string) string {
	return t.In(zoneOf(timezone)).Format("2006-01-02 15:04 MST")
}

// zoneOf is a time zone by its name; UTC when there is none of it.
func zoneOf(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return loc
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
