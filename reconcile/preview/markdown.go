package preview

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MarkdownLimit is how many characters a comment of GitHub holds, less some for
// what others put around it: 65,536 (the API's own message beyond it).
const MarkdownLimit = 65_000

// Marker begins a comment, so that the next one takes its place.
const Marker = "<!-- mailops/preview -->"

// Markdown writes a preview for a comment of a pull request, in at most so many
// characters. What matters most comes first; what has no room is counted.
func Markdown(w io.Writer, v *View, limit int) error {
	r := v.report()
	m := &markdown{left: limit}
	m.line("%s", Marker)
	m.line("### %s", Escape(r.Title))
	m.line("")
	m.line("%s", strings.Replace(Escape(r.Headline), "Refused.", "**Refused.**", 1))
	m.table(&r)
	footer := m.footer(&r)
	m.left -= utf8.RuneCountInString(footer)
	sections := slices.DeleteFunc(m.sections(&r), func(s section) bool { return len(s.blocks) == 0 })
	for i, s := range sections {
		m.section(s, len(sections)-i-1)
	}
	_, err := io.WriteString(w, m.String()+footer)
	return err
}

// markdown is a text that is being written, and how many characters it may still
// have.
type markdown struct {
	strings.Builder
	left int
}

func (m *markdown) line(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	m.WriteString(line)
	m.left -= utf8.RuneCountInString(line)
}

// A section has a heading and blocks, which are left out from the end where there
// is no room.
type section struct {
	heading string
	blocks  []string
	one     string // what a block is, and many of them
	more    string
	folded  bool // shown when somebody opens it
}

// spare is kept for each section that is still to come: its heading, and how many
// of its blocks are left out.
const spare = 300

// section writes what there is room for.
func (m *markdown) section(s section, toCome int) {
	floor := spare * (toCome + 1)
	if toCome > 0 {
		floor = max(floor, m.left/3) // what comes later is not crowded out
	}
	m.line("")
	open, end := "#### "+s.heading, ""
	if s.folded {
		open, end = "<details><summary><b>"+inHTML(s.heading)+"</b></summary>\n", "\n</details>"
	}
	m.line("%s", open)
	if !s.folded {
		m.line("")
	}
	for i, block := range s.blocks {
		if utf8.RuneCountInString(block)+1 > m.left-floor {
			n := len(s.blocks) - i
			m.line("\n**Left out for length: %s.**", many(n, s.one, s.more))
			break
		}
		m.line("%s", block)
		if strings.HasSuffix(block, "</details>") {
			m.line("") // what follows is Markdown again
		}
	}
	if end != "" {
		m.line("%s", end)
	}
}

// table sums up by kind.
func (m *markdown) table(r *report) {
	if len(r.Counts) == 0 {
		return
	}
	m.line("")
	m.line("| | new | changed | deleted |")
	m.line("|---|--:|--:|--:|")
	for _, c := range r.Counts {
		m.line("| %s | %s | %s | %s |", c.Kind, Number(c.Create), Number(c.Update), Number(c.Delete))
	}
}

func (m *markdown) sections(r *report) []section {
	out := []section{{"Refused", findingLines(r.Refusals), "finding", "findings", false}}
	for _, e := range r.Effects {
		s := section{heading: e.Title, one: "consequence", more: "consequences", folded: e.Title == severities[len(severities)-1].Title}
		if s.folded {
			s.heading = fmt.Sprintf("%s (%s)", e.Title, Number(len(e.Lines)))
		}
		for _, l := range e.Lines {
			s.blocks = append(s.blocks, bullet(Escape(l.Text), l.Place))
		}
		out = append(out, s)
	}
	out = append(out, section{"What the rules say", findingLines(r.Notices), "finding", "findings", false})
	who := section{heading: "Who changes, and how", one: "group of people", more: "groups of people"}
	for _, g := range r.Groups {
		who.blocks = append(who.blocks, groupBlock(g))
	}
	routes := section{heading: "Where mail goes", one: "address", more: "addresses", folded: true}
	for _, route := range r.Routes {
		routes.blocks = append(routes.blocks, "- "+Escape(cutWords(route.String())))
	}
	return append(append(append(out, who, routes), timeSections(r.Times)...), besideSection(MovedTitle, r.Moved), besideSection(DriftTitle, r.Drift))
}

func findingLines(findings []finding) []string {
	var out []string
	for _, f := range findings {
		line := bullet("`"+f.Rule+"`: "+Escape(f.Text), f.Place)
		if f.Lift != "" {
			line += "<br>`" + f.Lift + "` lifts this for one plan"
		}
		out = append(out, line)
	}
	return out
}

func bullet(text, place string) string {
	if place == "" {
		return "- " + text
	}
	return "- " + text + " (" + code(place) + ")"
}

// code shows a text in fixed type. A name of a file may hold backquotes.
func code(text string) string {
	return "<code>" + Escape(text) + "</code>"
}

// groupBlock is a group, folded.
func groupBlock(g Group) string {
	const (
		named  = 50 // of a group
		fields = 40
	)
	if len(g.Fields) == 0 && len(g.Who) == 1 {
		return "- " + Escape(g.Title)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n", inHTML(g.Title))
	for i, cells := range g.Table() {
		if i > fields {
			fmt.Fprintf(&b, "| and %s%s\n", many(len(g.Fields)-fields, "more field", "more fields"), strings.Repeat(" |", len(cells)))
			break
		}
		for j := range cells {
			cells[j] = Escape(cutWords(cells[j]))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(cells)))
		}
	}
	if len(g.Who) > 1 {
		if len(g.Fields) > 0 {
			b.WriteString("\n")
		}
		for i, who := range g.Who {
			if i == named {
				fmt.Fprintf(&b, "- and %s more\n", Number(len(g.Who)-i))
				break
			}
			fmt.Fprintf(&b, "- %s\n", Escape(who))
		}
	}
	b.WriteString("\n</details>")
	return b.String()
}

// cutWords bounds what one value takes of a comment.
func cutWords(s string) string {
	const most = 300
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

func (m *markdown) footer(r *report) string {
	if len(r.Facts) == 0 {
		return ""
	}
	parts := make([]string, len(r.Facts))
	for i, f := range r.Facts {
		parts[i] = f.Name + " " + code(f.Text)
	}
	return "\n<sub>" + strings.Join(parts, " · ") + "</sub>\n"
}

// Escape keeps a text from being read as Markdown, HTML or somebody's name: it
// is shown as it is, in one line.
func Escape(s string) string {
	var b strings.Builder
	for _, r := range mute(s) {
		switch {
		case strings.ContainsRune("\\`*_{}[]()#+-!|~", r):
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '&', r == '<', r == '>':
			b.WriteString(html.EscapeString(string(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// inHTML is a text within a tag, where Markdown is not read.
func inHTML(s string) string { return html.EscapeString(mute(s)) }

// mute puts a word joiner, which nobody sees, where forges would make a link out
// of a text, whatever stands around it: of a name, of the number of an issue, of
// an address of the web.
func mute(s string) string {
	const joiner = '\u2060'
	var b strings.Builder
	word := false // the character before may be of a mail address
	for _, r := range strings.Join(strings.Fields(Plain(s)), " ") {
		if r == '@' && !word {
			b.WriteRune(r)
			r = joiner
		}
		b.WriteRune(r)
		if r == '#' || r == '/' && strings.HasSuffix(b.String(), "://") || r == '.' && strings.HasSuffix(strings.ToLower(b.String()), "www.") {
			b.WriteRune(joiner)
		}
		word = unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-+", r)
	}
	return b.String()
}
