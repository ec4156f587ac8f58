package ci

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A world is a repository with a branch that asks to be merged, a place to have
// the program from, and a forge.
type world struct {
	t       *testing.T
	forge   *fake
	program string
	work    string // the author's clone
	url     string // of the program
	sha256  string
	trust   string // a file with the certificate of that place
}

func newWorld(t *testing.T, forge string) *world {
	t.Helper()
	w := &world{t: t, forge: newFake(t, forge), program: program, work: filepath.Join(t.TempDir(), "work")}
	text := read(t, program)
	url, server := downloads(t, text)
	w.url, w.sha256, w.trust = url, fmt.Sprintf("%x", sha256.Sum256(text)), filepath.Join(t.TempDir(), "trust.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(w.trust, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(filepath.Dir(w.work), program, "init", "work", "--domain", "acme.example")
	for _, name := range []string{"ana", "bruno", "carla", "duarte", "elsa"} {
		w.write("users/"+name+".yaml", "kind: User\naddress: "+name+"@acme.example\n")
	}
	if err := os.CopyFS(filepath.Join(w.work, ".ci/mailops"), os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	w.git("init", "-q", "-b", "main")
	w.commit("all")
	w.git("checkout", "-q", "-b", "request")
	return w
}

// must runs a program that does not fail, and returns what it printed.
func (w *world) must(dir, name string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=Ana", "GIT_AUTHOR_EMAIL=ana@acme.example",
		"GIT_COMMITTER_NAME=Ana", "GIT_COMMITTER_EMAIL=ana@acme.example", "MAILOPS_STORE=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *world) git(args ...string) string {
	w.t.Helper()
	return w.must(w.work, "git", args...)
}

func (w *world) commit(subject string) {
	w.t.Helper()
	w.git("add", "-A")
	w.git("commit", "-q", "-m", subject)
}

// write writes a file of the author's clone; "" removes it.
func (w *world) write(file, text string) {
	w.t.Helper()
	file = filepath.Join(w.work, file)
	err := os.Remove(file)
	if text != "" {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask makes the branch ask for something: the files of main, with others in
// their place.
func (w *world) ask(subject string, files map[string]string) {
	w.t.Helper()
	w.git("checkout", "-q", "main", "--", ".")
	for file, text := range files {
		w.write(file, text)
	}
	w.commit(subject)
}

// checkout makes a workspace as the service does: a whole clone, at the commit
// that a merge would make, or at the branch's own.
func (w *world) checkout(merged bool) string {
	w.t.Helper()
	at := w.git("rev-parse", "request")
	if merged {
		tree := w.git("rev-parse", "request^{tree}") // nothing else was merged since
		at = w.git("commit-tree", "-m", "merge", "-p", "main", "-p", "request", tree)
		w.git("update-ref", "refs/heads/merged", at)
	}
	dir := filepath.Join(w.t.TempDir(), "workspace")
	w.must(".", "git", "clone", "-q", "--no-checkout", w.work, dir)
	w.must(dir, "git", "checkout", "-q", "--detach", at)
	return dir
}

// A job is a run of a CI, and what came of it.
type job struct {
	fork     bool
	checksum string // of the program; "" is the right one
	live     string // MAILOPS_LIVE

	code    int
	dir     string // the workspace
	log     string
	preview string // where everybody may read it: the summary, the artifact or the log
}

// actions runs a job of a workflow for GitHub's kind of runners.
func (w *world) actions(file, name string, merged bool, env map[string]string, j *job) *runner {
	w.t.Helper()
	var flow workflow
	decode(w.t, read(w.t, file), &flow)
	dir := w.checkout(merged)
	said := map[string]string{
		"github.event.pull_request.base.sha": w.git("rev-parse", "main"),
		"github.token":                       token,
		"github.event.pull_request.head.repo.full_name == github.repository && github.token || ''": token,
		"github.event.pull_request.head.repo.full_name == github.repository":                       "true",
	}
	if j.fork {
		said["github.event.pull_request.head.repo.full_name == github.repository && github.token || ''"] = ""
		said["github.event.pull_request.head.repo.full_name == github.repository"] = "false"
	}
	r := newRunner(w.t, dir, flow.Env, said)
	w.outside(r, j)
	r.forActions()
	event := filepath.Join(r.temp, "event.json")
	if err := os.WriteFile(event, []byte(`{"action": "synchronize", "number": 7, "pull_request": {"number": 7}}`), 0o600); err != nil {
		w.t.Fatal(err)
	}
	r.env["GITHUB_API_URL"], r.env["GITHUB_REPOSITORY"], r.env["GITHUB_EVENT_PATH"], r.env["GITHUB_REF"] = w.forge.URL, "acme/mail", event, "refs/pull/7/merge"
	for name, value := range env {
		r.env[name] = value
	}
	r.steps(flow.Jobs[name].Steps, nil, "")
	j.code, j.dir, j.log = r.failed, dir, r.log.String()
	return r
}

// outside is what the world gives a runner.
func (w *world) outside(r *runner, j *job) {
	r.env["CURL_CA_BUNDLE"], r.env["MAILOPS_URL"], r.env["MAILOPS_SHA256"], r.env["MAILOPS_LIVE"] = w.trust, w.url, w.sha256, j.live
	if j.checksum != "" {
		r.env["MAILOPS_SHA256"] = j.checksum
	}
}

func (w *world) gitHub(j *job) {
	j.preview = w.actions("github.yml", "preview", true, nil, j).summary()
}

func (w *world) forgejo(j *job) {
	w.actions("forgejo.yml", "preview", false, map[string]string{"GITEA_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, j)
	j.preview = j.log
}

// born runs the workflow that mailops init writes.
func (w *world) born(j *job) {
	j.preview = w.actions(filepath.Join(w.work, ".github/workflows/mailops.yml"), "preview", true, nil, j).summary()
}

// plain runs the scripts with nothing around them.
func (w *world) plain(j *job) {
	r := newRunner(w.t, w.checkout(false), nil, nil)
	w.outside(r, j)
	r.env["MAILOPS_BASE"], r.env["MAILOPS_FORGE"], r.env["MAILOPS_FORGE_URL"], r.env["MAILOPS_REPO"], r.env["MAILOPS_PULL"] = "origin/main", "github", w.forge.URL, "acme/mail", "7"
	if !j.fork {
		r.env["MAILOPS_FORGE_TOKEN"] = token
	}
	j.code = r.shell("sh", `sh .ci/mailops/install.sh && PATH="$PWD/.mailops-bin:$PATH" sh .ci/mailops/preview.sh`, nil)
	j.log, j.preview = r.log.String(), r.log.String()
}

// gitLab runs the job of the template: its lines in one shell, with its
// variables, of which one may hold others.
func (w *world) gitLab(j *job) {
	var template map[string]struct {
		Variables map[string]string
		Script    []string
		Artifacts struct{ Paths []string }
	}
	decode(w.t, read(w.t, "gitlab.yml"), &template)
	this := template["mailops"]
	dir := w.checkout(false)
	env := map[string]string{"GITLAB_CI": "true", "CI_API_V4_URL": w.forge.URL, "CI_PROJECT_PATH": "acme/mail", "CI_PROJECT_DIR": dir, "CI_MERGE_REQUEST_IID": "7",
		"CI_MERGE_REQUEST_DIFF_BASE_SHA": w.git("merge-base", "main", "request")}
	for name, value := range this.Variables {
		env[name] = os.Expand(value, func(name string) string { return env[name] })
	}
	if j.fork {
		env["CI_PROJECT_PATH"] = "fork/mail"
	} else {
		env["MAILOPS_FORGE_TOKEN"] = token
	}
	r := newRunner(w.t, dir, env, nil)
	w.outside(r, j)
	j.code = r.shell("bash", strings.Join(this.Script, "\n"), nil)
	j.dir, j.log = dir, r.log.String()
	if j.checksum == "" {
		j.preview = string(read(w.t, filepath.Join(dir, this.Artifacts.Paths[0])))
	}
}

// redactKey hides what is personal in a snapshot.
const redactKey = "canary-0123456789abcdefghijklmnopqrstuvwxyz"

// publish has agents bring main into force and publish what is live then: one that
// signs on the branch mailops-snapshot, and one with a key on mailops-keyed. The
// public keys of the first, and of another, lie beside the clone.
func (w *world) publish() {
	w.t.Helper()
	beside := filepath.Dir(w.work)
	for _, name := range []string{"agent", "other"} {
		w.must(beside, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name)
	}
	if err := os.WriteFile(filepath.Join(beside, "redact.key"), []byte(redactKey), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.agent("--snapshot-branch", "mailops-snapshot", "--sign-key", "agent")
	w.agent("--snapshot-branch", "mailops-keyed", "--redact-key", "redact.key")
}

// agent runs an agent until it has published a snapshot.
func (w *world) agent(flags ...string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.program, append([]string{"agent", "--repo", w.work, "--branch", "main", "--state", "state", "--store", "sqlite:live.db", "--listen", ""}, flags...)...)
	cmd.Dir = filepath.Dir(w.work)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var log strings.Builder
	lines := bufio.NewScanner(io.TeeReader(stderr, &log))
	for lines.Scan() {
		if !strings.Contains(lines.Text(), `"msg":"agent: published a snapshot"`) {
			continue
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil || ctx.Err() != nil {
		w.t.Fatalf("agent %q: %v\n%s", flags, err, log.String())
	}
}
