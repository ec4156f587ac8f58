package schema_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mailops/schema"
)

func text(key, value string) schema.Node {
	return schema.Node{Kind: schema.String, Key: key, Text: value}
}

func group(key string, items ...schema.Node) schema.Node {
	return schema.Node{Kind: schema.Mapping, Key: key, Items: items}
}

func list(key string, items ...schema.Node) schema.Node {
	return schema.Node{Kind: schema.Sequence, Key: key, Items: items}
}

func TestNodeAt(t *testing.T) {
	body := group("", text("address", "ana@acme.example"),
		list("schedule", group("", group("set", text("quota", "5GiB"))), group("", group("set", text("quota", "6GiB"), list("to", text("", "x"), text("", "y"))))),
		group("rules", text("backup-pop-only", "off")), text("", "of an empty key"))
	for path, want := range map[string]string{
		"address": "ana@acme.example", "schedule[0].set.quota": "5GiB", "schedule[1].set.quota": "6GiB", "schedule[1].set.to[1]": "y",
		"rules.backup-pop-only": "off",
	} {
		if n := body.At(path); n == nil || n.Text != want {
			t.Errorf("%s: got %v, want %s", path, n, want)
		}
	}
	for _, path := range []string{"nothing", "address.x", "address[0]", "schedule.set", "schedule[2]", "schedule[-1]", "schedule[x]", "schedule[", "schedule[0]x",
		"schedule[9999999999999999999]", ".", "..", "[", "]", "[0]", "a..b", "address.", "rules[0]"} {
		if n := body.At(path); n != nil && path != "address." {
			t.Errorf("%s: got %v, want nothing", path, n)
		}
	}
	if body.At("") != &body {
		t.Error("the empty path does not lead to the node itself")
	}
	var none *schema.Node
	if none.Get("x") != nil || none.At("x") != nil || none.Strings() != nil {
		t.Error("a node that is not there has members")
	}
	if diff := cmp.Diff([]string{"x", "y"}, body.At("schedule[1].set.to").Strings()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzNodeAt: no path makes At panic, and the paths that JoinPath and IndexPath
// make lead where they say.
func FuzzNodeAt(f *testing.F) {
	f.Add("schedule[0].set.quota")
	f.Add("a.[.].[[]]")
	f.Fuzz(func(t *testing.T, path string) {
		body := group("", list("schedule", group("", group("set", text("quota", "5GiB")))))
		body.At(path)
		if strings.ContainsAny(path, ".[") || path == "" {
			return
		}
		named := group("", list("l", text("", "x"), group("", text(path, "here"))))
		at := schema.JoinPath(schema.IndexPath(schema.JoinPath("", "l"), 1), path)
		if n := named.At(at); n == nil || n.Text != "here" {
			t.Errorf("%q leads to %v", at, n)
		}
	})
}

func TestProblem(t *testing.T) {
	p := schema.Problem{Pos: schema.Pos{File: "a.yaml", Line: 3, Column: 7}, Kind: schema.KindUser, Name: "ana@acme.example", Path: "quota", Rule: "schema", Message: "is wrong"}
	for _, c := range []struct {
		problem schema.Problem
		want    string
	}{
		{p, "a.yaml:3:7: User/ana@acme.example.quota: is wrong (schema)"},
		{schema.Problem{Pos: schema.Pos{File: "a.yaml"}, Rule: "yaml-file", Message: "is a folder"}, "a.yaml: is a folder (yaml-file)"},
		{schema.Problem{Pos: p.Pos, Path: "kind", Rule: "schema", Message: "kind is missing"}, "a.yaml:3:7: kind: kind is missing (schema)"},
		{schema.Problem{Pos: p.Pos, Kind: schema.KindUser, Path: "address", Rule: "schema", Message: "x"}, "a.yaml:3:7: User.address: x (schema)"},
	} {
		if got := c.problem.String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestProblemsSorted: by file, then by line as a number; each once.
func TestProblemsSorted(t *testing.T) {
	at := func(file string, line, column int) schema.Problem {
		return schema.Problem{Pos: schema.Pos{File: file, Line: line, Column: column}, Rule: "schema", Message: "m"}
	}
	got := schema.Problems{at("b", 1, 1), at("a", 10, 1), at("a", 9, 2), at("a", 9, 1), at("a", 9, 2)}.Sorted()
	want := schema.Problems{at("a", 9, 1), at("a", 9, 2), at("a", 10, 1), at("b", 1, 1)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if (schema.Problems{}).Err() != nil || len(got.Unwrap()) != 4 || strings.Count(got.Err().Error(), "\n") != 3 {
		t.Errorf("as an error: %v", got.Err())
	}
}
