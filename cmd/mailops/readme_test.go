package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the console blocks of the README, in order and in one folder,
// and holds what they print against what it says. A line of three dots stands
// for any number of lines.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "mailops"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "examples", "acme"), os.DirFS("../../examples/acme")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "MAILOPS_STORE=", "NO_COLOR=1",
		"ACME_SCANNER_PASSWORD_HASH={ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$YW4gZXhhbXBsZSwgYW5kIG5vIHJlYWwgcGFzc3dvcmQh")
	blocks := regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 5 {
		t.Fatalf("the README has %d console blocks", len(blocks))
	}
	for _, block := range blocks {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			shell := exec.CommandContext(t.Context(), "sh", "-c", command+"\npwd >"+bin+"/cwd")
			shell.Dir, shell.Env = dir, env
			out, _ := shell.CombinedOutput() // what is refused is part of the tour
			if !printed(want, string(out)) {
				t.Errorf("$ %s\nprints:\n%s\nthe README says:\n%s", command, out, want)
			}
			if cwd, err := os.ReadFile(bin + "/cwd"); err == nil {
				dir = strings.TrimSpace(string(cwd))
			}
		}
	}
}

// printed reports whether the output is what the README shows.
func printed(want, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	for line := range strings.Lines(strings.TrimRight(want, "\n") + "\n") {
		switch line {
		case "...\n":
			pattern.WriteString(`(?:.*\n)*?`)
		case "\n":
			pattern.WriteString(`\n?`)
		default:
			pattern.WriteString(regexp.QuoteMeta(line))
		}
	}
	pattern.WriteString(`$`)
	return regexp.MustCompile(pattern.String()).MatchString(got)
}
