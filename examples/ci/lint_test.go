package ci

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// born is the workflow that mailops init writes.
const born = "../../cmd/mailops/skeleton/.github/workflows/mailops.yml"

// place lays the workflows where a repository has them, so that what they say of
// the action beside them is checked, too.
func place(t *testing.T) (string, []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, ".ci/mailops"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	var files []string
	for name, from := range map[string]string{"github.yml": "github.yml", "forgejo.yml": "forgejo.yml", "init.yml": born} {
		file := filepath.Join(dir, ".github/workflows", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, read(t, from), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	// What a runner of one's own is called is told to actionlint so.
	config := "self-hosted-runner: {labels: [docker]}\nconfig-variables: [MAILOPS_SARIF]\n"
	if err := os.WriteFile(filepath.Join(dir, ".github/actionlint.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir, files
}

// TestWorkflows: actionlint, with shellcheck for the scripts in them, has nothing
// to say. It has, of a workflow with a slip: it is awake.
func TestWorkflows(t *testing.T) {
	shellcheck, err := exec.LookPath("shellcheck")
	if err != nil {
		t.Fatalf("%v: it is in .ci/packages.txt", err)
	}
	dir, files := place(t)
	var out bytes.Buffer
	linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{Shellcheck: shellcheck, WorkingDir: dir, Color: actionlint.ColorOptionKindNever})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := linter.LintFiles(files, nil); err != nil || len(found) > 0 {
		t.Errorf("error %v\n%s", err, out.String())
	}
	for what, c := range map[string][2]string{
		"an input":   {"token: ${{", "tokn: ${{"},
		"a property": {"github.ref", "github.reff"},
		"a script":   {`"$RUNNER_TEMP/mailops.sarif" ||`, `$RUNNER_TEMP/mailops.sarif ||`},
	} {
		text := strings.Replace(string(read(t, "github.yml")), c[0], c[1], 1)
		file := write(t, filepath.Join(dir, ".github/workflows"), "slip.yml", text)
		if found, err := linter.LintFile(file, nil); err != nil || len(found) != 1 {
			t.Errorf("a slip in %s: error %v, %v", what, err, found)
		}
	}
}

// TestScripts: the shell, and shellcheck, take every script: those of the
// composite action and of GitLab's template, too, which actionlint does not read.
func TestScripts(t *testing.T) {
	scripts := map[string]string{"install.sh": "sh", "preview.sh": "sh", "pre-commit": "sh"}
	dir := t.TempDir()
	var a action
	decode(t, read(t, "action.yml"), &a)
	for _, s := range a.Runs.Steps {
		scripts[write(t, dir, s.Name, s.Run)] = "sh"
	}
	var template map[string]struct{ Script []string }
	decode(t, read(t, "gitlab.yml"), &template)
	scripts[write(t, dir, "gitlab", strings.Join(template["mailops"].Script, "\n"))] = "bash"
	for script, shell := range scripts {
		for _, check := range [][]string{{shell, "-n", script}, {"shellcheck", "--norc", "-s", shell, script}} {
			if out, err := exec.CommandContext(t.Context(), check[0], check[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", check, err, out)
			}
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var pinned = regexp.MustCompile(`(?m)^\s*- uses: (\./\S+|[\w/-]+@[0-9a-f]{40} # v[\d.]+)$`)

// TestRights: no workflow has more rights than it says why, and nothing that a
// pull request writes reaches another job.
func TestRights(t *testing.T) {
	allowed := map[string]string{"contents": "read", "pull-requests": "write", "security-events": "write"}
	for _, file := range []string{"github.yml", "forgejo.yml", born} {
		text := read(t, file)
		var flow workflow
		decode(t, text, &flow)
		if flow.On != "pull_request" || flow.Permissions == nil {
			t.Errorf("%s: on %q, permissions %v", file, flow.On, flow.Permissions)
		}
		if uses := bytes.Count(text, []byte("uses: ")); uses != len(pinned.FindAll(text, -1)) {
			t.Errorf("%s: an action is not named by its whole hash and version", file)
		}
		for name, job := range flow.Jobs {
			rights := job.Permissions
			if rights == nil {
				rights = flow.Permissions
			}
			for what, how := range rights {
				if allowed[what] != how {
					t.Errorf("%s: %s may %s %s", file, name, how, what)
				}
			}
			if rights["pull-requests"] != "" && rights["security-events"] != "" {
				t.Errorf("%s: %s has the rights of two jobs", file, name)
			}
			for _, s := range job.Steps {
				held(t, file, s)
			}
		}
	}
	if text := string(read(t, "action.yml")) + string(read(t, "gitlab.yml")); strings.Contains(text, "uses:") || strings.Contains(text, "cache:") {
		t.Error("the action or the template uses an action, or a cache")
	}
}

// held holds a step to what its kind may do.
func held(t *testing.T, file string, s step) {
	t.Helper()
	switch {
	case strings.HasPrefix(s.Uses, "actions/checkout@"):
		if s.With["persist-credentials"] != "false" || s.With["fetch-depth"] != "0" {
			t.Errorf("%s: the checkout keeps the token, or not the history: %v", file, s.With)
		}
	case strings.Contains(s.Uses, "cache"), strings.Contains(s.Uses, "artifact"):
		t.Errorf("%s: %s leaves something for other jobs", file, s.Uses)
	}
	for name, value := range s.Env {
		if strings.Contains(value, "token") != (name == "MAILOPS_FORGE_TOKEN") {
			t.Errorf("%s: %s is %s", file, name, value)
		}
	}
}
