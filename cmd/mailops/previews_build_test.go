package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"mailops/reconcile/sqlite"
	"mailops/schema"
)

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
