package edit

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// A scope is what is around a node: brackets, and the column of the block.
type scope struct {
	flow   bool
	indent int
}

// node reads the node that begins at pos. The lead goes to the first entry of
// a block.
func (p *parser) node(n *yaml.Node, in scope, l lead) (*node, error) {
	at, err := p.locate(n)
	switch {
	case err != nil:
		return nil, err
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return nil, p.fail("anchors and aliases are not supported; use a profile")
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!merge":
		return nil, p.fail("tags and merge keys are not supported; use a profile")
	case at != p.pos:
		return nil, p.unexpected()
	}
	if n.Kind == yaml.ScalarNode {
		return p.scalar(n, in.indent)
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(fmt.Sprintf("is nested deeper than %d", maxDepth))
	}
	defer func() { p.depth-- }()
	out := &node{kind: list, flow: n.Style&yaml.FlowStyle != 0, start: p.pos}
	if n.Kind == yaml.MappingNode {
		out.kind = mapping
	}
	if out.flow {
		err = p.brackets(n, out, in)
	} else {
		err = p.lined(n, out, in, l)
	}
	if err == nil {
		err = p.unique(out)
	}
	return out, err
}

// lined reads a block collection and the comments at its end.
func (p *parser) lined(n *yaml.Node, out *node, in scope, l lead) error {
	indent := n.Column - 1
	for i, rest := 0, n.Content; len(rest) > 0; i++ {
		if i > 0 {
			l = p.trivia()
		}
		e := &entry{before: l.comments, blank: l.blank}
		out.entries = append(out.entries, e)
		var err error
		if rest, err = p.member(e, rest, out.kind, scope{indent: indent}); err != nil {
			return err
		}
		out.end = e.value.end
	}
	p.below(out, indent, in.indent)
	return nil
}

// brackets reads a flow collection.
func (p *parser) brackets(n *yaml.Node, out *node, in scope) error {
	bracket, closing := byte('['), byte(']')
	if out.kind == mapping {
		bracket, closing = '{', '}'
	}
	if err := p.expect(bracket); err != nil {
		return err
	}
	var opening entry
	p.behind(&opening)
	out.open = opening.line
	l := p.trivia()
	for rest := n.Content; len(rest) > 0; {
		e := &entry{before: l.comments}
		out.entries = append(out.entries, e)
		var err error
		if rest, err = p.member(e, rest, out.kind, scope{flow: true, indent: in.indent}); err != nil {
			return err
		}
		l = p.separator(e)
	}
	out.foot = l.comments
	err := p.expect(closing)
	out.end = p.pos
	return err
}

// separator reads the comma behind an entry and the comments around it. The
// ones below the entry's line are the next one's.
func (p *parser) separator(e *entry) lead {
	l := p.trivia()
	if p.pos < len(p.text) && p.text[p.pos] == ',' {
		p.pos++
		p.behind(e)
		l.comments = append(l.comments, p.trivia().comments...)
	}
	return l
}

// member reads a key and its value, or a dash and its value, off the nodes.
func (p *parser) member(e *entry, nodes []*yaml.Node, of kind, in scope) ([]*yaml.Node, error) {
	if of == mapping {
		if err := p.key(e, nodes[0], nodes[1], in); err != nil {
			return nil, err
		}
		nodes = nodes[1:]
	} else if !in.flow {
		if err := p.expect('-'); err != nil {
			return nil, err
		}
	}
	if e.colon == 0 {
		e.colon = p.pos
	}
	return nodes[1:], p.value(e, nodes[0], in)
}

// key reads a key and its colon, which in brackets may be missing.
func (p *parser) key(e *entry, n, value *yaml.Node, in scope) error {
	if n.Kind != yaml.ScalarNode || unwritten(n) {
		return p.fail("a key is not a text")
	}
	var err error
	if e.key, err = p.node(n, in, lead{}); err != nil {
		return err
	}
	mark, seen := p.pos, len(p.comments)
	between := p.trivia().comments
	if unwritten(value) && in.flow && (p.pos == len(p.text) || p.text[p.pos] != ':') {
		p.pos, p.comments = mark, p.comments[:seen]
		return nil
	}
	e.above(between)
	return p.expect(':')
}

// value reads what is behind the colon or dash, with the comments around it.
func (p *parser) value(e *entry, n *yaml.Node, in scope) (err error) {
	if unwritten(n) {
		e.value = &node{start: p.pos, end: p.pos}
		p.behind(e)
		e.tail = p.pos
		return nil
	}
	l := p.trivia()
	if len(l.comments) > 0 && !l.comments[0].own {
		e.line, l.comments = l.comments[:1:1], l.comments[1:]
	}
	if e.value, err = p.node(n, in, l); err != nil {
		return err
	}
	if !e.value.isBlock() {
		e.above(l.comments)
		e.line = append(e.line, e.value.open...)
		e.value.open = nil
		p.behind(e)
	}
	e.tail = p.pos
	return nil
}

// unique refuses a key that is there twice: which of them counts is for no
// editor to say.
func (p *parser) unique(n *node) error {
	seen := make(map[string]bool, len(n.entries))
	for _, e := range n.entries {
		if n.kind == mapping && seen[e.key.text] {
			return p.fail(fmt.Sprintf("the key %.40q is there twice", e.key.text))
		}
		if n.kind == mapping {
			seen[e.key.text] = true
		}
	}
	return nil
}
