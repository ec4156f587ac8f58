// Package preview says what a plan does in the words that people read: in a
// terminal, on the agent's page, in a message. Imports: schema, reconcile and the
// standard library.
package preview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mailops/reconcile"
	"mailops/schema"
)

// Plain shows control characters as escapes: what a repository or a store holds
// cannot paint on a terminal, move its cursor, or turn the way it writes.
func Plain(s string) string {
	hidden := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Sides prints the two sides of a field. A secret shows only that it
// changes; of a list that grows and shrinks, only what comes and goes. Times are in
// UTC.
func Sides(f reconcile.FieldChange) (before, after string) { return SidesIn(nil, f) }

// SidesIn is [Sides] with times in a time zone.
func SidesIn(zone *time.Location, f reconcile.FieldChange) (before, after string) {
	before, after = sides(zone, f)
	return Plain(before), Plain(after)
}

func sides(zone *time.Location, f reconcile.FieldChange) (before, after string) {
	if f.Path == "password" {
		if f.Before != "" && f.After != "" {
			return "(set)", "(changed)"
		}
		return secretText(f.Before), secretText(f.After)
	}
	if strings.HasPrefix(string(f.Before+f.After), "[") && f.Before != "" && f.After != "" {
		return listText(f.Before.Strings(), f.After.Strings())
	}
	return cmp.Or(structText(f.Path, f.Before, zone), f.Before.Text()), cmp.Or(structText(f.Path, f.After, zone), f.After.Text())
}

// listText shows the elements that differ, and how many there are.
func listText(before, after []string) (string, string) {
	const all = 3 // elements that are shown whole
	if len(before) <= all && len(after) <= all {
		return strings.Join(before, ", "), strings.Join(after, ", ")
	}
	var parts []string
	for _, s := range after {
		if !slices.Contains(before, s) {
			parts = append(parts, "+"+s)
		}
	}
	for _, s := range before {
		if !slices.Contains(after, s) {
			parts = append(parts, "-"+s)
		}
	}
	if len(parts) == 0 {
		return strings.Join(before, ", "), strings.Join(after, ", ")
	}
	return fmt.Sprint(len(before)), fmt.Sprintf("%d (%s)", len(after), strings.Join(parts, ", "))
}

// structText prints access hours and travel mode, the two fields that are
// structures, as a person would say them; "" for any other value.
func structText(path string, v schema.Value, zone *time.Location) string {
	switch {
	case strings.HasSuffix(path, "accessHours") && v == "":
		return "unrestricted"
	case !strings.HasPrefix(string(v), "{"):
		return ""
	}
	var travel schema.TravelMode
	if json.Unmarshal([]byte(v), &travel) == nil && travel.Until != "" {
		if travel.Endless() {
			return "with no end"
		}
		return "until " + travel.End(zone)
	}
	var hours schema.AccessHours
	if json.Unmarshal([]byte(v), &hours) != nil {
		return ""
	}
	return hours.String()
}

// Value prints one value of a field.
func Value(path string, v schema.Value) string {
	if path == "password" {
		return secretText(v)
	}
	return Plain(cmp.Or(structText(path, v, nil), v.Text()))
}

// secretText says of a secret only whether there is one.
func secretText(v schema.Value) string {
	if v == "" {
		return "none"
	}
	return "(set)"
}
