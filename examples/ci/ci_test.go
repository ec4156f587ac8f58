package ci

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// What pull requests ask for.
var (
	fewer = map[string]string{"users/bruno.yaml": "kind: User\naddress: bruno@acme.example\nmailboxActions: {imap: false}\n"}
	slip  = map[string]string{"users/bruno.yaml": "kind: User\naddress: bruno@acme.example\nquotta: 5GiB\n"}
	gone  = map[string]string{"users/ana.yaml": "", "users/bruno.yaml": "", "users/carla.yaml": "", "users/duarte.yaml": "", "users/elsa.yaml": ""}
)

// TestPullRequests tells the story of a pull request in each CI: what people
// read, the one comment, and what fails the check.
func TestPullRequests(t *testing.T) {
	for _, c := range []struct {
		name, forge string
		annotates   bool
		run         func(*world, *job)
	}{
		{"GitHub", "github", true, (*world).gitHub},
		{"init", "github", true, (*world).born},
		{"Forgejo", "gitea", false, (*world).forgejo},
		{"GitLab", "gitlab", false, (*world).gitLab},
		{"shell", "github", false, (*world).plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.forge)
			story(t, w, c.annotates, func(j job) job {
				t.Helper()
				c.run(w, &j)
				if strings.Contains(j.log+j.preview, token) {
					t.Errorf("the token is told:\n%s", j.log)
				}
				return j
			})
		})
	}
}

func story(t *testing.T, w *world, annotates bool, run func(job) job) {
	const lost = "bruno@acme.example can no longer sign in by IMAP"
	w.ask("bruno without IMAP", fewer)
	for range 2 {
		j := run(job{})
		holds(t, j, 0, lost)
		if comment := w.forge.only(t); !strings.HasPrefix(comment, "<!-- mailops/preview -->\n### mailops: acme\n") || !strings.Contains(comment, lost) {
			t.Errorf("comment:\n%s", comment)
		}
		if annotates != strings.Contains(j.log, "::warning file=users/bruno.yaml,line=3,col=24,title=mailops sign-in-narrowed::") {
			t.Errorf("annotations:\n%s", j.log)
		}
	}

	w.ask("a slip", slip)
	holds(t, run(job{}), 4, `there is no field "quotta" here`)
	if comment := w.forge.only(t); !strings.Contains(comment, "quotta") || strings.Contains(comment, "IMAP") {
		t.Errorf("comment:\n%s", comment)
	}

	w.ask("too much", gone)
	holds(t, run(job{}), 5, "the plan deletes 5 of 6 addresses")
	if comment := w.forge.only(t); !strings.Contains(comment, "**Refused.**") {
		t.Errorf("comment:\n%s", comment)
	}

	// A fork has no token: all can be read, and nobody is asked.
	w.ask("bruno without IMAP, again", fewer)
	before := w.forge.requests()
	holds(t, run(job{fork: true}), 0, lost)
	if n := w.forge.requests(); n != before {
		t.Errorf("the forge was asked %d times", n-before)
	}

	// A token that may not write fails no check.
	w.forge.refuse()
	if j := run(job{}); j.code != 0 || !strings.Contains(j.log, "Resource not accessible by integration") {
		t.Errorf("exit code %d\n%s", j.code, j.log)
	}

	// Another program than the one that was chosen is not run.
	if j := run(job{checksum: strings.Repeat("0", 64)}); j.code != 1 || strings.Contains(j.log, "acme.example") {
		t.Errorf("exit code %d\n%s", j.code, j.log)
	}
}

// holds checks a job's exit code and what everybody can read.
func holds(t *testing.T, j job, code int, text string) {
	t.Helper()
	if j.code != code || !strings.Contains(j.preview, text) {
		t.Fatalf("exit code %d, want %d; the preview has no %q:\n%s\n%s", j.code, code, text, j.preview, j.log)
	}
}

// TestSARIF: the job for code scanning leaves a log that it can upload, also of
// declarations that are invalid.
func TestSARIF(t *testing.T) {
	w := newWorld(t, "github")
	for subject, files := range map[string]map[string]string{"fewer": fewer, "slip": slip} {
		w.ask(subject, files)
		j := new(job)
		r := w.actions("github.yml", "sarif", true, nil, j)
		var log struct {
			Version string
			Runs    []struct{ Results []any }
		}
		if err := json.Unmarshal(read(t, r.env["uploaded"]), &log); err != nil || j.code != 0 || log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) == 0 {
			t.Errorf("%s: exit code %d, error %v, %+v\n%s", subject, j.code, err, log, j.log)
		}
		if len(j.log) > 0 && strings.Contains(j.log, "::") || w.forge.requests() > 0 {
			t.Errorf("%s: it says more than it should:\n%s", subject, j.log)
		}
	}
}

// TestJUnit: GitLab has a report of its own kind.
func TestJUnit(t *testing.T) {
	w := newWorld(t, "gitlab")
	w.ask("a slip", slip)
	j := job{fork: true}
	w.gitLab(&j)
	if report := read(t, filepath.Join(j.dir, "mailops-junit.xml")); !strings.Contains(string(report), "quotta") {
		t.Errorf("%s\n%s", report, j.log)
	}
}

// TestBaseInvalid: a pull request that mends what main has wrong passes, and says
// that there was nothing to compare with.
func TestBaseInvalid(t *testing.T) {
	w := newWorld(t, "github")
	w.git("checkout", "-q", "main")
	w.write("users/bruno.yaml", slip["users/bruno.yaml"])
	w.commit("a slip that was merged")
	w.git("checkout", "-q", "-B", "request")
	w.ask("mended", fewer)
	for name, run := range map[string]func(*world, *job){"GitHub": (*world).gitHub, "init": (*world).born, "shell": (*world).plain} {
		var j job
		run(w, &j)
		if j.code != 0 || !strings.Contains(j.log, "cannot be applied") {
			t.Errorf("%s: exit code %d\n%s", name, j.code, j.log)
		}
	}
}

