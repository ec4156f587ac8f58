package preview

import (
	"fmt"
	"io"
	"strings"
)

// mostOfLevel is how many annotations of a level GitHub shows of one step.
const mostOfLevel = 10

// commands are GitHub's words for levels.
var commands = map[Level]string{LevelError: "error", LevelWarning: "warning", LevelNote: "notice"}

// GitHub writes notes as workflow commands, which GitHub shows at the lines of
// the pull request. Of each level it shows ten: the last one says how many more
// there are.
func GitHub(w io.Writer, notes []Note, folder string) error {
	total, done := make(map[Level]int), make(map[Level]int)
	for _, n := range notes {
		total[n.Level]++
	}
	var b strings.Builder
	for _, n := range notes {
		if done[n.Level]++; done[n.Level] > mostOfLevel {
			continue
		}
		text := n.said()
		if more := total[n.Level] - mostOfLevel; done[n.Level] == mostOfLevel && more > 0 {
			text += fmt.Sprintf("\nand %s: the preview has all of them", many(more, "more "+commands[n.Level], "more "+commands[n.Level]+"s"))
		}
		at := inRepository(n.Pos, folder)
		fmt.Fprintf(&b, "::%s file=%s", commands[n.Level], property(at.File))
		if at.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", at.Line, max(1, at.Column))
		}
		fmt.Fprintf(&b, ",title=%s::%s\n", property("mailops "+n.Rule), data(text))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// What the runner takes for its own in the text of a command, and in its
// properties (actions/toolkit, packages/core/src/command.ts).
var (
	dataEscapes     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func data(s string) string     { return dataEscapes.Replace(s) }
func property(s string) string { return propertyEscapes.Replace(s) }
