package load_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"mailops/schema/load"
)

// TestJSONSchema holds the schema for editors against an independent validator:
// what the law accepts it accepts, and it sees the mistakes of one document.
func TestJSONSchema(t *testing.T) {
	schema := compileJSONSchema(t)
	err := filepath.WalkDir("../../examples", func(file string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".yaml" {
			return err
		}
		broken := strings.Contains(file, "broken"+string(filepath.Separator)+"schema-") && filepath.Base(file) != load.Root
		if !broken && strings.Contains(file, "broken") {
			return nil
		}
		found := false
		for _, doc := range documents(t, file) {
			err := schema.Validate(doc)
			found = found || err != nil
			if err != nil && !broken {
				t.Errorf("%s: %v", file, err)
			}
		}
		if broken && !found {
			t.Errorf("%s: the schema sees nothing wrong", file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func compileJSONSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := load.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mailops.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("mailops.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// documents reads the documents of a file as an editor does.
func documents(t *testing.T, file string) []any {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []any
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var node yaml.Node
		err := d.Decode(&node)
		if errors.Is(err, io.EOF) {
			return out
		}
		datesAreTexts(&node)
		var doc any
		if err := errors.Join(err, node.Decode(&doc)); err != nil {
			t.Fatal(err)
		}
		out = append(out, doc)
	}
}

// datesAreTexts reads dates as YAML 1.2 does, and so do editors.
func datesAreTexts(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, child := range n.Content {
		datesAreTexts(child)
	}
}
