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
)

// FuzzLoad: whatever stands in a file, loading ends without a panic, every
// problem has a place, the outcome is the same each time, and what loads is
// written down and loaded again as the same.
func FuzzLoad(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	loader := newLoader(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		fsys := texts(map[string]string{"x.yaml": string(text)})
		decls, problems, err := loader.FS(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			checkPlace(t, fsys, p)
		}
		again, problemsAgain, err := loader.FS(t.Context(), fsys)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(problems, problemsAgain); diff != "" || again.Digest != decls.Digest || len(again.All) != len(decls.All) {
			t.Fatalf("two runs differ (-first +second)\n%s", diff)
		}
		if len(problems) > 0 {
			return
		}
		var written strings.Builder
		for i := range decls.All {
			if decls.All[i].File == "x.yaml" {
				write(&written, &decls.All[i].Body)
				written.WriteString("\n---\n")
			}
		}
		back, problems, err := loader.FS(t.Context(), texts(map[string]string{"x.yaml": written.String()}))
		if err != nil || len(problems) > 0 {
			t.Fatalf("does not load again: %v, %v\n%s", problems, err, written.String())
		}
		if diff := cmp.Diff(plain(decls), plain(back)); diff != "" {
			t.Fatalf("loads again as something else (-first +second)\n%s", diff)
		}
	})
}

// corpus returns the files of the stories, and the hostile texts that are
// small.
func corpus(f *testing.F) [][]byte {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	var out [][]byte
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, section := range txtar.Parse(data).Files {
			out = append(out, section.Data)
		}
	}
	for _, text := range hostile {
		if s := text(); len(s) < 1<<12 {
			out = append(out, []byte(s))
		}
	}
	return out
}

// write prints a node as YAML of the plainest form.
func write(b *strings.Builder, n *schema.Node) {
	switch n.Kind {
	case schema.Null:
		b.WriteString("null")
	case schema.String:
		b.WriteString(strconv.QuoteToASCII(n.Text))
	case schema.Sequence, schema.Mapping:
		brackets := map[schema.NodeKind]string{schema.Sequence: "[]", schema.Mapping: "{}"}[n.Kind]
		b.WriteByte(brackets[0])
		for i := range n.Items {
			if n.Kind == schema.Mapping {
				b.WriteString(strconv.QuoteToASCII(n.Items[i].Key) + ": ")
			}
			write(b, &n.Items[i])
			b.WriteString(", ")
		}
		b.WriteByte(brackets[1])
	default:
		b.WriteString(n.Text)
	}
}

// plain are the declarations without their places.
func plain(d *schema.Declarations) []string {
	var out []string
	for i := range d.All {
		var b strings.Builder
		write(&b, &d.All[i].Body)
		out = append(out, d.All[i].Key().String()+" "+b.String())
	}
	return out
}

// TestFiveThousandWrongUsers: all are told, each with all its mistakes, in time
// that grows as they do.
func TestFiveThousandWrongUsers(t *testing.T) {
	const users = 5000
	fsys := fstest.MapFS{"mailops.yaml": {Data: []byte(root)}}
	for i := range users {
		text := fmt.Sprintf("kind: User\naddress: u%d@acme.example\nrole: boss\nquota: 5\nmailboxActions: {imapp: true}\n", i)
		fsys[fmt.Sprintf("users/u%04d.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	decls, problems, err := newLoader(t).FS(t.Context(), fsys)
	if err != nil {
		t.Fatal(err)
	}
	if len(decls.All) != 2 || len(problems) != 3*users {
		t.Fatalf("%d declarations and %d problems, want 2 and %d", len(decls.All), len(problems), 3*users)
	}
	for i, p := range problems {
		if want := fmt.Sprintf("u%d@acme.example", i/3); p.Name != want || p.Pos.Line != i%3+3 {
			t.Fatalf("problem %d is %s, want one of %s at line %d", i, p, want, i%3+3)
		}
	}
}
