package edit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Unset removes a field from the n-th document, as [Set] counts, and parents
// that it leaves empty. Every other byte of the text stays, comments on lines
// of their own above the field included; those within it and behind it go. A
// field that is not there is no error.
func Unset(text []byte, doc int, path string) ([]byte, error) {
	out, err := change(string(text), doc, path, func(w way, c *cut) error {
		if len(w.rest) > 0 {
			return nil
		}
		return c.remove(w.links)
	})
	if err != nil {
		return nil, fmt.Errorf("unset %s: %w", path, err)
	}
	return []byte(out), nil
}

// remove cuts out the last link of the chain that leaves something behind, and
// takes it off the tree.
func (c *cut) remove(chain []link) error {
	last := len(chain) - 1
	for last > 0 && len(chain[last].holder.entries) == 1 {
		last--
	}
	l := chain[last]
	switch {
	case len(l.holder.entries) == 1:
		return errors.New("it is all that the document says")
	case l.holder.flow:
		c.removeInline(l)
	default:
		c.removeLines(l)
	}
	l.holder.entries = slices.Delete(slices.Clone(l.holder.entries), l.index, l.index+1)
	return nil
}

// removeInline cuts an entry and one comma out of brackets; the comma stays
// where a comment is beside it, since one may end a list.
func (c *cut) removeInline(l link) {
	from, to := l.entry.start(), l.entry.end()
	around := l.holder.entries
	switch {
	case l.index+1 < len(around) && !l.remarkBetween(l.index):
		to = around[l.index+1].start()
	case l.index+1 < len(around):
		to = to + 1 + strings.IndexByte(c.text[to:], ',')
	case !l.remarkBetween(l.index - 1):
		from = around[l.index-1].end()
	}
	c.splice(from, to, "")
}

// remarkBetween reports whether a comment is between entry i and the next.
func (l link) remarkBetween(i int) bool {
	return len(l.holder.entries[i].line) > 0 || len(l.holder.entries[i+1].before) > 0
}

// removeLines cuts the lines of an entry. The first one of an element shares
// its line with a dash, which then goes before the next.
func (c *cut) removeLines(l link) {
	from, to := l.entry.start(), lineEnd(c.text, l.entry.tail)
	if l.entry.key == nil {
		from = l.entry.colon - 1 // the dash
	}
	start := strings.LastIndexByte(c.text[:from], '\n') + 1
	switch {
	case strings.TrimLeft(c.text[start:from], " ") == "":
		from = start
		if end := strings.IndexByte(c.text[to:], '\n'); end >= 0 {
			to += end + 1
		} else {
			to = len(c.text)
		}
	case len(l.holder.entries[l.index+1].before) == 0:
		to = l.holder.entries[l.index+1].start()
		if l.entry.key == nil {
			to = l.holder.entries[l.index+1].colon - 1
		}
	}
	c.splice(from, to, "")
}
