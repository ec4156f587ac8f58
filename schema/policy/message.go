package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"mailops/schema"
)

const (
	maxMessage    = 200 // characters
	maxValue      = 80  // characters of one value within a message
	maxViolations = 20  // of one policy by one resource
)

// places finds the line and column of what CUE counts in bytes.
type places map[string]string // policy file → text

func newPlaces(policies []schema.Source) places {
	p := make(places, len(policies))
	for _, s := range policies {
		p[s.File] = s.Text
	}
	return p
}

func (p places) of(pos token.Pos) schema.Pos {
	at := pos.Position()
	text, offset := p[at.Filename], min(at.Offset, len(p[at.Filename]))
	start := strings.LastIndexByte(text[:offset], '\n') + 1
	return schema.Pos{File: at.Filename, Line: at.Line, Column: utf8.RuneCountInString(text[start:offset]) + 1}
}

// inPolicy is of, for places that lie in a policy.
func (p places) inPolicy(pos token.Pos) (schema.Pos, bool) {
	if !pos.IsValid() {
		return schema.Pos{}, false
	}
	if _, ok := p[pos.Filename()]; !ok {
		return schema.Pos{}, false
	}
	return p.of(pos), true
}

// first is the place in a policy that an error names first.
func (p places) first(err errors.Error) (schema.Pos, bool) {
	for _, pos := range append([]token.Pos{err.Position()}, err.InputPositions()...) {
		if at, ok := p.inPolicy(pos); ok {
			return at, true
		}
	}
	return schema.Pos{}, false
}

// mistakes makes violations of what is wrong with the policies themselves.
func (j *judge) mistakes(err error) []Violation {
	var out []Violation
	for _, e := range grouped(err) {
		out = add(out, j.mistake(e))
	}
	return out
}

func (j *judge) mistake(e group) Violation {
	pos, ok := e.place(j.places)
	if !ok {
		pos = j.written(e.Path())
	}
	return Violation{Policy: pos, Message: j.message(e)}
}

// written is where the top-level field at the head of a path is written, else
// the first policy.
func (j *judge) written(path []string) schema.Pos {
	if len(path) > 0 && j.labels[path[0]].File != "" {
		return j.labels[path[0]]
	}
	return schema.Pos{File: j.first}
}

// violations makes violations of the reasons why a resource and a policy do
// not go together.
func (j *judge) violations(d definition, resource cue.Value, err error) []Violation {
	var out []Violation
	for _, e := range grouped(err) {
		steps := e.path()
		pos, ok := e.place(j.places)
		if !ok {
			pos = j.demand(d, strings.Join(steps, "."))
		}
		message := j.message(e)
		if want, ok := strings.CutPrefix(message, "incomplete value "); ok {
			message = "is not set; the policy wants " + want
		}
		v := Violation{Path: fieldPath(steps), Policy: pos, Message: cut(message)}
		if field, ok := strings.CutPrefix(message, "cannot reference optional field: "); ok {
			v.Hint = "ask first whether it is set: if " + field + " != _|_"
		}
		out = add(out, v)
	}
	return out
}

// add appends v, unless it is there already or there are many.
func add(all []Violation, v Violation) []Violation {
	if len(all) >= maxViolations || slices.Contains(all, v) {
		return all
	}
	return append(all, v)
}

// A group is an error, with the reasons why each alternative of a disjunction
// failed.
type group struct {
	errors.Error
	alternatives []errors.Error
}

// grouped lists the errors in err. CUE lists a failed disjunction as an error
// without a place, followed by those of its alternatives.
func grouped(err error) []group {
	var out []group
	for _, e := range errors.Errors(err) {
		if n := len(out); n > 0 && out[n-1].disjunction() && within(out[n-1].Path(), e.Path()) {
			out[n-1].alternatives = append(out[n-1].alternatives, e)
			continue
		}
		out = append(out, group{Error: e})
	}
	return out
}

func (g group) disjunction() bool {
	format, _ := g.Msg()
	return strings.Contains(format, "empty disjunction")
}

func within(outer, inner []string) bool {
	return len(inner) >= len(outer) && slices.Equal(outer, inner[:len(outer)])
}

// path leads from the resource to the field, and ends before fields of the
// policy's own.
func (g group) path() []string {
	steps := g.Path()
	if len(steps) > 0 {
		steps = steps[1:] // the definition
	}
	if i := slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, "_") || strings.HasPrefix(s, "#") }); i >= 0 {
		steps = steps[:i]
	}
	return steps
}

func (g group) place(p places) (schema.Pos, bool) {
	for _, e := range append([]errors.Error{g.Error}, g.alternatives...) {
		if pos, ok := p.first(e); ok {
			return pos, true
		}
	}
	return schema.Pos{}, false
}

// message is what an error says, without its path, with values cut.
func (j *judge) message(g group) string {
	if len(g.alternatives) == 0 {
		return cut(j.names.written(text(g.Error)))
	}
	reasons := make([]string, 0, len(g.alternatives))
	for _, e := range g.alternatives {
		reason := text(e)
		if rest := e.Path()[len(g.Path()):]; len(rest) > 0 {
			reason = fieldPath(rest) + ": " + reason
		}
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	return cut(j.names.written("no alternative fits: " + strings.Join(slices.Compact(reasons), "; ")))
}

func text(e errors.Error) string {
	format, args := e.Msg()
	args = slices.Clone(args)
	for i, a := range args {
		switch a.(type) {
		case int, int64, rune, bool:
		default:
			args[i] = short(a)
		}
	}
	message := fmt.Sprintf(format, args...)
	if inner := errors.Unwrap(e); inner != nil {
		message = strings.Trim(message+": "+reason(inner), ": ")
	}
	return strings.Join(strings.Fields(message), " ")
}

// reason is what the error says that another one wraps.
func reason(err error) string {
	if e, ok := err.(errors.Error); ok {
		return text(e)
	}
	return short(err)
}

// short prints a value: a whole struct is told by its first field, a long text
// by its beginning.
func short(value any) string {
	s := []rune(fmt.Sprint(value))
	switch {
	case len(s) <= maxValue:
		return string(s)
	case s[0] == '{':
		return "{…}"
	}
	return string(s[:maxValue-1]) + "…"
}

func cut(message string) string {
	if utf8.RuneCountInString(message) <= maxMessage {
		return message
	}
	return string([]rune(message)[:maxMessage-1]) + "…"
}

// fieldPath writes the steps to a field as schema does: sendAs[0].
func fieldPath(steps []string) string {
	path := ""
	for _, s := range steps {
		if i, err := strconv.Atoi(s); err == nil {
			path = schema.IndexPath(path, i)
			continue
		}
		path = schema.JoinPath(path, s)
	}
	return path
}
