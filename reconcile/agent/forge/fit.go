package forge

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// roomForEnd is kept free for what ends a text that is cut.
const roomForEnd = 400

// fit puts the marker before a Markdown text, and cuts the text to what the
// forge takes: after a whole line, with what stands open closed, and said.
func fit(marker, body string, most int) string {
	body = strings.ToValidUTF8(strings.ReplaceAll(body, "\x00", ""), "\uFFFD")
	whole := marker + "\n" + body
	size := utf8.RuneCountInString(body)
	if size+utf8.RuneCountInString(marker)+1 <= most {
		return whole
	}
	kept := firstRunes(body, most-roomForEnd-utf8.RuneCountInString(marker)-1)
	if end := strings.LastIndexByte(kept, '\n'); end > 0 {
		kept = kept[:end]
	}
	left := size - utf8.RuneCountInString(kept)
	return marker + "\n" + kept + closing(kept) + fmt.Sprintf("\n\n**Cut here:** %d of %d characters are left out.\n", left, size)
}

// action is how a line begins that GitLab takes for a command, such as /merge.
var action = regexp.MustCompile(`(?m)^([ \t\r\f\v]*)/`)

// withoutActions takes the effect from lines that would be commands: what a
// comment quotes is written by others, and would run with our rights. The
// backslash is not shown outside code.
func withoutActions(body string) string { return action.ReplaceAllString(body, `$1\/`) }

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// closing ends the code block and the details that a cut text is in; otherwise
// they would swallow the words that say so.
func closing(text string) string {
	fence, details := "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		mark := fenceOf(line)
		switch {
		case fence == "" && mark != "":
			fence = mark
		case fence != "":
			if strings.HasPrefix(mark, fence) && mark == line {
				fence = ""
			}
		default:
			details += strings.Count(line, "<details") - strings.Count(line, "</details>")
		}
	}
	var b strings.Builder
	if fence != "" {
		b.WriteString("\n" + fence)
	}
	b.WriteString(strings.Repeat("\n\n</details>", min(max(details, 0), 16)))
	return b.String()
}

// fenceOf returns the backticks or tildes that begin a code block.
func fenceOf(line string) string {
	for _, mark := range []string{"`", "~"} {
		if fence := line[:len(line)-len(strings.TrimLeft(line, mark))]; len(fence) >= 3 {
			return fence[:min(len(fence), 100)]
		}
	}
	return ""
}
