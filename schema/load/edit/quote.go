package edit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// spoken matches what readers of YAML 1.1 take for a boolean or a number to
// the base 60 (YAML 1.1 type repository, bool and int), and what YAML 1.2 calls
// a text: hours such as 09:00-13:00 begin like one. So quotes keep all readers
// of one mind.
var spoken = regexp.MustCompile(`^(?i:y|yes|n|no|on|off|=)$|^[-+]?[0-9][0-9_]*:`)

// dated matches times as declarations write them, which need no quotes.
var dated = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]+(Z|[-+][0-9:]+)?)?$`)

// stamped matches what looks like a time in another form.
var stamped = regexp.MustCompile(`^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}`)

// write prints a text: plain where every reader gets it back as the same text,
// else in double quotes. Within brackets less can be plain.
func write(s string, flow bool) string {
	if plainly(s, flow) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plainly reports whether a text needs no quotes.
func plainly(s string, flow bool) bool {
	switch {
	case s == "", ambiguous(s), spoken.MatchString(s), numeric(s) && stamped.MatchString(s) && !dated.MatchString(s),
		strings.ContainsRune("-?:,[]{}#&*!|>'\"%@` ", rune(s[0])),
		s[len(s)-1] == ' ', s[len(s)-1] == ':',
		strings.HasPrefix(s, "..."),
		strings.Contains(s, ": "), strings.Contains(s, " #"),
		flow && strings.ContainsAny(s, ",[]{}?"):
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
}
