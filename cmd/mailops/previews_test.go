package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/reconcile/preview"
	"mailops/schema"
)

// A pull request is a txtar archive in testdata/previews. Its comment says what
// the author did. Its files are what goes in:
//
//	earlier/FILE   the declarations of an earlier commit of main, applied
//	base/FILE      those of main, applied; mailops.yaml, where it is left out, is
//	               baseOrganization
//	head/FILE      those of the pull request; what it does not have is as in base
//	later/FILE     those of a commit of main since, applied
//	gone           the files that the pull request deletes, as patterns
//	live.sql       what somebody did to the live store by hand
//	observed.json  what users own there, by address
//	flags          more flags of plan
//
// and what comes out, which UPDATE=1 rewrites: what plan prints in each format,
// its exit code, and what it says beside.
//
// A FILE with {1..500} in its name is 500 files, and {n} in its text their number.
type pullRequest struct {
	archive *txtar.Archive
	dir     string // the work tree
	where   string // of the declarations, in it
}

// previewTime is when the pull requests are looked at.
const previewTime = "2026-11-02T09:00:00Z"

var previewFormats = []string{formatText, formatMarkdown, formatJSON, formatSARIF, formatGitHub}

// raced reports whether the race detector looks on. It makes planning ten times as
// slow, and there is nothing for it in writing one plan in five formats.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestPreviews: what reviewers are shown of a pull request is what the archive
// holds, to the letter.
func TestPreviews(t *testing.T) {
	t.Parallel()
	const some = 6 // stories under the race detector one is run of; `make test` runs all without it
	for i, file := range previewFiles(t) {
		if raced() && i%some != 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pr := &pullRequest{archive: archive, dir: t.TempDir(), where: "."}
			pr.build(t)
			got := pr.shown(t)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); diff != "" {
				t.Errorf("%s (-want +got; UPDATE=1 takes it over):\n%s", filepath.Base(file), diff)
			}
		})
	}
}

func previewFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/previews/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("there are %d pull requests: %v", len(files), err)
	}
	return files
}

