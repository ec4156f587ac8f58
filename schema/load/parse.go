package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"mailops/schema"
)

// The limits of one document's shape.
const (
	maxDepth  = 32       // levels of nesting
	maxScalar = 64 << 10 // bytes of one scalar
	maxMarks  = 600_000  // characters of a file that can begin a node or a comment
)

// parse reads every document of a file into nodes. What is wrong with the YAML
// is a problem; a document that has one is left out. It never decodes into Go
// types and never follows an alias: yaml.v3 takes 5 GB for 30 KB of duplicate
// keys that way, and 342 bytes of aliases become 545 million nodes.
func parse(file string, text []byte) ([]schema.Node, schema.Problems) {
	if problem := shape(file, text); problem != nil {
		return nil, schema.Problems{*problem}
	}
	if at := conflict.FindIndex(text); at != nil {
		return nil, schema.Problems{{Pos: posAt(file, text, at[0]), Rule: "yaml-syntax",
			Message: "a merge conflict is left in this file", Hint: "keep what is right of both sides, and take the lines of <<<<<<<, ======= and >>>>>>> out"}}
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
func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" && n.Style == 0 && n.Anchor == ""
}

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
		case ',', ':', '\n', '-', '#':
		default:
			continue
		}
		if marks++; marks > maxMarks || depth > 1000 {
			return &schema.Problem{Pos: posAt(file, text, i), Rule: "yaml-limit",
				Message: "holds more than one file may: too many values, or brackets in brackets", Hint: "a file for each user, or each team, reads best"}
		}
	}
	return nil
}

// conflict finds what git leaves of a merge that nobody has resolved (git-merge(1),
// "How conflicts are presented").
var conflict = regexp.MustCompile(`(?m)^(<<<<<<<|>>>>>>>) .*$`)

var (
	syntaxError   = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?(?:line (\d+): )?(?s)(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// advice says what is mostly behind an error of the YAML library.
var advice = []struct{ message, hint string }{
	{"mapping values are not allowed", "check the indentation; quote a text that holds a colon"},
	{"did not find expected key", "check the indentation; what belongs together begins in one column"},
	{"did not find expected '-'", "check the indentation; the dashes of a list stand in one column"},
	{"did not find expected ',' or", "close the bracket, and put commas between the values"},
	{"did not find expected node content", "close the bracket, and put commas between the values"},
	{"could not find expected ':'", "a key is followed by a colon and a blank"},
	{"cannot start any token", "quote a text that begins with @, ` or %"},
	{"found unexpected end of stream", "close the quote"},
	{"hexdecimal number", "a backslash in double quotes begins an escape; use single quotes"},
	{"incompatible YAML document", "leave the %YAML line out"},
	{"unknown escape character", "a backslash in double quotes begins an escape; use single quotes"},
}

// syntaxProblem gives an error of the YAML library a place and a hint. The
// library's message holds no text of the file but the name of an alias, which
// may be a password that begins with an asterisk.
func syntaxProblem(file string, text []byte, err error) schema.Problem {
	m := syntaxError.FindStringSubmatch(err.Error())
	if alias := unknownAnchor.FindStringSubmatch(m[2]); alias != nil {
		at := max(0, bytes.Index(text, []byte("*"+alias[1])))
		return schema.Problem{Pos: posAt(file, text, at), Rule: "yaml-anchor", Message: "aliases are not read",
			Hint: "use a profile; quote a text that begins with an asterisk"}
	}
	lines := bytes.Split(text, []byte("\n"))
	line := errorLine(text, m[1], m[2])
	line = min(max(line, 1), len(lines))
	p := schema.Problem{Pos: schema.Pos{File: file, Line: line, Column: 1}, Rule: "yaml-syntax", Message: m[2]}
	for _, a := range advice {
		if strings.Contains(m[2], a.message) {
			p.Hint = a.hint
		}
	}
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

// errorLine finds the line at which reading goes wrong. The library names the
// line at which the mapping or list around it begins, which may be far above:
// so it is the shortest beginning of the text that fails in the same way.
func errorLine(text []byte, named, message string) int {
	const most = 32 << 10 // bytes that are worth reading a dozen times
	if len(text) > most {
		line, _ := strconv.Atoi(named)
		return line
	}
	var ends []int
	for i, c := range text {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(text))
	fails := func(i int) bool {
		decoder := yaml.NewDecoder(bytes.NewReader(text[:ends[i]]))
		for {
			var doc yaml.Node
			if err := decode(decoder, &doc); err != nil {
				return syntaxError.FindStringSubmatch(err.Error())[2] == message
			}
		}
	}
	return sort.Search(len(ends)-1, fails) + 1
}

// A converter turns yaml.v3's nodes into ours and collects what we refuse.
type converter struct {
	file     string
	secret   bool // what is read now is a password, wrong as its form may be
	problems schema.Problems
}

// name shows a key, unless it may be a password.
func (c *converter) name(key *yaml.Node) string {
	if c.secret {
		return "a key"
	}
	return strconv.Quote(clip(key.Value))
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
		c.refuse(n, "yaml-tag", "explicit tags are not read", "leave the tag out; quote a text that begins with an exclamation mark")
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
			c.refuse(key, "yaml-duplicate-key", fmt.Sprintf("%s is set twice; the first time at line %d", c.name(key), first), "")
			continue
		}
		seen[key.Value] = key.Line
		secret := c.secret
		c.secret = secret || key.Value == "password"
		item := c.convert(value, depth+1)
		c.secret = secret
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
	case "true", "True", "TRUE":
		return schema.Bool, "true"
	case "false", "False", "FALSE":
		return schema.Bool, "false"
	}
	switch {
	case intText.MatchString(text):
		return schema.Int, decimal(text)
	case floatText.MatchString(text):
		return schema.Float, text
	}
	return schema.String, text
}

// decimal writes an integer of any base in decimal.
func decimal(text string) string {
	digits := strings.TrimPrefix(text, "+")
	base := 10
	if strings.Contains(digits, "0x") || strings.Contains(digits, "0o") {
		base = 0
	}
	if i, err := strconv.ParseInt(digits, base, 64); err == nil {
		return strconv.FormatInt(i, 10)
	}
	if i, ok := new(big.Int).SetString(digits, base); ok && base == 0 {
		return i.String()
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
