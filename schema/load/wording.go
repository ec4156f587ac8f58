package load

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"mailops/schema"
)

// mismatch says what a value is and what it must be.
func mismatch(n *schema.Node, want string) string {
	switch n.Kind {
	case schema.Null:
		return "has no value; it must be " + want
	case schema.Mapping, schema.Sequence:
		return fmt.Sprintf("is %s; it must be %s", n.Kind, want)
	}
	return fmt.Sprintf("%s is %s; it must be %s", shown(n), n.Kind, want)
}

// shown quotes a text for a message, unless it looks like a secret that stands
// in the wrong place: a password hash, or a private key.
func shown(n *schema.Node) string {
	if hashLike.MatchString(n.Text) || strings.Contains(n.Text, "PRIVATE KEY") {
		return "this value, which looks like a secret,"
	}
	return strconv.Quote(clip(n.Text))
}

var hashLike = regexp.MustCompile(`^(\{[A-Z0-9.-]+\}|\$[0-9a-z]+\$)`)

// lineBreak is the hint for a text that | or > ends with a line break.
func lineBreak(text string) string {
	if strings.HasSuffix(text, "\n") {
		return "the text ends with a line break: write it in quotes, or with >-"
	}
	return ""
}

func (f *fieldLaw) wanted() string {
	if f.hint != "" {
		return f.hint
	}
	return "what the law allows here"
}

// advice is the hint to print after a message that does not hold it.
func (f *fieldLaw) advice() string {
	if f.words != nil {
		return oneOf(f.words)
	}
	return f.hint
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "one of " + strings.Join(words, ", ")
}

// suggest names the word that was probably meant.
func suggest(got string, words []string) string {
	local, _, _ := strings.Cut(got, "@") // the domain of an address is mostly right
	best, distance := "", 3+len(local)/8 // about as many slips as a typing hand makes
	for _, w := range words {
		if d := utf8.RuneCountInString(w) - utf8.RuneCountInString(got); max(d, -d) >= distance {
			continue
		}
		if d := editDistance(strings.ToLower(got), strings.ToLower(w)); d < distance {
			best, distance = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment), up to 64 characters.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 64
	}
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(x); i++ {
		next := make([]int, len(y)+1)
		next[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
