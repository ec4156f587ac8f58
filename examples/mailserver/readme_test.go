package mailserver_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailops/schema"
)

// TestReadme: the README's table of what is enforced names proofs that there
// are, all of them, and has a row for each field that a declaration can set.
func TestReadme(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "## What is enforced, and by what\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the README has no table of what is enforced")
	}
	there := testNames(t)
	for _, p := range proofs() {
		there = append(there, p.name)
	}
	var named []string
	declared := ""
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 3 || strings.HasPrefix(line, "|---") || strings.Contains(cells[2], "proof") {
			continue
		}
		declared += cells[0]
		for name := range strings.SplitSeq(cells[2], ",") {
			name = strings.TrimSpace(name)
			top, _, _ := strings.Cut(name, "/")
			if name != "" && !strings.Contains(name, " ") && !slices.Contains(there, top) {
				t.Errorf("the README names the proof %s, and there is none", name)
			}
			named = append(named, name)
		}
	}
	for _, p := range proofs() {
		if !slices.Contains(named, p.name) {
			t.Errorf("the README does not name the proof %s", p.name)
		}
	}
	for _, kind := range schema.LiveKinds {
		for _, f := range schema.Fields(kind) {
			last := f.Path[strings.LastIndex(f.Path, ".")+1:]
			if kind == schema.KindUser && !strings.Contains(declared, f.Path) && !strings.Contains(declared, "."+last) && !strings.Contains(declared, "`"+strings.Split(f.Path, ".")[0]+"`") {
				t.Errorf("the README does not say what enforces %s", f.Path)
			}
		}
	}
}

// testNames are the tests of this package and of the PostgreSQL store.
func testNames(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*_test.go", "../../reconcile/postgres/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for name := range parsed.Scope.Objects {
				if strings.HasPrefix(name, "Test") {
					out = append(out, name)
				}
			}
		}
	}
	return out
}
