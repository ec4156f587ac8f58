package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"mailops/reconcile"
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
	hidden := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r)
	}
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

// sides prints what a field was and will be. A secret shows only that it
// changes; of a list that grows and shrinks, only what comes and goes.
func sides(f reconcile.FieldChange) (before, after string) {
	switch {
	case f.Path == "password" && f.Before != "" && f.After != "":
		return "(set)", "(changed)"
	case f.Path == "password":
		return valueOf(f.Path, f.Before), valueOf(f.Path, f.After)
	case strings.HasPrefix(string(f.Before), "[") && strings.HasPrefix(string(f.After), "["):
		before, after = lists(f.Before.Strings(), f.After.Strings())
		return cut(before, valueText), cut(after, valueText)
	}
	return valueOf(f.Path, f.Before), valueOf(f.Path, f.After)
}

// valueOf prints one value as people know it from plans.
func valueOf(path string, v schema.Value) string {
	if path == "password" {
		if v == "" {
			return "none"
		}
		return "(set)"
	}
	return cut(cmp.Or(structText(path, v), v.Text()), valueText)
}

// lists shows the elements that differ, and how many there are.
func lists(before, after []string) (string, string) {
	const all = 3 // elements that are shown whole
	var parts []string
	for _, s := range without(after, before) {
		parts = append(parts, "+"+s)
	}
	for _, s := range without(before, after) {
		parts = append(parts, "-"+s)
	}
	if len(parts) == 0 || len(before) <= all && len(after) <= all {
		return strings.Join(before, ", "), strings.Join(after, ", ")
	}
	return number(len(before)), number(len(after)) + " (" + strings.Join(parts, ", ") + ")"
}

func without(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return in[s] })
}

// structText prints access hours and travel mode, the two fields that are
// structures, as a person would say them; "" for any other value.
func structText(path string, v schema.Value) string {
	switch {
	case strings.HasSuffix(path, "accessHours") && v == "":
		return "unrestricted"
	case !strings.HasPrefix(string(v), "{"):
		return ""
	}
	var travel schema.TravelMode
	if json.Unmarshal([]byte(v), &travel) == nil && travel.Until != "" {
		return "until " + travel.Until
	}
	var hours schema.AccessHours
	if json.Unmarshal([]byte(v), &hours) != nil {
		return ""
	}
	return hoursText(&hours)
}

// hoursText prints hours with equal days together: mon-fri 09:00-17:00.
func hoursText(h *schema.AccessHours) string {
	var parts []string
	days := h.Days()
	for i := 0; i < len(days); {
		j := i + 1
		for j < len(days) && slices.Equal(*days[i], *days[j]) {
			j++
		}
		name := schema.Weekdays[i]
		if j-i > 1 {
			name += "-" + schema.Weekdays[j-1]
		}
		for k, w := range *days[i] {
			if k > 0 {
				name = ""
			}
			parts = append(parts, strings.TrimSpace(name+" "+w.String()))
		}
		i = j
	}
	if len(parts) == 0 {
		parts = []string{"always closed"}
	}
	return fmt.Sprintf("%s (%s)", strings.Join(parts, ", "), h.Timezone)
}

// kindWords are what people call the kinds.
var kindWords = map[schema.Kind]string{schema.KindDomain: "domain", schema.KindUser: "user", schema.KindAlias: "alias", schema.KindList: "list"}

// opWords say what a change that waits would do.
var opWords = map[reconcile.Op]string{reconcile.OpCreate: "create", reconcile.OpUpdate: "update", reconcile.OpDelete: "delete"}
