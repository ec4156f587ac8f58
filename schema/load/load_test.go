package load_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/schema"
	"mailops/schema/load"
)

// root is the mailops.yaml of stories that bring none.
const root = `apiVersion: mailops/v1
kind: Organization
name: acme
---
kind: Domain
name: acme.example
`

// TestStories runs the stories in testdata: a comment, the files of a
// repository, and the problems and declarations that they make. A file whose
// name ends in " (escaped)" is written in Go's escapes, line breaks too.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	loader := newLoader(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want string
			if last := len(story.Files) - 1; story.Files[last].Name == "problems" {
				want = string(story.Files[last].Data)
				story.Files = story.Files[:last]
			}
			got := outcome(t, loader, repository(t, story.Files))
			if strings.Contains(got, "canary") {
				t.Errorf("a secret is told:\n%s", got)
			}
			if os.Getenv("UPDATE") != "" {
				story.Files = append(story.Files, txtar.File{Name: "problems", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func newLoader(t testing.TB) load.Loader {
	t.Helper()
	loader, err := load.NewLoader()
	if err != nil {
		t.Fatal(err)
	}
	return loader
}

func repository(t *testing.T, files []txtar.File) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{load.Root: {Data: []byte(root)}}
	for _, f := range files {
		name, escaped := strings.CutSuffix(f.Name, " (escaped)")
		data := f.Data
		if escaped {
			data = unescape(t, string(f.Data))
		}
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

func unescape(t *testing.T, text string) []byte {
	t.Helper()
	var out []byte
	for line := range strings.Lines(text) {
		raw, err := strconv.Unquote(`"` + strings.TrimSuffix(line, "\n") + `"`)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, raw...)
	}
	return out
}

// outcome lists the problems, each with its hint, and what was loaded.
func outcome(t *testing.T, loader load.Loader, fsys fstest.MapFS) string {
	t.Helper()
	decls, problems, err := loader.FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, p := range problems {
		checkPlace(t, fsys, p)
		fmt.Fprintln(&b, p)
		if p.Hint != "" {
			fmt.Fprintf(&b, "    %s\n", p.Hint)
		}
	}
	var loaded []string
	for _, d := range decls.All {
		loaded = append(loaded, d.Key().String())
	}
	fmt.Fprintf(&b, "loaded: %s\n", strings.Join(loaded, ", "))
	return b.String()
}

// checkPlace: a problem lies in its file; only one about a file as a whole has
// no line.
func checkPlace(t *testing.T, fsys fstest.MapFS, p schema.Problem) {
	t.Helper()
	f := fsys[p.Pos.File]
	switch {
	case f == nil:
		t.Errorf("%s: there is no such file", p)
	case p.Rule == "yaml-file" && p.Pos.Line == 0:
	case p.Pos.Line < 1 || p.Pos.Column < 1:
		t.Errorf("%s: has no place", p)
	case p.Pos.Line > strings.Count(string(f.Data), "\n")+1:
		t.Errorf("%s: lies behind the end of the file", p)
	}
	if p.Rule == "" || p.Message == "" || strings.ContainsAny(p.Message+p.Hint, "\n\r") {
		t.Errorf("%q: no rule, or not one line", p)
	}
}
