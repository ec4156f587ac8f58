package edit

import (
	"fmt"
	"strings"
	"time"

	"github.com/sergi/go-diff/diffmatchpatch"
)

const (
	// diffContext is how many equal lines are shown around a change, as
	// diff -u does.
	diffContext = 3
	// diffTime bounds the search for the shortest difference of huge texts;
	// one that is found in time does not depend on it.
	diffTime = 5 * time.Second
)

// A diffLine is a line of a unified diff: what it says of the line (blank, -
// or +), and the line with its line feed, which the last one may lack.
type diffLine struct {
	mark byte
	text string
}

// UnifiedDiff returns the difference of two versions of a file as diff -u
// prints it, for people and for patch; "" when there is none. A version that is
// nil is a file that does not exist.
func UnifiedDiff(name string, before, after []byte) string {
	lines := diffLines(string(before), string(after))
	var b strings.Builder
	oldLine, newLine := 0, 0 // how many lines of each version are done
	for at := 0; ; {
		from, to := hunk(lines, at)
		if from == to {
			break
		}
		for _, l := range lines[at:from] {
			oldLine, newLine = l.count(oldLine, newLine)
		}
		oldEnd, newEnd := oldLine, newLine
		for _, l := range lines[from:to] {
			oldEnd, newEnd = l.count(oldEnd, newEnd)
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(oldLine, oldEnd), span(newLine, newEnd))
		for _, l := range lines[from:to] {
			l.print(&b)
		}
		at, oldLine, newLine = to, oldEnd, newEnd
	}
	if b.Len() == 0 {
		return ""
	}
	return "--- " + side("a/", name, before) + "\n+++ " + side("b/", name, after) + "\n" + b.String()
}

// diffLines marks every line of both versions.
func diffLines(before, after string) []diffLine {
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = diffTime
	a, b, words := dmp.DiffLinesToRunes(before, after)
	var out []diffLine
	for _, d := range dmp.DiffCharsToLines(dmp.DiffMainRunes(a, b, false), words) {
		mark := map[diffmatchpatch.Operation]byte{diffmatchpatch.DiffDelete: '-', diffmatchpatch.DiffEqual: ' ', diffmatchpatch.DiffInsert: '+'}[d.Type]
		for line := range strings.Lines(d.Text) {
			out = append(out, diffLine{mark, line})
		}
	}
	return out
}

// hunk finds the next run of changes from a line on, with its context. Changes
// whose context would touch are one hunk.
func hunk(lines []diffLine, at int) (from, to int) {
	first := at
	for first < len(lines) && lines[first].mark == ' ' {
		first++
	}
	if first == len(lines) {
		return at, at
	}
	last := first
	for i := first; i < len(lines) && i-last <= 2*diffContext+1; i++ {
		if lines[i].mark != ' ' {
			last = i
		}
	}
	return max(at, first-diffContext), min(len(lines), last+1+diffContext)
}

// count counts the line for the versions that it is in.
func (l diffLine) count(before, after int) (int, int) {
	switch l.mark {
	case '-':
		return before + 1, after
	case '+':
		return before, after + 1
	}
	return before + 1, after + 1
}

func (l diffLine) print(b *strings.Builder) {
	b.WriteByte(l.mark)
	b.WriteString(l.text)
	if !strings.HasSuffix(l.text, "\n") {
		b.WriteString("\n\\ No newline at end of file\n")
	}
}

// span is the lines from start up to end, counted from 0, as a hunk's header
// has them: an empty span names the line before it.
func span(start, end int) string {
	switch end - start {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	}
	return fmt.Sprintf("%d,%d", start+1, end-start)
}

// side names a version of the file.
func side(prefix, name string, text []byte) string {
	if text == nil {
		return "/dev/null"
	}
	return prefix + name
}
