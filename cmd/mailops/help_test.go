package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// verbs are those of the command table, by name.
func verbs() []string {
	var names []string
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	slices.Sort(names)
	return names
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// codeTable reads a table of exit codes: a row's code, then what it means.
func codeTable(t *testing.T, row, text string) map[int]string {
	t.Helper()
	out := make(map[int]string)
	for _, m := range regexp.MustCompile(row).FindAllStringSubmatch(text, -1) {
		code, err := strconv.Atoi(m[1])
		if err != nil || out[code] != "" {
			t.Errorf("exit code %s stands there twice, or is none", m[1])
		}
		out[code] = m[2]
	}
	if len(out) == 0 {
		t.Errorf("no table of exit codes with rows like %s", row)
	}
	return out
}

// TestExitCodesAreTold: --help, the README and the program agree.
func TestExitCodesAreTold(t *testing.T) {
	want := make(map[int]string)
	for _, e := range exitCodes {
		want[e.code] = e.meaning
	}
	var help bytes.Buffer
	(&app{out: &help, err: &help, env: map[string]string{}}).run(t.Context(), []string{"--help"})
	if diff := cmp.Diff(want, codeTable(t, `(?m)^  (\d)  (.+)$`, help.String())); diff != "" {
		t.Errorf("--help (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, codeTable(t, `(?m)^\| (\d) \| (.+) \|$`, readme(t))); diff != "" {
		t.Errorf("README.md (-want +got):\n%s", diff)
	}
}

// TestVerbsAreTold: the README's table of verbs holds every verb of the program
// and no other. A row begins with | `VERB ...`; a cell may hold several.
func TestVerbsAreTold(t *testing.T) {
	told := make(map[string]bool)
	_, section, _ := strings.Cut(readme(t), "\n## Verbs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z]+[ `][^|]*?) \\|").FindAllStringSubmatch(strings.ReplaceAll(section, `\|`, "/"), -1) {
		for _, verb := range regexp.MustCompile("`([a-z]+)(?: [^`]*)?`").FindAllStringSubmatch(row[1], -1) {
			told[verb[1]] = true
		}
	}
	if diff := cmp.Diff(verbs(), slices.Sorted(maps.Keys(told))); diff != "" {
		t.Errorf("verbs (-program +README.md):\n%s", diff)
	}
}

// TestScriptsReachEverything: the scripts run every verb, and see every exit
// code but 8: a plan on SQLite is applied whole or not at all, so that no run
// ends half-way. Stores of hosted services will show it.
func TestScriptsReachEverything(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^exit (\d) .*?mailops(?: -C \S+)?(?: ([a-z]+))?`).FindAllStringSubmatch(string(text), -1) {
			seen["exit "+m[1]], seen[m[2]] = true, true
		}
	}
	want := verbs()
	for _, e := range exitCodes {
		if e.code != exitPartial {
			want = append(want, fmt.Sprint("exit ", e.code))
		}
	}
	for _, name := range want {
		if !seen[name] {
			t.Errorf("no script has %s", name)
		}
	}
}
