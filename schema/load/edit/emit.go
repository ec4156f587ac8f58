package edit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A printer writes a tree as YAML. A collection that was in brackets stays so
// where it fits into width columns.
type printer struct {
	strings.Builder
	width int
}

// file prints the documents that say anything.
func (p *printer) file(t *tree) {
	p.comments(t.tail, "", true)
	for _, doc := range t.docs {
		if doc.root == nil {
			continue
		}
		first := p.Len() == 0
		if !first && doc.above {
			p.WriteByte('\n')
		}
		if !first {
			p.WriteString("---\n")
		}
		if !first && doc.below {
			p.WriteByte('\n')
		}
		p.document(doc)
	}
}

func (p *printer) document(doc *document) {
	root := doc.root
	if len(root.entries) == 0 {
		doc.head, root.foot = append(doc.head, root.foot...), nil
	}
	p.comments(doc.head, "", true)
	if len(doc.head) > 0 {
		p.WriteByte('\n')
	}
	if len(root.entries) > 0 {
		p.entries(root, 0, false)
	} else {
		p.WriteString(inline(root, false) + "\n")
	}
	p.comments(doc.foot, "", false)
}

// comments prints each on a line. The first of a file or block has no blank
// line above.
func (p *printer) comments(cs []comment, margin string, first bool) {
	for i, c := range cs {
		if c.blank && !(first && i == 0) {
			p.WriteByte('\n')
		}
		p.WriteString(margin + c.text + "\n")
	}
}

// entries prints the members of a collection in lines. The first one of an
// element goes behind the dash.
func (p *printer) entries(n *node, indent int, behindDash bool) {
	margin := strings.Repeat(" ", indent)
	for i, e := range n.entries {
		p.gather(e, indent)
		p.comments(e.before, margin, i == 0)
		if e.blank && (i > 0 || len(e.before) > 0) {
			p.WriteByte('\n')
		}
		if i > 0 || !behindDash {
			p.WriteString(margin)
		}
		p.entry(e, indent)
	}
	p.comments(n.foot, margin, false)
}

// gather puts comments above the entry that have no other place: all but one
// of those behind it, those in empty brackets, and those above the first
// member of an element, which goes behind the dash.
func (p *printer) gather(e *entry, indent int) {
	if len(e.value.entries) == 0 {
		e.above(e.value.foot)
		e.value.foot = nil
	}
	if extra := len(e.line) - 1; extra > 0 {
		e.above(e.line[:extra])
		e.line = e.line[extra:]
	}
	if p.behindDash(e, indent) {
		first := e.value.entries[0]
		p.gather(first, indent+2)
		e.above(first.before)
		first.before, first.blank = nil, false
	}
}

// behindDash reports whether the first member of the element's value goes on
// the dash's own line.
func (p *printer) behindDash(e *entry, indent int) bool {
	return e.key == nil && len(e.line) == 0 && p.inLines(e, indent)
}

// entry prints an entry, its margin written.
func (p *printer) entry(e *entry, indent int) {
	v := e.value
	lead := prefix(e)
	switch {
	case p.behindDash(e, indent):
		p.WriteString("- ")
		p.entries(v, indent+2, true)
	case p.inLines(e, indent):
		p.WriteString(lead + behind(e.line) + "\n")
		p.entries(v, indent+2, false)
	case v.kind == empty && e.key != nil:
		p.WriteString(lead + behind(e.line) + "\n")
	case v.kind == text && literal(v.text):
		p.literal(v.text, lead, indent+2, behind(e.line))
	default:
		p.WriteString(lead + " " + inline(v, false) + behind(e.line) + "\n")
	}
}

// prefix is what comes before an entry's value.
func prefix(e *entry) string {
	if e.key == nil {
		return "-"
	}
	return scalar(e.key, false) + ":"
}

func behind(line []comment) string {
	if len(line) == 0 {
		return ""
	}
	return " " + line[0].text
}

// inLines reports whether the entry's value is printed as a block: when it was
// one, and when brackets would be too long or hold a comment.
func (p *printer) inLines(e *entry, indent int) bool {
	v := e.value
	if len(v.entries) == 0 {
		return false
	}
	return v.isBlock() ||
		indent+utf8.RuneCountInString(prefix(e))+1+columns(v) > p.width || commented(v)
}

// columns is how wide the value is on one line. Each node remembers it, since
// all that are around it ask.
func columns(n *node) int {
	if len(n.entries) == 0 {
		return utf8.RuneCountInString(inline(n, true))
	}
	if n.columns == 0 {
		n.columns = 2 * len(n.entries) // brackets, and ", " between entries
		for _, e := range n.entries {
			n.columns += columns(e.value)
			if e.key != nil {
				n.columns += utf8.RuneCountInString(scalar(e.key, true)) + 2
			}
		}
	}
	return n.columns
}

// commented reports whether there is a comment or a block within brackets.
func commented(n *node) bool {
	if len(n.foot) > 0 {
		return true
	}
	for _, e := range n.entries {
		if len(e.before) > 0 || len(e.line) > 0 || e.value.isBlock() || commented(e.value) {
			return true
		}
	}
	return false
}

// inline prints a value on one line; within brackets (flow) when it is in some
// already.
func inline(n *node, flow bool) string {
	if n.kind != list && n.kind != mapping {
		return scalar(n, flow)
	}
	parts := make([]string, len(n.entries))
	for i, e := range n.entries {
		if e.key != nil {
			parts[i] = scalar(e.key, true) + ": "
		}
		parts[i] += inline(e.value, true)
	}
	if n.kind == list {
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func scalar(n *node, flow bool) string {
	switch n.kind {
	case empty:
		return "null"
	case verbatim:
		return n.text
	}
	return write(n.text, flow)
}

// literal reports whether a text is one of several lines that can be written
// as they are.
func literal(s string) bool {
	body := strings.TrimSuffix(s, "\n")
	if !strings.Contains(s, "\n") || strings.Trim(body, "\n") != body || strings.HasPrefix(body, " ") || body == "" {
		return false
	}
	for line := range strings.SplitSeq(body, "\n") {
		if strings.HasSuffix(line, " ") || strings.ContainsFunc(line, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
			return false
		}
	}
	return true
}

// literal prints the lines of a text below a header that says whether the last
// one ends.
func (p *printer) literal(s, lead string, indent int, behind string) {
	header := " |"
	if !strings.HasSuffix(s, "\n") {
		header = " |-"
	}
	p.WriteString(lead + header + behind + "\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line != "" {
			line = strings.Repeat(" ", indent) + line
		}
		p.WriteString(line + "\n")
	}
}
