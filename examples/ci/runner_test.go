package ci

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// A step is what a step of a workflow or of a composite action says.
type step struct {
	Name  string
	ID    string
	If    string
	Uses  string
	Run   string
	Shell string
	With  map[string]string
	Env   map[string]string

	ContinueOnError bool `yaml:"continue-on-error"`
}

// A workflow is one for the runners of GitHub, Gitea and Forgejo.
type workflow struct {
	On          string
	Permissions map[string]string
	Env         map[string]string
	Jobs        map[string]struct {
		Permissions map[string]string
		Steps       []step
	}
}

// An action is a composite one.
type action struct {
	Inputs map[string]struct {
		Default  string
		Required bool
	}
	Runs struct {
		Using string
		Steps []step
	}
}

// decode reads YAML, of it what these tests know of.
func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A runner carries out steps as a runner of a forge does: each in a shell of its
// own, with the environment that is documented.
type runner struct {
	t    *testing.T
	dir  string // the workspace
	temp string
	env  map[string]string
	says map[string]string // what an expression is worth
	path []string          // what steps put before the PATH

	log     strings.Builder // what steps printed
	outputs map[string]string
	failed  int // the exit code of the first step that failed; 0 is none
}

// newRunner makes one with an empty folder for temporary files.
func newRunner(t *testing.T, dir string, env, says map[string]string) *runner {
	r := &runner{t: t, dir: dir, temp: t.TempDir(), env: map[string]string{"CI": "true", "HOME": t.TempDir(), "GORACE": "atexit_sleep_ms=0"}, says: maps.Clone(says)}
	maps.Copy(r.env, env)
	return r
}

// forActions adds what GitHub, Gitea and Forgejo have in common.
func (r *runner) forActions() {
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_OUTPUT"} {
		r.env[name] = filepath.Join(r.temp, name)
		if err := os.WriteFile(r.env[name], nil, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	maps.Copy(r.env, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_WORKSPACE": r.dir, "RUNNER_TEMP": r.temp})
	r.says["runner.temp"] = r.temp
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// worth is the value of an expression that stands in says, or is a name. No
// other can stand in the workflows.
func (r *runner) worth(expr string, inputs map[string]string) string {
	r.t.Helper()
	if v, known := r.says[expr]; known {
		return v
	}
	for prefix, from := range map[string]map[string]string{"env.": r.env, "inputs.": inputs, "steps.": r.outputs} {
		if name, is := strings.CutPrefix(expr, prefix); is {
			if v, known := from[name]; known {
				return v
			}
		}
	}
	r.t.Fatalf("nobody knows what %s is worth", expr)
	return ""
}

func (r *runner) fill(values, inputs map[string]string) map[string]string {
	out := make(map[string]string, len(values))
	for name, text := range values {
		out[name] = expression.ReplaceAllStringFunc(text, func(m string) string {
			return r.worth(expression.FindStringSubmatch(m)[1], inputs)
		})
	}
	return out
}

// steps carries out steps until one fails.
func (r *runner) steps(all []step, inputs map[string]string, actionPath string) {
	r.t.Helper()
	for _, s := range all {
		if r.failed != 0 || s.If != "" && r.worth(strings.TrimSuffix(strings.TrimPrefix(s.If, "${{ "), " }}"), inputs) != "true" {
			continue
		}
		switch name, _, _ := strings.Cut(s.Uses, "@"); {
		case strings.HasPrefix(s.Uses, "./"):
			r.action(s, r.fill(s.With, inputs))
		case name == "actions/checkout": // the workspace is there
		case name == "github/codeql-action/upload-sarif":
			r.env["uploaded"] = r.fill(s.With, inputs)["sarif_file"]
		case s.Uses != "":
			r.t.Fatalf("nobody knows the action %s", s.Uses)
		default:
			env := r.fill(s.Env, inputs)
			if actionPath != "" {
				env["GITHUB_ACTION_PATH"] = actionPath
			}
			if code := r.shell(s.Shell, s.Run, env); code != 0 && !s.ContinueOnError {
				r.failed = code
			}
			r.after(s.ID)
		}
	}
}

// action carries out a composite action of the workspace.
func (r *runner) action(s step, with map[string]string) {
	r.t.Helper()
	path := filepath.Join(r.dir, s.Uses)
	var a action
	decode(r.t, read(r.t, filepath.Join(path, "action.yml")), &a)
	inputs := make(map[string]string)
	for name, in := range a.Inputs {
		inputs[name] = in.Default
		if v, given := with[name]; given {
			inputs[name] = v
		} else if in.Required {
			r.t.Errorf("%s needs %s", s.Uses, name)
		}
	}
	for name := range with {
		if _, known := a.Inputs[name]; !known {
			r.t.Errorf("%s has no input %s", s.Uses, name)
		}
	}
	r.steps(a.Runs.Steps, inputs, path)
}

// shells are how the runner calls them.
var shells = map[string][]string{"": {"bash", "-e"}, "bash": {"bash", "--noprofile", "--norc", "-eo", "pipefail"}, "sh": {"sh", "-e"}}

// shell runs a script and returns its exit code.
func (r *runner) shell(shell, script string, env map[string]string) int {
	r.t.Helper()
	if strings.Contains(script, "${{") {
		r.t.Errorf("the script holds an expression, which may hold anything: %s", script)
	}
	file := filepath.Join(r.temp, "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		r.t.Fatal(err)
	}
	how := append(slices.Clone(shells[shell]), file)
	cmd := exec.CommandContext(r.t.Context(), how[0], how[1:]...)
	cmd.Dir = r.dir
	all := maps.Clone(r.env)
	maps.Copy(all, env)
	all["PATH"] = strings.Join(append(slices.Clone(r.path), "/usr/bin", "/bin"), ":")
	for name, value := range all {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		r.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// after takes up what a step said in its files.
func (r *runner) after(id string) {
	r.t.Helper()
	if file := r.env["GITHUB_PATH"]; file != "" {
		r.path = strings.Fields(string(read(r.t, file)))
	}
	if file := r.env["GITHUB_OUTPUT"]; file != "" && id != "" {
		r.outputs = make(map[string]string)
		for line := range strings.Lines(string(read(r.t, file))) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			r.outputs[id+".outputs."+name] = value
		}
	}
}

// summary is what steps wrote to the job's summary.
func (r *runner) summary() string {
	r.t.Helper()
	return string(read(r.t, r.env["GITHUB_STEP_SUMMARY"]))
}
