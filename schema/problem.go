package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Pos is a place in a file. Line and Column count from 1; Column counts
// characters. A Line of 0 means the file as a whole.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String prints file:line:column, or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders places by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(strings.Compare(p.File, q.File), p.Line-q.Line, p.Column-q.Column)
}

// A Problem is a mistake in a declaration. Its message holds no secret.
type Problem struct {
	Pos     Pos    `json:"pos"`
	Kind    Kind   `json:"kind,omitempty"`
	Name    string `json:"name,omitempty"` // of the resource; "" when it has none yet
	Path    string `json:"path,omitempty"` // of the field, such as mailboxActions.imap
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Also    Pos    `json:"also,omitzero"` // the other place, where two bring it about together
}

// String prints the problem on one line: file:line:col: kind/name.path: message (rule).
func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", p.Pos)
	if subject := p.Subject(); subject != "" {
		b.WriteString(subject + ": ")
	}
	fmt.Fprintf(&b, "%s (%s)", p.Message, p.Rule)
	return b.String()
}

// Subject names what the problem is about, such as User/ana@acme.example.quota.
func (p Problem) Subject() string {
	subject := string(p.Kind)
	if p.Name != "" {
		subject += "/" + p.Name
	}
	if p.Path != "" {
		subject += "." + p.Path
	}
	return strings.TrimPrefix(subject, ".")
}

// Error is String: a problem is an error of its own.
func (p Problem) Error() string { return p.String() }

// Problems are all the mistakes of a set of declarations. As an error it
// prints each on a line of its own.
type Problems []Problem

// Error prints every problem, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each problem as an error.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Sorted returns the problems by place, each once.
func (ps Problems) Sorted() Problems {
	out := slices.Clone(ps)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Subject(), b.Subject()),
			strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}

// Without returns the problems that are not of these rules.
func (ps Problems) Without(rules ...string) Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return slices.Contains(rules, p.Rule) })
}

// Err returns the problems as an error, nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps.Sorted()
}

// An Origin is where an effective value comes from.
type Origin struct {
	Pos
	Via string `json:"via,omitempty"` // profile sales | schedule leave | default | organization | domain; "" is the resource itself
}

// String prints the place, and how the value came from there.
func (o Origin) String() string {
	if o.Via == "" {
		return o.Pos.String()
	}
	return o.Pos.String() + " (" + o.Via + ")"
}
