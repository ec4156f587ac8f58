package edit

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// A lead is what is above an entry: comments, and whether a blank line follows
// them.
type lead struct {
	comments []comment
	blank    bool
}

// trivia reads blanks, line ends and comments up to anything else.
func (p *parser) trivia() lead {
	var l lead
	breaks := 0
	if p.pos == 0 {
		breaks = 1 // the start of the text starts a line
	}
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '\n':
			breaks++
		case ' ', '\t', '\r':
		case '#':
			l.comments = append(l.comments, p.comment(breaks > 0, breaks > 1))
			breaks = 0
			continue
		default:
			l.blank = breaks > 1
			return l
		}
		p.pos++
	}
	l.blank = breaks > 1
	return l
}

// comment reads a comment up to the end of its line.
func (p *parser) comment(own, blank bool) comment {
	start := p.pos
	p.pos = lineEnd(p.text, p.pos)
	c := comment{text: strings.TrimRight(p.text[start:p.pos], " \t"), start: start, blank: blank, own: own}
	p.comments = append(p.comments, c)
	return c
}

// lineEnd is where the line of that offset ends, its line feed left out.
func lineEnd(s string, at int) int {
	end := strings.IndexByte(s[at:], '\n')
	if end < 0 {
		return len(s)
	}
	end += at
	if end > at && s[end-1] == '\r' {
		end--
	}
	return end
}

// behind reads the comment on the rest of the line.
func (p *parser) behind(e *entry) {
	p.blanks()
	if p.pos < len(p.text) && p.text[p.pos] == '#' {
		e.line = append(e.line, p.comment(false, false))
	}
}

func (p *parser) blanks() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t') {
		p.pos++
	}
}

// below reads the comments under the last entry of a block that are indented
// as far as its entries, and further than the block around it.
func (p *parser) below(n *node, indent, around int) {
	for indent > around {
		mark, seen := p.pos, len(p.comments)
		l := p.step()
		if l == nil || p.columnOf(l.start) < indent {
			p.pos, p.comments = mark, p.comments[:seen]
			return
		}
		n.foot = append(n.foot, *l)
	}
}

// step reads the next comment; nil when something else comes first.
func (p *parser) step() *comment {
	for breaks := 0; p.pos < len(p.text); p.pos++ {
		switch p.text[p.pos] {
		case '\n':
			breaks++
		case ' ', '\t', '\r':
		case '#':
			c := p.comment(true, breaks > 1)
			return &c
		default:
			return nil
		}
	}
	return nil
}

// columnOf counts the characters before an offset in its line; only blanks are
// before the ones that it is asked for.
func (p *parser) columnOf(at int) int { return at - 1 - strings.LastIndexByte(p.text[:at], '\n') }

// scalar reads a scalar whose value yaml.v3 has told.
func (p *parser) scalar(n *yaml.Node, indent int) (*node, error) {
	out := &node{kind: text, text: n.Value, start: p.pos}
	ok := true
	switch n.Style {
	case yaml.DoubleQuotedStyle:
		ok = p.quoted('"')
	case yaml.SingleQuotedStyle:
		ok = p.quoted('\'')
	case yaml.LiteralStyle, yaml.FoldedStyle:
		ok = p.block(out, indent)
	default:
		out.plain = true
		if ambiguous(n.Value) {
			out.kind = verbatim
		}
		ok = p.plain(n.Value)
	}
	if !ok {
		return nil, p.fail("the end of a value cannot be told") // which may be a secret
	}
	out.end = p.pos
	return out, nil
}

// quoted reads up to the closing quote. A quote is escaped by a backslash
// within double quotes, and by another one within single quotes.
func (p *parser) quoted(quote byte) bool {
	if p.expect(quote) != nil {
		return false
	}
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '\\' && quote == '"':
			p.pos++
		case c == quote && quote == '\'' && strings.HasPrefix(p.text[p.pos+1:], "'"):
			p.pos++
		case c == quote:
			p.pos++
			return true
		}
	}
	return false
}

// plain reads a scalar without quotes: as much as makes up the value, with
// folded lines.
func (p *parser) plain(value string) bool {
	for value != "" {
		gap := p.text[p.pos:]
		gap = gap[:len(gap)-len(strings.TrimLeft(gap, " \t\r\n"))]
		want := gap
		switch breaks := strings.Count(gap, "\n"); {
		case gap == "":
			if p.pos >= len(p.text) {
				return false
			}
			gap = p.text[p.pos : p.pos+1]
			want = gap
		case breaks == 1:
			want = " "
		case breaks > 1:
			want = strings.Repeat("\n", breaks-1)
		}
		if !strings.HasPrefix(value, want) {
			return false
		}
		value = value[len(want):]
		p.pos += len(gap)
	}
	return true
}

// block reads a literal or folded scalar: its header, and the lines that are
// indented further than what is around it. A comment in the header goes to open.
func (p *parser) block(n *node, around int) bool {
	header := p.text[p.pos:lineEnd(p.text, p.pos)]
	marks := header[:len(header)-len(strings.TrimLeft(header, "|>+-0123456789"))]
	p.pos += len(marks)
	var e entry
	p.behind(&e)
	n.open = e.line
	if p.pos != lineEnd(p.text, p.pos) {
		return false
	}
	indent := 0
	if i := strings.IndexAny(marks, "123456789"); i >= 0 {
		indent = max(around, 0) + int(marks[i]-'0')
	}
	keep := strings.Contains(marks, "+")
	for next := p.pos; next < len(p.text); {
		start := strings.IndexByte(p.text[next:], '\n') + next + 1
		if start == next { // no line feed: the text ends
			break
		}
		end := lineEnd(p.text, start)
		line := p.text[start:end]
		depth := len(line) - len(strings.TrimLeft(line, " "))
		blank := depth == len(line)
		if !blank && indent == 0 {
			indent = max(depth, around+1, 1)
		}
		if !blank && depth < indent {
			break
		}
		if !blank || keep || indent > 0 && depth > indent {
			p.pos = end
		}
		next = end
	}
	return true
}
