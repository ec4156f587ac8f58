package resolve_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"mailops/schema"
	"mailops/schema/load"
	"mailops/schema/resolve"
)

// root is the mailops.yaml of stories that bring none.
const root = `apiVersion: mailops/v1
kind: Organization
name: acme
timezone: Europe/Lisbon
---
kind: Domain
name: acme.example
`

// TestStories runs the stories in testdata: a comment, declarations, and
// questions about them. The answers are the last file.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fsys := fstest.MapFS{load.Root: {Data: []byte(root)}}
			var questions, want string
			kept := slices.DeleteFunc(slices.Clone(story.Files), func(f txtar.File) bool { return f.Name == "answers" })
			for _, f := range story.Files {
				switch f.Name {
				case "questions":
					questions = string(f.Data)
				case "answers":
					want = string(f.Data)
				default:
					fsys[f.Name] = &fstest.MapFile{Data: f.Data}
				}
			}
			got := answers(t, declarations(t, fsys), questions)
			if os.Getenv("UPDATE") != "" {
				story.Files = append(kept, txtar.File{Name: "answers", Data: []byte(got)})
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

// declarations loads, and tells problems that loading finds.
func declarations(t *testing.T, fsys fstest.MapFS) *schema.Declarations {
	t.Helper()
	decls, problems, err := load.FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Logf("loading: %s", p)
	}
	return decls
}

// An asker answers the questions of a story, one after another.
type asker struct {
	decls *schema.Declarations
	at    time.Time
	env   map[string]string
	out   strings.Builder
}

func answers(t *testing.T, decls *schema.Declarations, questions string) string {
	t.Helper()
	a := asker{decls: decls, at: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), env: make(map[string]string)}
	for line := range strings.Lines(questions) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Fprintf(&a.out, "> %s\n", line)
		a.ask(t, strings.Fields(line))
	}
	return a.out.String()
}

func (a *asker) ask(t *testing.T, words []string) {
	t.Helper()
	w, problems := resolve.At(a.decls, a.at, a.env)
	switch words[0] {
	case "at":
		at, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			t.Fatal(err)
		}
		a.at = at
	case "env":
		name, value, _ := strings.Cut(words[1], "=")
		a.env[name] = value
	case "value":
		a.value(t, w, words[1], words[2:])
	case "explain":
		for _, layer := range w.Explain(key(words[1]), words[2]) {
			fmt.Fprintf(&a.out, "  %s: %s\n", layer.Origin, layer.Value)
		}
	case "problems":
		for _, p := range problems {
			fmt.Fprintf(&a.out, "  %s\n", p)
		}
	case "next":
		if w.Next != nil {
			fmt.Fprintf(&a.out, "  %s %s: %s\n", w.Next.At.UTC().Format(time.RFC3339), w.Next.User, w.Next.Reason)
		}
	case "state":
		for _, r := range w.State {
			fmt.Fprintf(&a.out, "  %s\n", r.Key())
		}
	case "unset":
		for _, u := range w.Unset {
			fmt.Fprintf(&a.out, "  %s: %s\n", u.Address, u.Variable)
		}
	case "secrets":
		for _, f := range slices.Sorted(maps.Keys(w.Secrets)) {
			fmt.Fprintf(&a.out, "  %s\n", w.Secrets[f])
		}
	default:
		t.Fatalf("there is no question %q", words[0])
	}
}

func (a *asker) value(t *testing.T, w *resolve.Want, name string, paths []string) {
	t.Helper()
	r := w.State.Find(key(name))
	if r == nil {
		fmt.Fprintf(&a.out, "  there is no %s\n", key(name))
		return
	}
	for _, path := range paths {
		f, ok := schema.FieldAt(r.Key().Kind, path)
		if !ok {
			t.Fatalf("there is no field %s", path)
		}
		fmt.Fprintf(&a.out, "  %s: %s\n", path, f.Get(r).Text())
	}
}

// key reads Kind/name, or the local part of a user.
func key(text string) schema.Key {
	if kind, name, ok := strings.Cut(text, "/"); ok {
		return schema.Key{Kind: schema.Kind(kind), Name: name}
	}
	return schema.Key{Kind: schema.KindUser, Name: text + "@acme.example"}
}
