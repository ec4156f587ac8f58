package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const examples = "../../examples"

// A told is what a run of the program left: its exit code and its streams.
type told struct {
	Code     int
	Out, Err string
}

// runAt runs the program in this process, on the morning of examples' stories.
func runAt(t *testing.T, args ...string) told {
	t.Helper()
	var out, err bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &err, env: map[string]string{},
		now: func() time.Time { return time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC) }}
	code := a.run(t.Context(), args)
	return told{code, out.String(), err.String()}
}

var (
	problemLine = regexp.MustCompile(`^\S.* \(([a-z-]+)\)$`)
	place       = regexp.MustCompile(`^[^:]+(:[1-9][0-9]*:[1-9][0-9]*)?: `)
)

// TestBroken: each folder of examples/broken breaks the one rule that its name
// says, and says so in the words of its expect.txt.
func TestBroken(t *testing.T) {
	for _, dir := range folders(t, filepath.Join(examples, "broken")) {
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			got := runAt(t, "-C", dir, "validate")
			if got.Code != exitInvalid || got.Err != "" {
				t.Errorf("exit %d, want %d; stderr: %s", got.Code, exitInvalid, got.Err)
			}
			golden(t, filepath.Join(dir, "expect.txt"), got.Out)
			for line := range strings.Lines(got.Out) {
				if m := problemLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && (m[1] != ruleOfFolder(name) || !place.MatchString(line)) {
					t.Errorf("not a problem of this folder's rule, or without a place: %s", line)
				}
			}
		})
	}
}

// ruleOfFolder is the rule that a folder is about. The law has several.
func ruleOfFolder(name string) string {
	if strings.HasPrefix(name, "schema-") {
		return "schema"
	}
	return name
}

func folders(t *testing.T, in string) []string {
	t.Helper()
	entries, err := os.ReadDir(in)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, filepath.Join(in, e.Name()))
		}
	}
	if len(out) == 0 {
		t.Fatalf("no folders in %s", in)
	}
	return out
}

// golden compares a text with a file; UPDATE=1 rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestAcme: the example organization is right, its first plan creates all of
// it, and once applied nothing is left to do.
func TestAcme(t *testing.T) {
	acme := []string{"-C", filepath.Join(examples, "acme"), "--store", "sqlite:" + filepath.Join(t.TempDir(), "live.db")}
	do := func(args ...string) told { t.Helper(); return runAt(t, slices.Concat(acme, args)...) }
	if got := do("validate"); got.Code != exitDone || !strings.HasPrefix(got.Out, "All is right") {
		t.Fatalf("validate: %+v", got)
	}
	got := do("plan", "--detailed-exitcode")
	if got.Code != exitChanges || !strings.Contains(got.Out, " 0 to update, 0 to delete.\n") {
		t.Fatalf("first plan: %+v", got)
	}
	if got := do("apply", "--yes"); got.Code != exitDone {
		t.Fatalf("apply: %+v", got)
	}
	if got := do("plan", "--detailed-exitcode"); got.Code != exitDone || !strings.Contains(got.Out, "Nothing to do") {
		t.Fatalf("second plan: %+v", got)
	}
}
