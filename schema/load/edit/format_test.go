package edit_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"mailops/schema/load/edit"
)

// TestFormat runs the stories in testdata/format: a comment, the file, and its
// canonical form or the error.
func TestFormat(t *testing.T) {
	files, err := filepath.Glob("testdata/format/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			story, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before := story.Files[0].Data
			got := outcome(edit.Format("team.yaml", before))
			if os.Getenv("UPDATE") != "" {
				story.Files = append(story.Files[:1], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(story), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(story.Files[1].Data), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !strings.HasPrefix(got, "error: ") {
				checkFormat(t, before)
			}
		})
	}
}

func outcome(text []byte, err error) string {
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	return string(text)
}

// checkFormat holds the laws of Format for a text that has a canonical form.
func checkFormat(t *testing.T, before []byte) {
	t.Helper()
	once, err := edit.Format("x.yaml", before)
	if err != nil {
		return
	}
	twice, err := edit.Format("x.yaml", once)
	if err != nil {
		t.Fatalf("%q gave %q: %v", before, once, err)
	}
	if diff := cmp.Diff(string(once), string(twice)); diff != "" {
		t.Fatalf("%q is not stable (-once +twice)\n%s", before, diff)
	}
	if diff := cmp.Diff(folded(plain(t, before)), folded(plain(t, once))); diff != "" {
		t.Fatalf("%q means something else (-before +after)\n%s", before, diff)
	}
	for _, line := range bytes.Split(once, []byte("\n")) {
		if bytes.HasSuffix(line, []byte(" ")) || bytes.ContainsRune(line, '\r') {
			t.Fatalf("%q: a blank ends the line %q", before, line)
		}
	}
	if len(once) > 0 && !bytes.HasSuffix(once, []byte("\n")) || bytes.HasSuffix(once, []byte("\n\n")) {
		t.Fatalf("%q: wrong end of file: %q", before, once)
	}
}

// plain reads all documents that are not empty by yaml.v3 alone.
func plain(t *testing.T, text []byte) []any {
	t.Helper()
	var out []any
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if root := n.Content[0]; root.Value != "" || root.Tag != "!!null" {
			out = append(out, untyped(root))
		}
	}
}

// untyped is what a node says, without its comments and style: a quoted text
// and a plain one are the same.
func untyped(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		out := make(map[string]any)
		for i := 0; i < len(n.Content); i += 2 {
			out[n.Content[i].Value] = untyped(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			out = append(out, untyped(item))
		}
		return out
	}
	if tag := n.ShortTag(); tag != "!!str" && tag != "!!timestamp" {
		if tag == "!!null" {
			return nil
		}
		return tag + n.Value
	}
	return n.Value
}

// folded puts texts in lower case, as addresses may be by then.
func folded(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = folded(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = folded(v[k])
		}
	case string:
		return strings.ToLower(v)
	}
	return v
}

func FuzzFormat(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkFormat(t, text) })
}

// seeds are texts that mix comments with every kind of value.
var seeds = []string{
	"",
	"# only a comment\n",
	"\ufeffkind: User\r\naddress: A@b.example # c\r\n",
	"---\n---\n# a\n---\n# b\n\nkind: Domain\nname: X.example\n...\n# c\n--- # d\n{kind: Alias, to: [a@b.c, # e\n d@e.f], address: q@r.s} # g\n---\n",
	"a: # 1\n  # 2\n\n  # 3\n  b: # 4\n    - c # 5\n    # 6\n    - - d\n      # 7\n      - e: f\n        g: h # 8\n\n        # 9\n    # 10\n  # 11\n # 12\ni: # 13\n  [ # 14\n  # 15\n  ] # 16\n",
	"a: |\n  x\n  y\n\nb: >- # c\n   x\n   y\n\n     z\nc: |+\n  k\n\n\nd: 'it''s\n  long\n\n  text'\ne: \"q\\\n  r \\\" s\"\nf: plain\n  goes on\n\n  and on # end\n",
	"- {a: 1, b, c: , \"d\":2}\n- [yes, \"no\", 0x1F, 1_000, ~, null, 2026-12-10, 1e3, 09:00-13:00]\n-\n- ''\n- ? x\n",
	"kind: Profile\nname: p\n# far\n\n# near\nquota: 5GiB\nmailboxActions: {imap: true,\n  # why\n  pop: false}\n\n\n\npermissions:\n  sendAs:\n  - A@b.example\n  # not\n  services: {}\nzeta: {a: [], b: {}}\n# end\n",
	"- # a\n  # b\n  c: 1\n-\n  # d\n\n  - e\n- f: # g\n    h\n",
}