// text is a file of the archive; "" when it has none.
func (pr *pullRequest) text(name string) string {
	for _, f := range pr.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// has reports whether the archive has a file, or some in a folder/.
func (pr *pullRequest) has(name string) bool {
	return slices.ContainsFunc(pr.archive.Files, func(f txtar.File) bool {
		return f.Name == name || strings.HasSuffix(name, "/") && strings.HasPrefix(f.Name, name)
	})
}

// shown is the archive with what plan shows of the pull request. The exit code is
// one for all formats.
func (pr *pullRequest) shown(t *testing.T) *txtar.Archive {
	t.Helper()
	outputs := append([]string{"exit", "stderr"}, previewFormats...)
	out := &txtar.Archive{Comment: pr.archive.Comment}
	for _, f := range pr.archive.Files {
		if !slices.Contains(outputs, f.Name) {
			out.Files = append(out.Files, f)
		}
	}
	add := func(name, text string) {
		if text != "" {
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	stdout, stderr, exit := pr.plan(t, previewFormats[0])
	add("exit", strconv.Itoa(exit)+"\n")
	add("stderr", pr.masked(stderr))
	add(previewFormats[0], pr.masked(stdout))
	for _, format := range previewFormats[1:] {
		if raced() {
			add(format, pr.text(format))
			continue
		}
		stdout, _, code := pr.plan(t, format)
		if code != exit {
			t.Errorf("exit code %d with --format %s, and %d with %s", code, format, exit, previewFormats[0])
		}
		add(format, pr.masked(stdout))
	}
	return out
}

// plan looks at the pull request. What no output may hold is refused here.
func (pr *pullRequest) plan(t *testing.T, format string) (stdout, stderr string, code int) {
	t.Helper()
	args := []string{"plan", "--base", "main", "--rev", "pr", "--at", previewTime, "--format", format}
	stdout, stderr, code = pr.mailops(t, append(args, strings.Fields(pr.text("flags"))...)...)
	for _, never := range []string{"panic:", "goroutine ", "\x1b", "%!", "<nil>", "$argon2id$", "Summer2026"} {
		if strings.Contains(stdout+stderr, never) {
			t.Errorf("--format %s prints %q", format, never)
		}
	}
	conforms(t, format, stdout)
	if n := utf8.RuneCountInString(stdout); format == formatMarkdown && n > preview.MarkdownLimit {
		t.Errorf("a comment of %d characters, and the limit is %d", n, preview.MarkdownLimit)
	}
	return stdout, stderr, code
}

// mailops runs the program in this process, at previewTime.
func (pr *pullRequest) mailops(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, previewTime)
	if err != nil {
		t.Fatal(err)
	}
	return pr.mailopsAt(t, at, args...)
}

// mailopsAt runs it at another time.
func (pr *pullRequest) mailopsAt(t *testing.T, at time.Time, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, said bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &said, env: map[string]string{"USER": "ana", "MAILOPS_CACHE": "off"}, now: func() time.Time { return at }}
	code = a.run(t.Context(), append([]string{"-C", filepath.Join(pr.dir, pr.where)}, args...))
	return out.String(), said.String(), code
}

// What differs from machine to machine: the version of the program, which a test
// binary does not know, and the id of a plan, which is also of where the store is.
var (
	ownVersion = regexp.MustCompile(`("name": "mailops",\n *"version": )"[^"]*"`)
	planID     = regexp.MustCompile(`(?m)(^  "id": "|<sub>plan <code>)[0-9a-f]{32}`)
)

// masked makes an output the same everywhere. What is too long to be read is cut,
// and held by its digest.
func (pr *pullRequest) masked(text string) string {
	const most, first, last = 500, 150, 50
	text = strings.NewReplacer(pr.dir, "$WORK", preview.Escape(pr.dir), "$WORK").Replace(text)
	text = ownVersion.ReplaceAllString(text, `$1"VERSION"`)
	text = planID.ReplaceAllString(text, "${1}ID")
	lines := strings.SplitAfter(text, "\n")
	if len(lines) <= most {
		return text
	}
	middle := strings.Join(lines[first:len(lines)-last], "")
	return strings.Join(lines[:first], "") +
		fmt.Sprintf("(%s lines are left out here: sha256 %x)\n", preview.Number(len(lines)-first-last), sha256.Sum256([]byte(middle))) +
		strings.Join(lines[len(lines)-last:], "")
}

// shownID is the id of an effect or a rule, as plans and SARIF logs name it.
var shownID = regexp.MustCompile(`"(?:effect|rule|ruleId)": "([a-z-]+)"`)

// TestPreviewsShowAll: every effect, and every rule about plans, is shown by some
// pull request.
func TestPreviewsShowAll(t *testing.T) {
	t.Parallel()
	shown := make(map[string]bool)
	for _, file := range previewFiles(t) {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pr := &pullRequest{archive: archive}
		for _, id := range shownID.FindAllStringSubmatch(pr.text(formatJSON)+pr.text(formatSARIF), -1) {
			shown[id[1]] = true
		}
	}
	wanted := ruleScan{params: make(map[string][]int), found: make(map[string]bool)}
	for _, dir := range []string{"../../reconcile", "."} {
		for _, f := range parseDir(t, dir) {
			ast.Inspect(f, wanted.declares)
			ast.Inspect(f, wanted.uses)
			ast.Inspect(f, wanted.says)
		}
	}
	for _, e := range preview.Explanations() {
		if rule, ok := schema.RuleNamed(e.ID); ok {
			t.Errorf("%s is an effect and a rule", rule.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(wanted.found)) {
		_, effect := preview.Explained(id)
		if _, rule := schema.RuleNamed(id); !effect && !rule {
			t.Errorf("mailops explain %s knows nothing of it: say in reconcile/preview/effects.go what this effect is", id)
		}
		if !shown[id] && id != "cannot-set" { // SQLite can set everything
			t.Errorf("no pull request in testdata/previews shows %s", id)
		}
	}
}

// says collects the ids of effects: e.say(severity, id, ...).
func (s ruleScan) says(n ast.Node) bool {
	if call, ok := n.(*ast.CallExpr); ok && lastName(call.Fun) == "say" && len(call.Args) >= 4 {
		s.literal(call.Args[1])
	}
	return true
}
