package edit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// The limits are those of the design, "How YAML is read".
const (
	maxFile     = 4 << 20
	maxDepth    = 32
	maxMarks    = 600_000 // characters that can begin a node: yaml.v3 takes some 400 bytes for each
	maxBrackets = 1000    // open at once; yaml.v3 goes down recursively
)

// bom is the byte order mark that some editors put before a text.
const bom = "\ufeff"

// A parser walks through the text beside the tree of yaml.v3. pos is always
// the end of what was read.
type parser struct {
	tree
	text    string
	pos     int
	lines   []int // where each line starts
	line    int   // line, column and offset of the node that was last located
	column  int
	offset  int
	depth   int
	pending []comment // read before the root that they belong to
	blank   bool      // a blank line is above what comes next
	last    *document // the last that is not empty
	closed  bool      // the last document has ended
	apart   int       // how many of the pending comments a marker sets apart
}

// parse reads a whole file. The text has no byte order mark.
func parse(source string) (*tree, error) {
	if err := acceptable(source); err != nil {
		return nil, err
	}
	p := parser{text: source, lines: []int{0}, line: 1, column: 1}
	for i := range len(source) {
		if source[i] == '\n' {
			p.lines = append(p.lines, i+1)
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(source)))
	for {
		var n yaml.Node
		err := decode(decoder, &n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = p.document(&n)
		}
		if err != nil {
			return nil, err
		}
	}
	return &p.tree, p.end()
}

// acceptable refuses what line counts could go wrong with: yaml.v3 and editors
// do not agree on which of these end a line.
func acceptable(source string) error {
	switch {
	case len(source) > maxFile:
		return fmt.Errorf("is larger than %d bytes", maxFile)
	case !utf8.ValidString(source):
		return errors.New("is not UTF-8")
	case strings.ContainsAny(source, "\u0085\u2028\u2029"+bom):
		return errors.New("holds a line separator or byte order mark of Unicode; write it as an escape in double quotes")
	case strings.Count(source, "\r") != strings.Count(source, "\r\n"):
		return errors.New("holds a carriage return without a line feed")
	}
	return shallow(source)
}

// shallow refuses a text that is small and yet costs much to parse.
func shallow(source string) error {
	marks, open := 0, 0
	for _, c := range []byte(source) {
		switch c {
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case ',', ':', '\n', '-':
		default:
			continue
		}
		if marks++; marks > maxMarks || open > maxBrackets {
			return errors.New("holds more than one file may")
		}
	}
	return nil
}

// decode reads one document. A panic of the library is an error.
func decode(d *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	err = d.Decode(into)
	if err != nil && strings.Contains(err.Error(), "unknown anchor") {
		// The library's own words hold what may be a password with an asterisk.
		return errors.New("aliases are not supported; quote a text that begins with an asterisk")
	}
	return err
}

// document reads one document and what is above it.
func (p *parser) document(n *yaml.Node) error {
	doc := &document{}
	p.docs = append(p.docs, doc)
	if len(n.Content) == 0 || unwritten(n.Content[0]) {
		return nil
	}
	root := n.Content[0]
	at, err := p.locate(root)
	if err != nil {
		return err
	}
	if err := p.between(at, doc); err != nil {
		return err
	}
	var lead lead
	doc.below, doc.head, lead = p.top()
	if root.Style&yaml.FlowStyle != 0 || root.Kind == yaml.ScalarNode {
		doc.head = append(doc.head, lead.comments...)
	}
	if doc.root, err = p.node(root, scope{indent: -1}, lead); err != nil {
		return err
	}
	doc.foot = append(doc.foot, doc.root.open...)
	p.last, p.closed = doc, false
	return nil
}

// top takes the comments above a root: those above the last blank line are
// about the file, the others about its first entry.
func (p *parser) top() (below bool, head []comment, rest lead) {
	all, blank := p.pending, p.blank
	below = blank && len(all) == 0 || len(all) > 0 && all[0].blank
	switch {
	case p.apart == 0:
	case p.apart < len(all):
		all[p.apart].blank = true
	default:
		blank = true
	}
	p.pending, p.apart = nil, 0
	rest = lead{blank: blank}
	for i := len(all); i > 0; i-- {
		if blank {
			return below, all[:i:i], lead{all[i:], rest.blank && i < len(all)}
		}
		blank = all[i-1].blank
	}
	return below, nil, lead{all, rest.blank}
}

// between reads comments and document markers up to the root at that offset.
func (p *parser) between(at int, doc *document) error {
	for {
		l := p.trivia()
		p.pending, p.blank = append(p.pending, l.comments...), l.blank
		if p.pos >= at {
			return nil
		}
		word := p.text[p.pos:min(p.pos+3, at)]
		if word != "---" && word != "..." {
			return p.unexpected()
		}
		p.pos += 3
		if p.last == nil || p.closed {
			p.apart = len(p.pending)
		} else {
			p.last.foot = append(p.last.foot, p.pending...)
			p.pending, p.closed = nil, true
		}
		if doc != nil && word == "---" {
			doc.above = p.blank
		}
	}
}

// end reads what is below the last document.
func (p *parser) end() error {
	if err := p.between(len(p.text), nil); err != nil {
		return err
	}
	if p.last == nil {
		p.tail = p.pending
	} else {
		p.last.foot = append(p.last.foot, p.pending...)
	}
	return nil
}

// locate turns a node's line and column, which counts characters, into an
// offset. Nodes are located in the order of the text, so that a long line is
// walked through once.
func (p *parser) locate(n *yaml.Node) (int, error) {
	if n.Line < p.line || n.Line > len(p.lines) || n.Line == p.line && n.Column < p.column {
		return 0, fmt.Errorf("line %d: cannot be followed", n.Line)
	}
	if n.Line > p.line {
		p.line, p.column, p.offset = n.Line, 1, p.lines[n.Line-1]
	}
	for ; p.column < n.Column && p.offset < len(p.text); p.column++ {
		_, size := utf8.DecodeRuneInString(p.text[p.offset:])
		p.offset += size
	}
	return p.offset, nil
}

func (p *parser) fail(message string) error {
	return fmt.Errorf("line %d: %s", 1+strings.Count(p.text[:min(p.pos, len(p.text))], "\n"), message)
}

func (p *parser) unexpected() error {
	if p.pos >= len(p.text) {
		return p.fail("unexpected end")
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
	return p.fail(fmt.Sprintf("%q is not supported here", r))
}

// expect reads one character.
func (p *parser) expect(c byte) error {
	if p.pos >= len(p.text) || p.text[p.pos] != c {
		return p.unexpected()
	}
	p.pos++
	return nil
}

// unwritten reports whether the node stands for a value that is not there.
func unwritten(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style == 0 && n.Anchor == ""
}
