package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"mailops/schema"
)

// The limits of one document's shape.
const (
	maxDepth  = 32       // levels of nesting
	maxScalar = 64 << 10 // bytes of one scalar
	maxMarks  = 600_000  // characters of a file that can begin a node
)

// parse reads every document of a file into nodes. What is wrong with the YAML
// is a problem; a document that has one is left out. It never decodes into Go
// types and never follows an alias: yaml.v3 takes 5 GB for 30 KB of duplicate
// keys that way, and 342 bytes of aliases become 545 million nodes.
func parse(file string, text []byte) ([]schema.Node, schema.Problems) {
	if problem := shape(file, text); problem != nil {
		return nil, schema.Problems{*problem}
	}
	var out []schema.Node
	var problems schema.Problems
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		switch err := decode(decoder, &doc); {
		case errors.Is(err, io.EOF):
			return out, problems
		case err != nil:
			return out, append(problems, syntaxProblem(file, text, err))
		}
		if len(doc.Content) == 0 || empty(doc.Content[0]) {
			continue
		}
		c := converter{file: file}
		node := c.convert(doc.Content[0], 0)
		problems = append(problems, c.problems...)
		if len(c.problems) == 0 {
			out = append(out, node)
		}
	}
}

// decode reads one document. A panic of the YAML library is an error: no input
// makes the program stop.
func decode(d *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return d.Decode(into)
}

// empty reports whether a document says nothing: comments alone, or a bare ---.
func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" }

// shape refuses texts that are small and yet cost much to parse, before they
// are parsed: too many nodes, or flow collections nested too deep.
func shape(file string, text []byte) *schema.Problem {
	marks, depth := 0, 0
	for i, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case ',', ':', '\n', '-':
		default:
			continue
		}
		if marks++; marks > maxMarks || depth > 1000 {
			return &schema.Problem{Pos: posAt(file, text, i), Rule: "yaml-limit",
				Message: "holds more than one file may", Hint: "one file a user reads best"}
		}
	}
	return nil
}

var syntaxError = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?(?:line (\d+): )?(?s)(.*)$`)

// syntaxProblem gives an error of the YAML library a place.
func syntaxProblem(file string, text []byte, err error) schema.Problem {
	m := syntaxError.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1])
	lines := bytes.Split(text, []byte("\n"))
	line = min(max(line, 1), len(lines))
	p := schema.Problem{Pos: schema.Pos{File: file, Line: line, Column: 1}, Rule: "yaml-syntax", Message: m[2]}
	for i := max(0, line-2); i < min(line+1, len(lines)); i++ {
		indent := lines[i][:len(lines[i])-len(bytes.TrimLeft(lines[i], " \t"))]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 {
			p.Pos.Line, p.Pos.Column = i+1, tab+1
			p.Rule, p.Message, p.Hint = "yaml-tab", "a tab indents this line", "YAML is indented with spaces"
			break
		}
	}
	return p
}

// A converter turns yaml.v3's nodes into ours and collects what we refuse.
type converter struct {
	file     string
	problems schema.Problems
}

func (c *converter) refuse(n *yaml.Node, rule, message, hint string) {
	const enough = 20 // of one document: a bomb of duplicate keys is not worth more lines
	if len(c.problems) < enough {
		pos := schema.Pos{File: c.file, Line: n.Line, Column: n.Column}
		c.problems = append(c.problems, schema.Problem{Pos: pos, Rule: rule, Message: message, Hint: hint})
	}
}

func (c *converter) convert(n *yaml.Node, depth int) schema.Node {
	out := schema.Node{Line: int32(n.Line), Column: int32(n.Column)}
	switch {
	case depth > maxDepth:
		c.refuse(n, "yaml-limit", fmt.Sprintf("is nested more than %d levels deep", maxDepth), "")
	case n.Kind == yaml.AliasNode:
		c.refuse(n, "yaml-anchor", "aliases are not read", "use a profile")
	case n.Anchor != "":
		c.refuse(n, "yaml-anchor", "anchors are not read", "use a profile")
	case n.Style&yaml.TaggedStyle != 0:
		c.refuse(n, "yaml-tag", "explicit tags such as "+clip(n.Tag)+" are not read", "leave the tag out; quote a text that looks like something else")
	case n.Kind == yaml.ScalarNode:
		out.Kind, out.Text = c.scalar(n)
	case n.Kind == yaml.SequenceNode:
		out.Kind, out.Items = schema.Sequence, c.sequence(n, depth)
	case n.Kind == yaml.MappingNode:
		out.Kind, out.Items = schema.Mapping, c.mapping(n, depth)
	}
	return out
}

func (c *converter) sequence(n *yaml.Node, depth int) []schema.Node {
	out := make([]schema.Node, len(n.Content))
	for i, item := range n.Content {
		out[i] = c.convert(item, depth+1)
	}
	return out
}

func (c *converter) mapping(n *yaml.Node, depth int) []schema.Node {
	out := make([]schema.Node, 0, len(n.Content)/2)
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		first, twice := seen[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			c.refuse(key, "yaml-key", "a key must be a plain name", "")
			continue
		case key.Value == "<<" && key.Style == 0 || key.Tag == "!!merge":
			c.refuse(key, "yaml-merge", "merge keys are not read", "use a profile")
			continue
		case key.Anchor != "" || key.Style&yaml.TaggedStyle != 0:
			c.convert(key, depth)
			continue
		case len(key.Value) > maxScalar:
			c.refuse(key, "yaml-limit", "this key is too long", "")
			continue
		case twice:
			c.refuse(key, "yaml-duplicate-key", fmt.Sprintf("%q is set twice; the first time at line %d", clip(key.Value), first), "")
			continue
		}
		seen[key.Value] = key.Line
		item := c.convert(value, depth+1)
		item.Key, item.KeyLine, item.KeyColumn = key.Value, int32(key.Line), int32(key.Column)
		out = append(out, item)
	}
	return out
}

var (
	intText   = regexp.MustCompile(`^[-+]?([0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$`)
	floatText = regexp.MustCompile(`^([-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$`)
)

// scalar resolves a scalar by the core schema of YAML 1.2 §10.3.2: `yes` is a
// text, and so is a date.
func (c *converter) scalar(n *yaml.Node) (schema.NodeKind, string) {
	text := n.Value
	if len(text) > maxScalar {
		c.refuse(n, "yaml-limit", fmt.Sprintf("this value is longer than %d KiB", maxScalar>>10), "")
		return schema.String, ""
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return schema.String, text
	}
	switch text {
	case "", "~", "null", "Null", "NULL":
		return schema.Null, ""
	case "true", "True", "TRUE", "false", "False", "FALSE":
		return schema.Bool, strings.ToLower(text)
	}
	switch {
	case intText.MatchString(text):
		return schema.Int, decimal(text)
	case floatText.MatchString(text):
		return schema.Float, text
	}
	return schema.String, text
}

// decimal writes an integer of any base in decimal, as far as it fits.
func decimal(text string) string {
	digits := strings.TrimPrefix(text, "+")
	base := 10
	if strings.Contains(digits, "0x") || strings.Contains(digits, "0o") {
		base = 0
	}
	if i, err := strconv.ParseInt(digits, base, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	return digits
}

// clip shortens a text for a message.
func clip(s string) string {
	const most = 120 // characters
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most]) + "…"
}
