package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"os/exec"
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
	"github.com/ncruces/go-sqlite3"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/reconcile/preview"
	"mailops/reconcile/sqlite"
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

// build makes the git repository and the live store.
func (pr *pullRequest) build(t *testing.T) {
	t.Helper()
	for _, f := range pr.archive.Files {
		if folder, found := strings.CutSuffix(f.Name, "/mailops.yaml"); found && strings.HasPrefix(folder, "base/") {
			pr.where = strings.TrimPrefix(folder, "base/")
		}
	}
	pr.git(t, "init", "--quiet", "--object-format=sha1", "--initial-branch=main")
	pr.write(t, ".git/info/exclude", ".mailops/\n")
	if pr.where == "." {
		pr.write(t, "mailops.yaml", baseOrganization)
	}
	for _, folder := range []string{"earlier/", "base/"} {
		if pr.has(folder) {
			pr.commit(t, folder)
			pr.apply(t)
		}
	}
	pr.git(t, "checkout", "--quiet", "-b", "pr")
	for pattern := range strings.Lines(pr.text("gone")) {
		pr.git(t, "rm", "--quiet", "-r", strings.TrimSpace(pattern))
	}
	pr.commit(t, "head/")
	if pr.has("later/") {
		pr.git(t, "checkout", "--quiet", "main")
		pr.commit(t, "later/")
		pr.apply(t)
	}
	pr.byHand(t)
}

// commit writes the files of a folder of the archive and commits them.
func (pr *pullRequest) commit(t *testing.T, folder string) {
	t.Helper()
	for _, f := range pr.archive.Files {
		if name, found := strings.CutPrefix(f.Name, folder); found {
			for name, text := range series(t, name, string(f.Data)) {
				pr.write(t, name, text)
			}
		}
	}
	pr.git(t, "add", "--all")
	pr.git(t, "commit", "--quiet", "--allow-empty", "--message", strings.TrimSuffix(folder, "/"))
}

var seriesName = regexp.MustCompile(`\{1\.\.(\d+)\}`)

// series is the one file that a name stands for, or all of them.
func series(t *testing.T, name, text string) map[string]string {
	t.Helper()
	of := seriesName.FindStringSubmatch(name)
	if of == nil {
		return map[string]string{name: text}
	}
	most, err := strconv.Atoi(of[1])
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string, most)
	for n := 1; n <= most; n++ {
		number := fmt.Sprintf("%0*d", len(of[1]), n)
		out[strings.Replace(name, of[0], number, 1)] = strings.ReplaceAll(text, "{n}", number)
	}
	return out
}

func (pr *pullRequest) write(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(pr.dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// apply applies the work tree. Where main may be wrong, since it was right before,
// the live store stays as the last right one left it.
func (pr *pullRequest) apply(t *testing.T) {
	t.Helper()
	out, said, code := pr.mailops(t, "apply", "--yes")
	if code != exitDone && !(code == exitInvalid && pr.has("earlier/")) {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, said)
	}
}

// byHand does to the live store what users and somebody else did.
func (pr *pullRequest) byHand(t *testing.T) {
	t.Helper()
	live := filepath.Join(pr.dir, pr.where, defaultStore)
	if text := pr.text("observed.json"); text != "" {
		var observed map[schema.Address]schema.Observed
		s, err := sqlite.Open(t.Context(), live, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		err = json.Unmarshal([]byte(text), &observed)
		for address, o := range observed {
			err = errors.Join(err, s.SetObserved(t.Context(), address, o))
		}
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if text := pr.text("live.sql"); text != "" {
		db, err := sqlite3.Open("file:" + live)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(db.Exec("PRAGMA foreign_keys = ON"), db.Exec(text), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
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

// git runs git in the work tree, with none of this machine's settings, so that
// commits have the same names everywhere.
func (pr *pullRequest) git(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = pr.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + pr.dir, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example", "GIT_AUTHOR_DATE=" + previewTime,
		"GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example", "GIT_COMMITTER_DATE=" + previewTime}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
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
	for _, id := range slices.Sorted(maps.Keys(wanted.found)) {
		if !shown[id] {
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
