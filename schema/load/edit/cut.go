package edit

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// A splice puts a text in the place of another, text[from:to].
type splice struct {
	from, to int
	put      string
}

// A cut is a text and the splices to be made in it, which do not overlap.
type cut struct {
	text    string
	splices []splice
}

func (c *cut) splice(from, to int, put string) {
	c.splices = append(c.splices, splice{from, to, put})
}

func (c *cut) apply() string {
	slices.SortStableFunc(c.splices, func(a, b splice) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	at := 0
	for _, s := range c.splices {
		b.WriteString(c.text[at:s.from] + s.put)
		at = s.to
	}
	return b.String() + c.text[at:]
}

// removed reports whether a comment was within a text that is replaced.
func (c *cut) removed(remark comment) bool {
	return slices.ContainsFunc(c.splices, func(s splice) bool { return s.from <= remark.start && remark.start < s.to })
}

// put sets what is at the end of the way, or adds the rest of it there.
func (c *cut) put(w way, v *node, raw string) error {
	flow := false
	for _, l := range w.links {
		flow = flow || l.holder.flow
	}
	flow = flow || w.end.flow && len(w.rest) > 0
	if len(w.rest) > 1 || flow || len(w.rest) == 1 && w.end.kind != mapping {
		if v.kind == text && v.plain {
			raw = write(v.text, true)
		}
	}
	switch {
	case len(w.rest) == 0:
		c.replace(w.last(), raw)
	case w.end.kind == mapping && flow:
		c.insertInline(w, pair(w.rest, raw, true))
	case w.end.kind == mapping:
		c.insertLine(w, pair(w.rest, raw, false))
	case len(w.links) > 0 && w.end.value() == "null":
		c.replace(w.last(), "{"+pair(w.rest, raw, true)+"}")
	default:
		return errors.New("what holds it is not a mapping")
	}
	return nil
}

// pair is a key with its value, and the mappings between them.
func pair(names []string, raw string, flow bool) string {
	if len(names) > 1 {
		raw = "{" + pair(names[1:], raw, true) + "}"
	}
	return write(names[0], flow) + ": " + raw
}

// replace puts a value in the place of an entry's.
func (c *cut) replace(e *entry, raw string) {
	v := e.value
	end := lineEnd(c.text, e.colon)
	switch {
	case v.kind == empty && e.key != nil && e.colon == e.key.end:
		c.splice(e.colon, e.colon, ": "+raw)
	case v.kind == empty:
		c.splice(e.colon, e.colon, " "+raw)
	case v.isBlock() && v.start > end:
		c.splice(e.colon, e.colon, " "+raw)
		c.splice(end, e.tail, "")
	case v.isBlock():
		c.splice(v.start, e.tail, raw)
	case strings.HasPrefix(c.text[v.start:], "|") || strings.HasPrefix(c.text[v.start:], ">"):
		c.replaceLines(e, raw)
	case c.text[v.start-1] == ':':
		c.splice(v.start, v.end, " "+raw)
	default:
		c.splice(v.start, v.end, raw)
	}
}

// replaceLines puts a value in the place of a block scalar, and keeps the
// comment in its header.
func (c *cut) replaceLines(e *entry, raw string) {
	header := lineEnd(c.text, e.value.start)
	end := header
	for _, remark := range e.line {
		if remark.start > e.value.start && remark.start < header {
			raw, header = raw+" ", remark.start
		}
	}
	c.splice(e.value.start, header, raw)
	c.splice(end, e.value.end, "")
}

// insertInline adds a member to a mapping in brackets.
func (c *cut) insertInline(w way, member string) {
	e := predecessor(w)
	switch {
	case e == nil:
		c.splice(w.end.start+1, w.end.start+1, member)
	case e.value.kind == empty && e.colon > e.key.end:
		c.splice(e.colon, e.colon, " , "+member) // a colon needs a blank behind it
	default:
		c.splice(e.value.end, e.value.end, ", "+member)
	}
}

// insertLine adds a member to a mapping in lines.
func (c *cut) insertLine(w way, member string) {
	at := lineEnd(c.text, predecessor(w).tail)
	eol := "\n"
	if strings.HasPrefix(c.text[at:], "\r\n") || at == len(c.text) && strings.Contains(c.text, "\r\n") {
		eol = "\r\n"
	}
	start := w.end.start
	margin := strings.Repeat(" ", start-1-strings.LastIndexByte(c.text[:start], '\n'))
	c.splice(at, at, eol+margin+member)
}

// predecessor is the entry that a new key goes behind: the nearest before it in
// the law's order, else the last; nil when there is none.
func predecessor(w way) *entry {
	var out *entry
	rank, best := w.shape.rank(w.rest[0]), -1
	for _, e := range w.end.entries {
		if r := w.shape.rank(e.key.text); r < rank && r >= best {
			out, best = e, r
		}
	}
	if out == nil && len(w.end.entries) > 0 {
		out = w.end.entries[len(w.end.entries)-1]
	}
	return out
}
