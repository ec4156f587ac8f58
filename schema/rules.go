package schema

import (
	"embed"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// A Rule is something that mailops checks, by the id that every message of it
// carries. Its examples are small repositories; tests run them.
type Rule struct {
	ID      string
	Purpose string   // a sentence or two: what the rule is for
	Pass    []Source // declarations that it accepts
	Fail    []Source // declarations that it refuses
	Live    []Source // for rules about plans: what the live store holds before
	Owned   []Source // for rules about plans: what users own there, as JSON by address
	Args    []string // for rules about plans: flags of the plan
}

// The catalogue: one archive a rule, in the txtar format of
// golang.org/x/tools/txtar. The comment is the purpose; the files lie in pass/,
// fail/ and live/; owned.json and args stand alone.
//
//go:embed rules/*.txtar
var ruleArchives embed.FS

// Rules lists every rule, by id.
var Rules = sync.OnceValue(func() []Rule {
	files, err := fs.Glob(ruleArchives, "rules/*.txtar")
	if err != nil {
		panic("schema: " + err.Error()) // the pattern is a constant
	}
	rules := make([]Rule, 0, len(files))
	for _, file := range files {
		text, err := ruleArchives.ReadFile(file)
		if err != nil {
			panic("schema: " + err.Error()) // the file is embedded
		}
		rules = append(rules, parseRule(strings.TrimSuffix(path.Base(file), ".txtar"), string(text)))
	}
	return rules
})

// RuleNamed returns the rule of that id.
func RuleNamed(id string) (Rule, bool) {
	for _, r := range Rules() {
		if r.ID == id {
			return r, true
		}
	}
	return Rule{}, false
}

func parseRule(id, text string) Rule {
	r := Rule{ID: id}
	for _, section := range archive(text) {
		folder, name, _ := strings.Cut(section.File, "/")
		source := Source{File: name, Text: section.Text}
		switch folder {
		case "":
			r.Purpose = strings.TrimSpace(section.Text)
		case "pass":
			r.Pass = append(r.Pass, source)
		case "fail":
			r.Fail = append(r.Fail, source)
		case "live":
			r.Live = append(r.Live, source)
		case "owned.json":
			r.Owned = append(r.Owned, Source{File: folder, Text: section.Text})
		case "args":
			r.Args = strings.Fields(section.Text)
		}
	}
	return r
}

// archive splits a txtar text into its comment, which has no name, and files.
func archive(text string) []Source {
	sections := []Source{{}}
	for line := range strings.Lines(text) {
		marker := strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(marker, "-- "); ok && strings.HasSuffix(name, " --") {
			sections = append(sections, Source{File: strings.TrimSuffix(name, " --")})
			continue
		}
		sections[len(sections)-1].Text += line
	}
	return sections
}
