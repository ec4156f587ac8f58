package web

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mailops/reconcile"
	"mailops/reconcile/preview"
	"mailops/schema"
)

// The lengths, in characters, that texts are cut at.
const (
	valueText = 120
	nameText  = 320 // no address is longer, so that links lead somewhere
	longText  = 1000
)

// cut shortens a text, and shows control characters as escapes: none of them
// turns the way that the page is read.
func cut(s string, most int) string {
	if len(s) > 8*most {
		s = strings.ToValidUTF8(s[:8*most], "") + "…" // the rest is not even looked at
	}
	s = plain(s)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func plain(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = preview.Plain(lines[i])
	}
	return strings.Join(lines, "\n")
}

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
	return number(n) + " " + noun + "s"
}

// number prints a number with commas.
func number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short is a revision cut down to what tells it from others at a glance.
func short(revision string) string {
	kind, id, _ := strings.Cut(revision, ":")
	if id == "" {
		id = kind
	}
	return strings.TrimSuffix(cut(id, 12), "…")
}

// A stamp is a time as the page shows it; the zero value is shown as nothing.
type stamp struct {
	Machine, Person string
}

// A clock shows times in the zone of the organization.
type clock struct{ *time.Location }

func clockOf(timezone string) clock {
	zone, err := time.LoadLocation(timezone)
	if err != nil || timezone == "" || timezone == "Local" {
		zone = time.UTC
	}
	return clock{zone}
}

func (c clock) show(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	return stamp{t.UTC().Format(time.RFC3339), t.In(c.Location).Format("Mon 2 Jan 2006, 15:04 MST")}
}

// exact shows the seconds too.
func (c clock) exact(t time.Time) stamp {
	s := c.show(t)
	if s.Person != "" {
		s.Person = t.In(c.Location).Format("15:04:05 MST")
	}
	return s
}

// sides prints what a field was and will be.
func sides(f reconcile.FieldChange) (before, after string) {
	before, after = preview.Sides(f)
	return cut(before, valueText), cut(after, valueText)
}

// valueOf prints one value.
func valueOf(path string, v schema.Value) string { return cut(preview.Value(path, v), valueText) }

// kindWords are what people call the kinds.
var kindWords = map[schema.Kind]string{schema.KindDomain: "domain", schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}

// opWords say what a change that waits would do.
var opWords = map[reconcile.Op]string{reconcile.OpCreate: "create", reconcile.OpUpdate: "update", reconcile.OpDelete: "delete"}
