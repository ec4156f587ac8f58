package policy

import (
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue/ast"

	"mailops/schema"
)

// A remark is what a policy's own comment says of a part of it: who breaks a policy
// is told so in its author's words, and not in CUE's alone.
type remark struct {
	start, end schema.Pos
	text       string
}

const maxRemark = 120 // characters

// remarksOf are the comments above the declarations of a file, in order.
func (p places) remarksOf(f *ast.File) []remark {
	var out []remark
	ast.Walk(f, func(n ast.Node) bool {
		decl, ok := n.(ast.Decl)
		if !ok {
			return true
		}
		for _, group := range ast.Comments(decl) {
			if text := sentence(group.Text()); group.Doc && text != "" {
				out = append(out, remark{p.of(decl.Pos()), p.of(decl.End()), text})
			}
		}
		return true
	}, nil)
	return out
}

// sentence is the first sentence of a comment, without the full stop; "" when it
// is too long to be told.
func sentence(comment string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(comment), "\n\n")
	words := strings.Join(strings.Fields(first), " ")
	if one, _, more := strings.Cut(words, ". "); more {
		words = one
	}
	words = strings.TrimSuffix(words, ".")
	if utf8.RuneCountInString(words) > maxRemark {
		return ""
	}
	return words
}

// remarked puts what the author of a policy says of the innermost part around a
// place before what CUE says.
func (j *judge) remarked(at schema.Pos, message string) string {
	said := remark{}
	for _, r := range j.remarks { // what is further in comes later
		if r.start.File == at.File && r.start.Compare(at) <= 0 && at.Compare(r.end) < 0 {
			said = r
		}
	}
	if said.text == "" {
		return message
	}
	return cut(said.text + " (" + message + ")")
}