// TestSnapshot: where an agent publishes snapshots of the live store, the preview is
// against what was live; where that cannot be, against what the base asks for.
func TestSnapshot(t *testing.T) {
	w := newWorld(t, "github")
	w.publish()
	w.ask("bruno without IMAP", fewer)
	const at, instead = "origin/mailops-snapshot:live.snapshot", "the live store was not seen"
	key, other := filepath.Join(w.work, "..", "agent.pub"), filepath.Join(w.work, "..", "other.pub")
	for name, c := range map[string]struct {
		env       map[string]string
		code      int
		has, says string
	}{
		"signed":      {map[string]string{"MAILOPS_VERIFY_KEY": key}, 0, "can no longer sign in by IMAP", "The live state is as it was "},
		"any":         {nil, 0, "can no longer sign in by IMAP", "The live state is as it was "},
		"by another":  {map[string]string{"MAILOPS_VERIFY_KEY": other}, 5, "The preview could not be made", "cannot be trusted"},
		"too old":     {map[string]string{"MAILOPS_MAX_AGE": "1ns"}, 0, instead, "the snapshot cannot be used (exit code 6)"},
		"its key":     {map[string]string{"MAILOPS_LIVE": "origin/mailops-keyed:live.snapshot", "MAILOPS_REDACT_KEY": redactKey}, 0, "can no longer sign in by IMAP", "The live state is as it was "},
		"without it":  {map[string]string{"MAILOPS_LIVE": "origin/mailops-keyed:live.snapshot"}, 0, instead, "the snapshot cannot be used (exit code 3)"},
		"in no place": {map[string]string{"MAILOPS_LIVE": "origin/mailops-snapshot:nothing"}, 0, instead, "there is no snapshot "},
	} {
		env := map[string]string{"MAILOPS_LIVE": at, "MAILOPS_BASE": "origin/main", "MAILOPS_PREVIEW": filepath.Join(t.TempDir(), "preview.md")}
		maps.Copy(env, c.env)
		r := newRunner(t, w.checkout(false), env, nil)
		r.path = []string{filepath.Dir(w.program)}
		code := r.shell("sh", "sh .ci/mailops/preview.sh", nil)
		preview := string(read(t, env["MAILOPS_PREVIEW"]))
		if code != c.code || !strings.Contains(preview, c.has) || !strings.Contains(r.log.String(), c.says) || strings.Contains(r.log.String()+preview, redactKey) {
			t.Errorf("%s: exit code %d, want %d\n%s\n%s", name, code, c.code, preview, r.log.String())
		}
		if strings.Contains(preview, instead) != (c.has == instead) {
			t.Errorf("%s: what it is compared with:\n%s", name, preview)
		}
	}

	// What people copy, with its own way to say where.
	for name, run := range map[string]func(*world, *job){"GitHub": (*world).gitHub, "Forgejo": (*world).forgejo, "GitLab": (*world).gitLab, "shell": (*world).plain} {
		j := job{live: at, fork: true}
		run(w, &j)
		holds(t, j, 0, "can no longer sign in by IMAP")
		if !strings.Contains(j.log, "The live state is as it was ") {
			t.Errorf("%s: the snapshot was not used:\n%s", name, j.log)
		}
	}
}

// TestSetUp: what is wrong with the job itself never passes for a good check.
func TestSetUp(t *testing.T) {
	w := newWorld(t, "github")
	w.ask("bruno without IMAP", fewer)
	bin := filepath.Dir(w.program)
	for name, c := range map[string]struct {
		env  map[string]string
		code int
		says string
	}{
		"no base":        {map[string]string{}, 2, "the revision that the pull request is compared with"},
		"a wrong base":   {map[string]string{"MAILOPS_BASE": "nope"}, 3, "there is no such revision"},
		"no declaration": {map[string]string{"MAILOPS_BASE": "origin/main", "MAILOPS_DIR": "users"}, 7, "there is no mailops.yaml"},
		"no store":       {map[string]string{"MAILOPS_BASE": "origin/main", "MAILOPS_STORE": "postgres://mailops@127.0.0.1:1/mailops"}, 0, "the preview could not be made (exit code 7)"},
		"no snapshot":    {map[string]string{"MAILOPS_BASE": "origin/main", "MAILOPS_LIVE": "origin/snapshots:live"}, 0, "there is no snapshot origin/snapshots:live"},
		"no comment":     {map[string]string{"MAILOPS_BASE": "origin/main", "MAILOPS_FORGE_TOKEN": token}, 0, "--forge is needed"},
	} {
		r := newRunner(t, w.checkout(false), c.env, nil)
		r.path = []string{bin}
		if code := r.shell("sh", "sh .ci/mailops/preview.sh", nil); code != c.code || !strings.Contains(r.log.String(), c.says) {
			t.Errorf("%s: exit code %d, want %d\n%s", name, code, c.code, r.log.String())
		}
	}
	r := newRunner(t, w.checkout(false), nil, nil)
	if code := r.shell("sh", "sh .ci/mailops/install.sh", nil); code != 1 || !strings.Contains(r.log.String(), "mailops is not on the PATH") {
		t.Errorf("no program: exit code %d\n%s", code, r.log.String())
	}
}
